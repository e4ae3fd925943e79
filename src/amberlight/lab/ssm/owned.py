"""The documents that AWS owns and the lab has.

References:
    AWS-RunShellScript and AWS-RunPowerShellScript as GetDocument gives them, 2026-11: names, defaults and limits of parameters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

_TIMEOUT = "([1-9][0-9]{0,4})|(1[0-6][0-9]{4})|(17[0-1][0-9]{3})|(172[0-7][0-9]{2})|(172800)"


def _script(plugin: str, description: str) -> str:
    return json.dumps({
        "schemaVersion": "1.2", "description": description,
        "parameters": {
            "commands": {"type": "StringList", "description": "(Required) The commands to run.", "minItems": 1,
                         "displayType": "textarea"},
            "workingDirectory": {"type": "String", "default": "", "maxChars": 4096,
                                 "description": "(Optional) The path to the working directory on your instance."},
            "executionTimeout": {"type": "String", "default": "3600", "allowedPattern": _TIMEOUT,
                                 "description": "(Optional) Seconds after which the command has failed."},
        },
        "runtimeConfig": {plugin: {"properties": [{
            "id": f"0.{plugin}", "runCommand": "{{ commands }}", "workingDirectory": "{{ workingDirectory }}",
            "timeoutSeconds": "{{ executionTimeout }}",
        }]}},
    }, indent=2)  # fmt: skip


CONTENTS: Mapping[str, str] = {
    "AWS-RunShellScript": _script("aws:runShellScript", "Run a shell script or specify the commands to run."),
    "AWS-RunPowerShellScript": _script("aws:runPowerShellScript", "Run a PowerShell script or its commands."),
}
