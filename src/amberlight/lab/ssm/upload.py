"""Takes the output of a command to S3 as the agent does it: with the rights of the instance's role, from the host's address.

What S3 refuses is not in the bucket, and no status of the command says so; the agent writes it into its log on the host.

References:
    "Understanding command output", and SendCommand (OutputS3BucketName), AWS Systems Manager, 2026-11. Keys are
    `<prefix>/<command-id>/<instance-id>/<plugin>/<step>/stdout`; empty output is not taken there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from amberlight.lab import inside
from amberlight.lab.hosts import Host
from amberlight.lab.ssm.content import Step

AGENT = "amazon-ssm-agent/3.3.4121.0 aws-sdk-go/1.55.5 (go1.22.5; linux; amd64)"


def key(prefix: str, command_id: str, instance_id: str, step: Step, stream: str) -> str:
    """The key of one output of a step."""
    parts = [prefix.strip("/"), command_id, instance_id, step.action.replace(":", ""), step.folder, stream]
    return "/".join(part for part in parts if part)


async def put(app: Callable[..., Any], host: Host, credentials: dict[str, Any] | None, place: str, body: bytes) -> str:
    """Put one object to *place*, `bucket/key`; gives what went wrong in words, or nothing."""
    if credentials is None:
        return "NoCredentialProviders: no valid providers in chain"
    url = f"{host.environment['AWS_ENDPOINT_URL']}/{quote(place)}"
    headers = {"User-Agent": AGENT, "Content-Type": "application/octet-stream"}
    request = AWSRequest(method="PUT", url=url, data=body, headers=headers)
    keys = Credentials(credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["Token"])
    status, _, answer = await inside.call(
        app, request, keys, service="s3", region=host.region, source=host.address
    )  # fmt: skip
    return "" if status == 200 else f"status code: {status}, {answer.decode(errors='replace')}"  # noqa: PLR2004
