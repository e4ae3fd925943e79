"""Who may do what in this account, with which credentials, and when were those last used?

For an account: `account-authorization-details.json` (every user, group, role and customer policy with all policy texts,
pages joined as the AWS CLI joins them), `credential-report.csv` (raw, as IAM wrote it: passwords, keys, MFA devices and
their last use), the account summary and the password policy. For a user or an access key under suspicion: the keys and,
for each, when, where and for which service it was last used.

The credential report may be up to four hours old: IAM writes a new one only then. The time when it was written is in
the facts. Last use is rounded and may be hours late; the API-call history is the exact source.

Nothing stays behind but the report that IAM keeps for four hours, which any reader of reports can get.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from amberlight.capture.answers import PROBLEMS, ask, ask_pages, missing, path_of, received, wait_until
from amberlight.model.errors import NotPossible
from amberlight.model.evidence import Artifact, Bytes, Call, Context, Cost, Missing, Source

PATIENCE_S = 60.0
REPORT = "credential-report.csv"


def capture(context: Context) -> Iterator[Artifact]:
    """Yield what IAM says of the account, or of one user's or one key's credentials."""
    if context.target.type == "account":
        yield from ask_pages(context.aws, "account-authorization-details.json", "iam.GetAccountAuthorizationDetails")[0]
        yield from _report(context)
        yield ask(context.aws, "account-summary.json", "iam.GetAccountSummary")
        yield _password_policy(context)
    elif context.target.type == "user":
        yield from _keys_of(context, context.target.name)
    else:
        yield _last_used(context, context.target.name)


def _report(context: Context) -> Iterator[Artifact]:
    """The credential report: asked for, waited for, fetched."""
    state = ""
    try:
        for _ in wait_until(context, PATIENCE_S):
            state = context.aws.call("iam.GenerateCredentialReport").get("State", "")
            if state == "COMPLETE":
                break
        else:
            yield Missing(what=REPORT, state="unreachable", reason=f"IAM did not finish the report: {state}.")
            return
        answer = context.aws.call("iam.GetCredentialReport")
    except PROBLEMS as problem:
        yield missing(REPORT, problem)
        return
    written = answer.get("GeneratedTime")
    facts = {"written": written.isoformat() if isinstance(written, datetime) else written}
    yield Bytes(path=REPORT, data=answer["Content"], media_type="text/csv", facts=facts)


def _password_policy(context: Context) -> Artifact:
    """The password policy; that there is none is an answer."""
    path = "account-password-policy.json"
    try:
        return Bytes(path=path, data=received(context.aws.call("iam.GetAccountPasswordPolicy")))
    except NotPossible as problem:
        if problem.aws_code != "NoSuchEntity":
            return missing(path, problem)
        return Bytes(path=path, data=received({"absent": problem.aws_code}), facts={"absent": True})
    except PROBLEMS as problem:
        return missing(path, problem)


def _keys_of(context: Context, user: str) -> Iterator[Artifact]:
    """The user's access keys, and when each was last used."""
    path = f"access-keys.{path_of(user)}.json"
    artifacts, pages = ask_pages(context.aws, path, "iam.ListAccessKeys", UserName=user)
    yield from artifacts
    keys = sorted(key["AccessKeyId"] for page in pages for key in page["AccessKeyMetadata"])
    if pages and not keys:
        yield Missing(what=f"access keys of {user}", state="empty", reason="The user has no access key.")
    for key in keys:
        yield _last_used(context, key)


def _last_used(context: Context, key: str) -> Artifact:
    return ask(context.aws, f"last-used.{path_of(key)}.json", "iam.GetAccessKeyLastUsed", AccessKeyId=key)


OPERATIONS = (
    "GetAccountAuthorizationDetails",
    "GenerateCredentialReport",
    "GetCredentialReport",
    "GetAccountSummary",
    "GetAccountPasswordPolicy",
    "ListAccessKeys",
    "GetAccessKeyLastUsed",
)

SOURCE = Source(
    id="identity.authorization",
    title="Principals, permissions and credentials",
    takes=("account", "user", "key"),
    capture=capture,
    calls=tuple(Call(operation=f"iam.{name}", actions=(f"iam:{name}",)) for name in OPERATIONS),
    seen=1,
    seen_text="reads of IAM are in the account's trail; GenerateCredentialReport is one that people notice",
    gone_after=None,
    reaches_back=timedelta(0),
    cost=Cost(usd=0.0, basis="IAM is free of charge (2026-11)"),
    needs=(),
    yields=("application/json", "text/csv"),
    leaves=("a credential report that IAM keeps for four hours and then writes anew on request",),
    references=(
        "https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html",
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html",
        "https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccessKeyLastUsed.html",
    ),
)
