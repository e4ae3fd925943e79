"""Parameter Store keeps a hundred versions of a parameter; the oldest goes when one more comes, unless it has a label.

References:
    "Working with parameter versions" and ParameterMaxVersionLimitExceeded of PutParameter, AWS Systems Manager, 2026-11.
"""

from __future__ import annotations

from typing import Any

from amberlight.lab import hooks
from amberlight.lab.world import World

_MOST = 100


def install(_: World) -> None:
    """Bound what the emulator keeps for ever."""
    ssm = hooks.service("ssm")

    def put(data: dict[str, Any]) -> Any:
        name = str(data.get("Name", ""))
        versions = ssm._parameter_history.get(name) or []
        full = len(versions) >= _MOST and bool(data.get("Overwrite"))
        if full and versions[0]["Labels"]:
            oldest = versions[0]["Version"]
            return hooks.emulator("core.responses").error_response_json(
                "ParameterMaxVersionLimitExceeded",
                f"You attempted to create a new version of {name} by calling the PutParameter API with the overwrite flag. "
                f"Version {oldest}, the oldest version, can't be deleted because it has a label associated with it. Move "
                "the label to another version of the parameter, and try again.",
                400,
            )
        answer = old(data)
        if full and answer[0] == 200:  # noqa: PLR2004
            del versions[0]
        return answer

    old = hooks.replace("services.ssm", "_put_parameter", put)
