"""What a capture that is begun again reads out of the ledger: the same records that were entered."""

from datetime import UTC, datetime

from amberlight._aws import SystemClock
from amberlight.capture import history
from amberlight.model.codec import to_builtins
from amberlight.model.evidence import ApiCall, Evidence, Gap
from amberlight.model.signals import Target
from amberlight.vault import FolderStore, Ledger, LocalSigner

NOW = datetime(2026, 11, 24, 3, 0, 0, 250_000, tzinfo=UTC)


def book(folder, signer):
    return Ledger(
        FolderStore(folder / "vault", SystemClock()), signer, case_id="c", kind="drill", clock=SystemClock(), actor="a", authority="b",
        tool="t",
    )  # fmt: skip


def test_items_and_gaps_are_read_as_they_were_entered(tmp_path):
    call = ApiCall(
        operation="ec2.DescribeVolumes", principal="p", account="1", region="r", when=NOW, took_ms=12.75, status=200
    )
    target = Target(type="account", account="111122223333", region="eu-central-1", name="all")
    item = Evidence(
        id="e", case="c", kind="drill", step="s1", source="config.inventory", target=target, path="a/b.json", key="k",
        version="v", size_bytes=1, sha256="0" * 64, sha512="0" * 128, media_type="application/json", started=NOW,
        sealed=NOW, retain_until=NOW, calls=(call,), calls_made=1,
    )  # fmt: skip
    gap = Gap(source="config.inventory", target="t", account="1", region="r", state="denied", reason="no")
    signer = LocalSigner.create(tmp_path / "key.pem")
    first = book(tmp_path, signer)
    first.append("intended", {"step": "s1"})
    first.append("acquired", to_builtins(item))
    first.append("missed", {"step": "s1", **to_builtins(gap)})

    found = history.read(book(tmp_path, signer).entries())
    assert found.sealed == {"s1": {"a/b.json": item}}
    assert found.missed == {("s1", gap)}
    assert found.begun == {"s1": 1}
