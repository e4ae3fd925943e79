"""The sign-in page of the console, for IAM users with a password; who signs in is in the trail as `ConsoleLogin`.

The page's form is sent to `/_signin/authenticate` of the lab's endpoint, or to `/authenticate` under the name
`signin.aws.amazon.com`: `action=iam-user-authentication`, `account`, `username`, `password`, `redirect_uri`. It answers in JSON
whether the password is right. There is no console behind it: the answer is all that a sign-in gets. A user with an MFA device is
asked for its code and gets no further, since the lab cannot check one.

A password is kept as a salted hash. A login profile cannot be changed in the first moments after it was made.

References:
    "AWS Management Console sign-in events", CloudTrail User Guide, 2026-11: fields, `Failed authentication`, unknown user names hidden.
    CreateLoginProfile, DeleteLoginProfile (`EntityTemporarilyUnmodifiable`), IAM API Reference, 2026-11.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from amberlight.lab import clock, hooks
from amberlight.lab.options import REGION
from amberlight.lab.recorder import record
from amberlight.lab.recorder.identity import Caller
from amberlight.lab.recorder.shape_json import HIDDEN
from amberlight.lab.world import World

HOST, PATH, OWN_PATH = "signin.aws.amazon.com", "/authenticate", "/_signin/authenticate"
_CONSOLE = "https://console.aws.amazon.com/console/home"
_SETTLES_S = 0.5
"""How long a new login profile cannot be changed (AWS: some seconds)."""

_MOST_BYTES = 16384


REAL = {"iam.CreateLoginProfile": "the password signs in to the console, and no other does"}


@dataclasses.dataclass(frozen=True)
class _Secret:
    salt: bytes
    hashed: bytes
    made: float

    @classmethod
    def of(cls, password: str, made: float) -> _Secret:
        salt = secrets.token_bytes(16)
        return cls(salt, cls.hash(password, salt), made)

    @staticmethod
    def hash(password: str, salt: bytes) -> bytes:
        return hashlib.scrypt(password.encode(), salt=salt, n=2**12, r=8, p=1)


Secrets = dict[tuple[str, str], _Secret]
"""By account and user name."""


def install(world: World) -> None:
    """Keep passwords, and put the page in front of everything."""
    kept: Secrets = {}
    _keep_passwords(kept)
    world.fronts.append(lambda app: _front(app, world, kept))


def _keep_passwords(kept: Secrets) -> None:
    iam = hooks.service("iam")

    def key(params: Any) -> tuple[str, str]:
        return hooks.current_account(), str(iam._p(params, "UserName"))

    def create(params: Any) -> Any:
        answer = makes(params)
        if answer[0] < 300:  # noqa: PLR2004
            kept[key(params)] = _Secret.of(str(iam._p(params, "Password")), clock.now())
        return answer

    def update(params: Any) -> Any:
        answer = _unsettled(kept.get(key(params)), key(params)[1]) or changes(params)
        if answer[0] < 300 and iam._p(params, "Password"):  # noqa: PLR2004
            kept[key(params)] = _Secret.of(str(iam._p(params, "Password")), 0.0)
        return answer

    def delete(params: Any) -> Any:
        answer = _unsettled(kept.get(key(params)), key(params)[1]) or removes(params)
        if answer[0] < 300:  # noqa: PLR2004
            kept.pop(key(params), None)
        return answer

    makes = hooks.replace("services.iam", "_create_login_profile", create)
    changes = hooks.replace("services.iam", "_update_login_profile", update)
    removes = hooks.replace("services.iam", "_delete_login_profile", delete)


def _unsettled(secret: _Secret | None, user: str) -> Any:
    if secret is None or clock.now() - secret.made >= _SETTLES_S:
        return None
    said = f"Login Profile for User {user} cannot be modified while login profile is being created."
    return hooks.service("iam")._error(409, "EntityTemporarilyUnmodifiable", said, ns="iam")


def _front(app: Callable[..., Any], world: World, kept: Secrets) -> Callable[..., Any]:
    async def page(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not _is_page(scope):
            await app(scope, receive, send)
            return
        body, more = b"", True
        while more and len(body) <= _MOST_BYTES:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        form = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        address = world.network.caller(str(scope["server"][0]), str(scope["client"][0]))
        status, answer = _sign_in(world, kept, form, _headers(scope), address)
        await send({
            "type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")],
        })  # fmt: skip
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    return page


def _is_page(scope: MutableMapping[str, Any]) -> bool:
    named = _headers(scope).get("host", "").partition(":")[0] == HOST
    return bool(scope["method"] == "POST" and scope["path"] == (PATH if named else OWN_PATH))


def _headers(scope: MutableMapping[str, Any]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


def _sign_in(
    world: World, kept: Secrets, form: dict[str, str], headers: dict[str, str], address: str
) -> tuple[int, dict[str, Any]]:
    account, name = form.get("account", ""), form.get("username", "")
    if form.get("action") != "iam-user-authentication" or account not in {each.id for each in world.accounts.values()}:
        return 400, {"state": "FAIL", "properties": {"result": "FAILURE", "text": "The lab signs in IAM users alone."}}
    user, secret = hooks.service("iam")._users.get_scoped(account, None, name), kept.get((account, name))
    right = secret is not None and hmac.compare_digest(
        _Secret.hash(form.get("password", ""), secret.salt), secret.hashed
    )
    if right and _has_mfa(account, name):
        return 200, {"state": "SUCCESS", "properties": {"result": "MFA", "text": "The lab cannot check codes."}}
    made = _login(form, headers, address, user if secret is not None else None)
    if right:
        made.update({"responseElements": {"ConsoleLogin": "Success"}})
    else:
        made.update({"responseElements": {"ConsoleLogin": "Failure"}, "errorMessage": "Failed authentication"})
        made["userIdentity"].pop("arn", None)
        made["userIdentity"]["accessKeyId"] = ""
    identity = made["userIdentity"]
    caller = Caller(account, str(identity.get("arn", "")), str(identity["userName"]), "", identity)
    world.recorder.write(made, account, REGION, clock.now(), caller=caller)
    if right:
        return 200, {"state": "SUCCESS", "properties": {"result": "SUCCESS", "redirectUrl": _target(form)}}
    text = "Your authentication information is incorrect. Please try again."
    return 200, {"state": "FAIL", "properties": {"result": "FAILURE", "text": text}}


def _has_mfa(account: str, name: str) -> bool:
    devices = hooks.service("iam")._mfa_devices.to_dict().items()
    return any(where[0] == account and device["User"] == name for where, device in devices)


def _target(form: dict[str, str]) -> str:
    return form.get("redirect_uri") or _CONSOLE


def _login(form: dict[str, str], headers: dict[str, str], address: str, user: Any) -> dict[str, Any]:
    """The record of a sign-in; nobody is told the name of a user that there is not."""
    account = form["account"]
    made = record.blank(clock.now(), REGION, account, "signin.amazonaws.com", "ConsoleLogin")
    identity = {"type": "IAMUser", "accountId": account, "userName": HIDDEN}
    if user is not None:
        identity.update(principalId=str(user["UserId"]), arn=str(user["Arn"]), userName=str(user["UserName"]))
    del made["requestID"]
    made.update({
        "eventVersion": "1.08", "userIdentity": identity, "sourceIPAddress": address, "eventType": "AwsConsoleSignIn",
        "userAgent": headers.get("user-agent", ""),
        "additionalEventData": {"LoginTo": _target(form), "MobileVersion": "No", "MFAUsed": "No"},
        "tlsDetails": {"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256",
                       "clientProvidedHostHeader": headers.get("host", "")},
    })  # fmt: skip
    return made
