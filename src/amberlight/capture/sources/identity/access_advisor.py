"""Which services did this principal really use, and when last, out of those that it may use?

IAM's service last accessed data (Access Advisor) for the user or role: for every service that the policies allow, the
time and the Region of the last authenticated attempt, and for the services that report it the single actions. It covers
data-plane use that no trail records, and it lasts for 400 days where the event history ends after 90.

IAM makes the report as a job; the source starts one and waits for it. Recent use appears within about four hours, so a
service that was first used an hour ago may be missing: the API-call history is the source for that. A denied attempt
counts as an access.

Nothing stays behind that anybody else can list; the calls are in the trail as reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from amberlight.capture.answers import PROBLEMS, merged, missing, received, wait_until
from amberlight.model.evidence import Artifact, Bytes, Call, Context, Cost, Missing, Source

PATIENCE_S = 120.0
PATH = "service-last-accessed.json"


def capture(context: Context) -> Iterator[Artifact]:
    """Yield the finished report of the target principal."""
    try:
        arn = _arn(context)
        job = context.aws.call("iam.GenerateServiceLastAccessedDetails", Arn=arn, Granularity="ACTION_LEVEL")["JobId"]
        pages = _finished(context, job)
    except PROBLEMS as problem:
        yield missing(PATH, problem)
        return
    state = pages[-1]["JobStatus"]
    if state != "COMPLETED":
        said = pages[-1].get("Error", {}).get("Message", "no reason was given")
        yield Missing(
            what=PATH,
            state="failed" if state == "FAILED" else "unreachable",
            reason=f"IAM did not finish the report within {PATIENCE_S:.0f} seconds: {state}, {said}.",
        )
        return
    services = [service for page in pages for service in page.get("ServicesLastAccessed", [])]
    used = sorted(service["ServiceNamespace"] for service in services if service.get("LastAuthenticated"))
    yield Bytes(
        path=PATH,
        data=received(merged(pages)),
        facts={"principal": arn, "services": len(services), "used": used, "pages": len(pages)},
    )
    if not services:
        yield Missing(what=PATH, state="empty", reason="No policy of the principal allows any service.")


def _arn(context: Context) -> str:
    """The principal's ARN as IAM has it: its path cannot be guessed from the name."""
    kind = "User" if context.target.type == "user" else "Role"
    answer = context.aws.call(f"iam.Get{kind}", **{f"{kind}Name": context.target.name})
    return str(answer[kind]["Arn"])


def _finished(context: Context, job: str) -> list[dict[str, Any]]:
    """All pages of the report once the job is over; the last state seen where it is not over in time."""
    answer: dict[str, Any] = {}
    for _ in wait_until(context, PATIENCE_S):
        answer = context.aws.call("iam.GetServiceLastAccessedDetails", JobId=job)
        if answer["JobStatus"] != "IN_PROGRESS":
            break
    pages = [answer]
    while pages[-1].get("IsTruncated"):
        pages.append(context.aws.call("iam.GetServiceLastAccessedDetails", JobId=job, Marker=pages[-1]["Marker"]))
    return pages


OPERATIONS = ("GetUser", "GetRole", "GenerateServiceLastAccessedDetails", "GetServiceLastAccessedDetails")

SOURCE = Source(
    id="identity.access_advisor",
    title="Services that a principal really used",
    takes=("user", "role"),
    capture=capture,
    calls=tuple(Call(operation=f"iam.{name}", actions=(f"iam:{name}",)) for name in OPERATIONS),
    seen=1,
    seen_text="the calls are in the account's trail as reads of IAM",
    gone_after=timedelta(days=400),
    reaches_back=timedelta(days=400),
    cost=Cost(usd=0.0, basis="IAM is free of charge (2026-11)"),
    needs=(),
    yields=("application/json",),
    leaves=(),
    references=(
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_last-accessed.html",
        "https://docs.aws.amazon.com/IAM/latest/APIReference/API_GenerateServiceLastAccessedDetails.html",
        "https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetServiceLastAccessedDetails.html",
    ),
    lasts=timedelta(seconds=10),
)
