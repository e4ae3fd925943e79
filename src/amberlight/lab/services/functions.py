"""Lambda: a function stays active while its configuration is changed.

References:
    "Lambda function states", Lambda Developer Guide, 2026-11: an update shows in `LastUpdateStatus`, and `State` stays `Active`, so
    that calls go on to reach the function as it was; real answers of UpdateFunctionConfiguration give the reason.
"""

from __future__ import annotations

from typing import Any

from amberlight.lab import hooks
from amberlight.lab.world import World

_UPDATING = {
    "State": "Active", "StateReason": "", "StateReasonCode": "", "LastUpdateStatus": "InProgress",
    "LastUpdateStatusReason": "The function is being created.", "LastUpdateStatusReasonCode": "Creating",
}  # fmt: skip
_OK = 200


def install(_: World) -> None:
    """Put the operation in place."""
    functions = hooks.service("lambda_svc")

    def update(name: str, data: dict[str, Any]) -> Any:
        known = functions._functions.get(name)
        active = known is not None and known["config"].get("State") == "Active"
        answer = old(name, data)
        if not active or answer[0] != _OK:
            return answer
        config = functions._functions[name]["config"]
        config.update(_UPDATING)
        return functions.json_response(config)

    old = hooks.replace("services.lambda_svc", "_update_config", update)
