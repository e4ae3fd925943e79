"""The report in words, for terminals of 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import groupby

from amberlight.model.trail_proof import FileCounts, ProofFinding, ProvedHour, TrailProof

WIDTH = 80
FINDINGS_MOST = 40
HOUR = timedelta(hours=1)


def words(proof: TrailProof) -> str:
    """The whole report: hours in runs of one state, files, keys, findings, and the verdict last."""
    lines: list[str] = []
    for (account, region), rows in groupby(proof.hours, key=lambda row: (row.account, row.region)):
        lines += [f"{account}  {region}", *_runs(rows), ""]
    lines += [_counts("log files", proof.logs), _counts("digests", proof.digests)]
    if proof.recovered:
        lines.append(f"           {proof.recovered} signatures recovered from the next digest")
    for key in proof.keys:
        lines += _wrap(f"key        {key.region} {key.fingerprint}: {key.digests} digests, from {key.source}", 11)
        lines.append(f"           {key.sha256}")
    lines += ["", *_findings(proof)] if proof.findings else []
    for note in proof.notes:
        lines += _wrap(f"note       {note}", 11)
    return "\n".join([*lines, "", verdict(proof)])


def verdict(proof: TrailProof) -> str:
    """One sentence, at most 80 columns."""
    if proof.ok and proof.pending:
        return "All that was due is as CloudTrail signed it; the newest log files are not proved."
    if proof.ok:
        return "Everything is as CloudTrail signed it."
    if proof.exit_code == 4:  # noqa: PLR2004 - the exit code for altered evidence
        return "Something here is NOT what CloudTrail signed."
    return "Nothing contradicts the signatures, but not everything is there and proved."


def sentence(proof: TrailProof) -> str:
    """The proof in one line, for a story or a page."""
    files, digests = proof.files, proof.digests
    parts = [f"{digests.valid} digests and {proof.logs.valid} log files proved by CloudTrail's signatures"]
    for count, word in (
        (files.altered, "ALTERED"),
        (files.missing, "missing"),
        (files.unsigned, "unproved"),
        (proof.pending, "too new to be proved"),
    ):
        parts += [f"{count} {word}"] if count else []
    for one in proof.stopped[:3]:
        parts.append(f"logging of {one.trail} stopped{f' at {one.since:%H:%M:%S} UTC' if one.since else ''}")
    return "; ".join(parts)


def _runs(rows: Iterable[ProvedHour]) -> Iterator[str]:
    """Hours that follow one another in the same state as one line."""
    run: list[ProvedHour] = []
    for row in rows:
        if run and (row.state != run[-1].state or row.hour - run[-1].hour != HOUR):
            yield _run(run)
            run = []
        run.append(row)
    if run:
        yield _run(run)


def _run(run: list[ProvedHour]) -> str:
    first, last = run[0].hour, run[-1].hour
    end = f" to {last:%Y-%m-%d %H:59}" if len(run) > 1 else " " * 20
    hours = f"{len(run)} hour{'s' if len(run) > 1 else ''}"
    return f"  {first:%Y-%m-%d %H:%M}{end}  {run[0].state:<9}{hours}"


def _counts(name: str, counts: FileCounts) -> str:
    return f"{name:<11}" + "  ".join(f"{value} {field}" for field, value in _pairs(counts))


def _pairs(counts: FileCounts) -> list[tuple[str, int]]:
    return [(field, getattr(counts, field)) for field in FileCounts.__struct_fields__]


def _findings(proof: TrailProof) -> Iterator[str]:
    for one in proof.findings[:FINDINGS_MOST]:
        yield from _finding(one)
    more = len(proof.findings) - FINDINGS_MOST + proof.unlisted
    if more > 0:
        yield f"... and {more} more; --json lists them"


def _finding(one: ProofFinding) -> Iterator[str]:
    when = f"{one.hour:%Y-%m-%d %H}h " if one.hour else ""
    where = f"{one.account} {one.region}: " if one.region else ""
    yield from _wrap(f"{one.state:<9}{when}{where}{one.reason}", 9)
    if one.what:
        yield from _wrap(one.what.rpartition("/")[2], 9, first=9)


def _wrap(text: str, indent: int, first: int = 0) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=" " * first, subsequent_indent=" " * indent, break_on_hyphens=False
    )
