"""The curve, keys, signatures and JSON of both checks that strangers run, held against `cryptography` and `rfc8785`."""

import base64
import hashlib
import json

import pytest
import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from amberlight.vault import check_exhibit, verify
from amberlight.vault.verify import N, P, Tree

ECDSA = ec.ECDSA(hashes.SHA256())


@pytest.fixture(scope="module", params=[verify, check_exhibit], ids=["package", "exhibit"])
def check(request):
    """The one that is copied into packages, and the one that is copied into exhibits."""
    return request.param


def pem_of(key):
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def accepted(key, data, signature):
    try:
        key.public_key().verify(signature, data, ECDSA)
    except InvalidSignature:
        return False
    return True


@given(st.integers(1, N - 1), st.binary(max_size=200), st.integers(0, 8 * 72))
@settings(max_examples=60, deadline=None)
def test_signatures_are_judged_as_cryptography_judges_them(check, secret, data, bit):
    key = ec.derive_private_key(secret, ec.SECP256R1())
    point, fingerprint = check.key_point(pem_of(key))
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert fingerprint == hashlib.sha256(der).hexdigest()
    signature = key.sign(data, ECDSA)
    assert check.signed(point, data, signature)
    assert not check.signed(point, data + b"x", signature)
    bit %= len(signature) * 8
    bent = bytearray(signature)
    bent[bit // 8] ^= 1 << bit % 8
    try:
        ours = check.signed(point, data, bytes(bent))
    except check.Bad:
        ours = False
    assert ours == accepted(key, data, bytes(bent)) is False


@pytest.mark.parametrize("secret", [1, 2, N - 1, N - 2, (N - 1) // 2])
def test_the_corner_keys(check, secret):
    key = ec.derive_private_key(secret, ec.SECP256R1())
    point, _ = check.key_point(pem_of(key))
    for data in (b"", b"a", b"b", b"c"):
        assert check.signed(point, data, key.sign(data, ECDSA))
        assert not check.signed(point, data + b"!", key.sign(data, ECDSA))


@given(st.integers(1, N - 1), st.integers(1, N - 1))
@settings(max_examples=30, deadline=None)
def test_made_up_signatures_are_refused(check, r, s):
    key = ec.derive_private_key(12345, ec.SECP256R1())
    signature = encode_dss_signature(r, s)
    assert check.signature_numbers(signature) == (r, s)
    assert check.signed(check.key_point(pem_of(key))[0], b"data", signature) == accepted(key, b"data", signature)


@pytest.mark.parametrize("r, s", [(0, 1), (1, 0), (N, 1), (1, N), (N + 1, 1), (2**256, 1), (2**400, 1)])
def test_numbers_out_of_range_are_no_signature(check, r, s):
    with pytest.raises(check.Bad):
        check.signature_numbers(encode_dss_signature(r, s))


@given(st.binary(max_size=80) | st.binary(min_size=250, max_size=600))
def test_no_bytes_crash_the_signature_reader(check, data):
    try:
        r, s = check.signature_numbers(data)
    except check.Bad:
        return
    assert encode_dss_signature(r, s) == data


def test_other_forms_of_the_same_signature_are_refused(check):
    der = encode_dss_signature(5, 7)
    for bent in (der + b"\0", b"\x30\x81" + der[1:], der[:2] + b"\x02\x02\x00\x05" + der[5:], b"", b"\x30\x80"):
        with pytest.raises(check.Bad):
            check.signature_numbers(bent)


@given(st.binary(max_size=300))
def test_no_bytes_crash_the_key_reader(check, data):
    with pytest.raises(check.Bad):
        check.key_point(data)


def test_keys_of_other_kinds_and_points_off_the_curve_are_refused(check):
    with pytest.raises(check.Bad):
        check.key_point(pem_of(ec.generate_private_key(ec.SECP384R1())))
    good = pem_of(ec.generate_private_key(ec.SECP256R1()))
    for bent in (good + b"\n", good.replace(b"\n", b"\r\n"), b"\n" + good, good[:-1], good.replace(b"==", b"=A")):
        with pytest.raises(check.Bad):
            check.key_point(bent)
    for x, y in ((0, 0), (5, 5), (P, 1), (1, P)):
        der = check.SPKI + x.to_bytes(32, "big") + y.to_bytes(32, "big")
        with pytest.raises(check.Bad, match="curve"):
            check.key_point(armored(der))


def test_the_tree_is_the_ledgers_tree():
    from amberlight.vault.tree import Tree as Ours

    ours, theirs = Ours(), Tree()
    for n in range(130):
        ours.add(b"%d" % n)
        theirs.add(b"%d" % n)
        assert theirs.root() == ours.root().hex()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(max_codepoint=0xD7FF)), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.text(st.characters(max_codepoint=0xD7FF)), VALUES, max_size=4))
@settings(max_examples=200, deadline=None)
def test_canonical_json_is_what_rfc8785_writes(check, value):
    assert check.parse(rfc8785.dumps(value)) == value
    loose = json.dumps(value, indent=1).encode()
    if loose != rfc8785.dumps(value):
        with pytest.raises(check.Bad):
            check.parse(loose)


@pytest.mark.parametrize("data, said", [
    (b'{"a":1,"a":1}', "twice"), (b'{"a":1.0}', "no whole"), (b'{"a":1e400}', "no whole"), (b'{"a":NaN}', "no whole"),
    (b'{"a":9007199254740992}', "too large"), (b'{"a":' + b"9" * 9999 + b"}", "too large"), (b'{"a":-0}', "canonical"),
    (b'{"b":1,"a":1}', "canonical"), (b'{"a": 1}', "canonical"), (b'{"a":"\\u0061"}', "canonical"),
    (b'{"a":"\\ud800"}', "no JSON"), (b"[]", "no JSON object"), (b"", "no JSON"), (b"\xff", "no JSON"),
    (b"\xef\xbb\xbf{}", "no JSON"), (b'{"a":1}\n', "canonical"), (b'{"a":1}{}', "no JSON"), (b"null", "no JSON object"),
    (b'{"a":' * 99999, "nested"), (b'{"a":' + b"[" * 99999 + b"]" * 99999 + b"}", "nested"),
])  # fmt: skip
def test_json_of_another_form_is_named(check, data, said):
    with pytest.raises(check.Bad, match=said):
        check.parse(data)


@given(st.binary(max_size=60))
@settings(max_examples=200)
def test_no_bytes_crash_the_json_reader(check, data):
    try:
        check.parse(data)
    except check.Bad:
        return


@pytest.mark.parametrize("text", ["ab" * 32, "AB" * 32, ":".join(["ab"] * 32), " " + "ab" * 32, "SHA256:" + "ab" * 32])
def test_a_fingerprint_is_read_as_people_write_it(check, text):
    assert check.fingerprint_of(text) == "ab" * 32


@pytest.mark.parametrize("text", ["", "ab", "ab" * 33, "zz" * 32])
def test_what_is_no_fingerprint_is_refused(check, text):
    with pytest.raises(check.Bad):
        check.fingerprint_of(text)


def test_what_is_printed_cannot_move_the_cursor(check):
    assert check.shown("a\x1b[2J\n\u202eb\udc80é") == "a\\x1b[2J\\n\\u202eb\\udc80é"


def test_a_key_is_taken_in_exactly_one_form(check):
    good = pem_of(ec.derive_private_key(7, ec.SECP256R1()))
    first, *rows, last = good.decode().splitlines()
    text = "".join(rows)
    forms = (
        [first, text, last], [first.replace("PUBLIC", "EC PUBLIC"), *rows, last], [first, *rows, last.lower()],
        [first, text[:60], text[60:], last], [first, text[:64], text[64:] + "=", last], [first, text[:64] + "*", text[64:], last],
    )  # fmt: skip
    assert check.key_point(good)
    for form in forms:
        with pytest.raises(check.Bad, match="in PEM"):
            check.key_point(("\n".join(form) + "\n").encode())


def test_a_key_of_another_length_is_none(check):
    der = base64.b64decode("".join(pem_of(ec.derive_private_key(7, ec.SECP256R1())).decode().splitlines()[1:-1]))
    for bent in (der + b"\0", der[:-1], der[:26], b"", b"\x31" + der[1:]):
        with pytest.raises(check.Bad, match="in PEM"):
            check.key_point(armored(bent))
    assert check.key_point(armored(der))


def armored(der):
    text = base64.b64encode(der)
    rows = b"\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return b"-----BEGIN PUBLIC KEY-----\n" + rows + b"\n-----END PUBLIC KEY-----\n"


def test_a_coordinate_is_below_the_prime(check):
    """The point with x = 0 is on the curve; written with x = P it would be a second form of it."""
    y = pow(check.B, (P + 1) // 4, P)
    assert y * y % P == check.B
    good, bent = (check.SPKI + x.to_bytes(32, "big") + y.to_bytes(32, "big") for x in (0, P))
    assert check.key_point(armored(good))[0] == (0, y)
    with pytest.raises(check.Bad, match="curve"):
        check.key_point(armored(bent))


@pytest.mark.parametrize("value, said", [
    ({"schema": "s/1", "n": 1}, ""), ({"schema": "s/2", "n": 1}, "schema s/1"), ({"schema": "s/1", "n": "1"}, "field n"),
    ({"schema": "s/1", "n": True}, "field n"), ({"schema": "s/1"}, "not the fields"),
    ({"schema": "s/1", "n": 1, "m": 1}, "not the fields"),
])  # fmt: skip
def test_a_record_has_its_fields_types_and_schema(check, value, said):
    if not said:
        check.take(value, {"schema": str, "n": int}, "s/1")
        return
    with pytest.raises(check.Bad, match=said):
        check.take(value, {"schema": str, "n": int}, "s/1")


def test_whole_numbers_are_taken_as_far_as_every_reader_holds_them(check):
    for number in (2**53 - 1, 1 - 2**53, 0):
        assert check.parse(b'{"a":%d}' % number) == {"a": number}
    for number in (2**53, -(2**53), 10**16, 10**17, 10**18):
        with pytest.raises(check.Bad, match="too large"):
            check.parse(b'{"a":%d}' % number)


def test_the_shortest_and_the_longest_signature_are_read(check):
    assert check.signature_numbers(encode_dss_signature(1, 1)) == (1, 1)
    assert check.signature_numbers(encode_dss_signature(N - 1, N - 1)) == (N - 1, N - 1)
    assert {len(encode_dss_signature(n, n)) for n in (1, N - 1)} == {8, 72}


def test_points_are_added_as_on_paper(check):
    """In Jacobian coordinates: nothing is the neutral element, a point and its mirror image are nothing."""
    x, y = check.G
    base, mirror, nothing = (x, y, 1), (x, P - y, 1), (0, 1, 0)

    def plain(point):
        inverse = pow(point[2], -1, P)
        return point[0] * inverse * inverse % P, point[1] * inverse**3 % P

    assert check.add(base, nothing) == check.add(nothing, base) == base
    assert check.add(base, mirror)[2] == 0
    assert plain(check.add(base, base)) == plain(check.double(base))
    two = check.double(base)
    assert plain(check.add(two, base)) == plain(check.add(base, two))
    for secret in (2, 3, 4, 5):
        wanted = ec.derive_private_key(secret, ec.SECP256R1()).public_key().public_numbers()
        made = nothing
        for _ in range(secret):
            made = check.add(made, base)
        assert plain(made) == (wanted.x, wanted.y)


def test_as_many_cores_are_used_as_there_are(monkeypatch):
    import os

    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    for said, used in ((3, 3), (None, 1)):
        monkeypatch.setattr(os, "cpu_count", lambda said=said: said)
        assert verify.cores() == used
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 5}, raising=False)
    assert verify.cores() == 2
