"""Packets become the frames that a network card would have sent."""

import struct

from amberlight.lab.mirror import FilterRule, Session, envelope, frame
from amberlight.lab.packets import frames


def ones(data):
    """The checksum of RFC 1071, the slow way."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def ip(protocol, body, flags=0):
    head = struct.pack(
        ">BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 7, flags, 64, protocol, 0, b"\x0a\x4d\0\x0a", b"\xcb\0\x71\x0a"
    )
    return head[:10] + struct.pack(">H", ~ones(head) & 0xFFFF) + head[12:] + body


def pseudo(packet):
    return packet[12:20] + struct.pack(">HH", packet[9], len(packet) - 20)


def tcp(payload, *, check=None, flags=0x18):
    body = struct.pack(">HHIIBBHHH", 40000, 80, 1000, 5, 0x50, flags, 100, 0, 0) + payload
    packet = ip(6, body)
    return packet[:36] + struct.pack(">H", ones(pseudo(packet)) if check is None else check) + packet[38:]


def good(packet):
    return ones(pseudo(packet) + packet[20:]) == 0xFFFF and ones(packet[:20]) == 0xFFFF


def test_a_checksum_left_to_the_card_is_filled_in_and_a_wrong_one_stays_wrong():
    (filled,) = frames(tcp(b"abc"), 1500)
    assert good(filled)
    wrong = tcp(b"abc", check=0xDEAD)
    assert list(frames(wrong, 1500)) == [wrong]


def test_a_packet_of_many_segments_is_cut_as_a_card_cuts_it():
    payload = bytes(range(256)) * 20
    made = list(frames(tcp(payload), 1500))
    assert [len(each) for each in made] == [1500, 1500, 1500, 40 + 5120 - 3 * 1460]
    assert b"".join(each[40:] for each in made) == payload
    assert all(good(each) for each in made)
    assert [struct.unpack_from(">I", each, 24)[0] for each in made] == [1000, 2460, 3920, 5380]
    assert [each[33] & 8 for each in made] == [0, 0, 0, 8]
    assert [struct.unpack_from(">H", each, 4)[0] for each in made] == [7, 8, 9, 10]


def test_fragments_and_short_packets_are_left_alone():
    fragment = ip(17, b"\0" * 8, flags=0x2000)
    assert list(frames(fragment, 1500)) == [fragment]
    short = ip(17, b"\0" * 3)
    assert list(frames(short, 1500)) == [short]


def test_the_first_rule_that_applies_decides():
    packet = tcp(b"x")
    web = FilterRule(
        accept=False, source="0.0.0.0/0", destination="203.0.113.0/24", protocol=6, destination_ports=(80, 80)
    )
    rest = FilterRule(accept=True, source="10.77.0.0/24", destination="0.0.0.0/0")
    session = Session("10.77.0.10", "10.77.0.11", 5, None, {"egress": (web, rest), "ingress": ()})
    assert not session.wants("egress", packet)
    assert not session.wants("ingress", packet)
    assert session.wants("egress", ip(1, b"\x08\0" + b"\0" * 6))
    udp = FilterRule(accept=True, source="0.0.0.0/0", destination="0.0.0.0/0", protocol=17, source_ports=(1, 9))
    assert not udp.applies(packet)
    assert udp.applies(ip(17, struct.pack(">HHHH", 9, 53, 8, 0)))
    assert not udp.applies(ip(17, struct.pack(">HHHH", 10, 53, 8, 0)))


def test_an_envelope_is_vxlan_and_cut_to_length():
    session = Session("10.77.0.10", "10.77.0.11", 0x123456, 60, {})
    inner = frame("10.77.0.10", "egress", tcp(b"z" * 100))
    made = envelope(session, inner)
    assert struct.unpack_from(">H", made, 22)[0] == 4789
    assert made[28:36] == b"\x08\0\0\0\x12\x34\x56\0"
    assert made[36:] == inner[:60]
    assert inner[:14] == bytes.fromhex("024d0a4d0001" + "024d0a4d000a" + "0800")
