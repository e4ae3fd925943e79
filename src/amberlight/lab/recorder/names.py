"""Which names CloudTrail gives services and operations, where they differ from those of the models.

References:
    Real records: the dates after names of Lambda (`UpdateFunctionCode20150331v2`) and CloudFront (`CreateDistribution2020_05_31`);
    "CloudTrail record contents" (`eventSource`, `apiVersion`), CloudTrail User Guide, 2026-11.
"""

from __future__ import annotations

import re

from amberlight.lab import hooks
from amberlight.lab.options import REGION
from amberlight.lab.recorder import shape_s3
from amberlight.lab.recorder.requests import Call

GLOBAL = frozenset({"iam", "organizations", "cloudfront", "route53", "support", "account"})
"""Services without a Region of their own; their events appear in us-east-1."""

FRONTED = frozenset({
    "guardduty", "eks", "appsync", "securityhub", "apigateway", "apigatewayv2", "resource-explorer-2",
})  # fmt: skip
"""Services behind an API Gateway of AWS's: their records have no `tlsDetails`, names as they were on the wire, and say in
`responseElements.message` why a call was denied."""

_SOURCES = {
    "email": "ses", "opensearchserverless": "aoss", "bedrock-agent": "bedrock", "bedrock-runtime": "bedrock",
    "bedrock-agent-runtime": "bedrock", "portal.sso": "sso", "oidc": "sso", "ingest.timestream": "timestream",
    "query.timestream": "timestream", "streams.dynamodb": "dynamodb", "runtime.sagemaker": "sagemaker", "s3-control": "s3",
}  # fmt: skip
_VERSIONED = {
    "elb": "-",
    "elbv2": "-",
    "efs": "-",
    "wafv2": "-",
    "dynamodb": "-",
    "appmesh": "-",
    "cloudfront": "_",
    "logs": "",
}
"""Services whose records tell the version of the API, and what stands between its parts."""

_LAMBDA_V2 = frozenset({
    "GetFunction", "GetFunctionConfiguration", "UpdateFunctionCode", "UpdateFunctionConfiguration", "AddPermission",
    "RemovePermission", "GetPolicy",
})  # fmt: skip
_LAMBDA_DATED_UNTIL = 2019
"""Operations of Lambda that are younger carry no date in their event names."""


def event_source(call: Call) -> str:
    """`eventSource` of a call: what its endpoint is named after."""
    prefix = str(hooks.model(call.service).metadata["endpointPrefix"]).removeprefix("api.")
    return f"{_SOURCES.get(prefix, prefix)}.amazonaws.com"


def event_name(call: Call) -> str:
    """`eventName` of a call."""
    if call.service == "s3":
        return shape_s3.event_name(call.operation)
    if call.service == "cloudfront":
        return f"{call.operation}{str(hooks.model('cloudfront').api_version).replace('-', '_')}"
    return call.operation + (_lambda_date(call.operation) if call.service == "lambda" else "")


def _lambda_date(operation: str) -> str:
    """The date of Lambda's API that an operation came with, which its path says; `Invoke` alone has none."""
    uri = hooks.model("lambda").operation_model(operation).http["requestUri"]
    match = re.match(r"/(\d{4})-(\d\d)-(\d\d)/", uri)
    if match is None or int(match[1]) >= _LAMBDA_DATED_UNTIL or operation.startswith("Invoke"):
        return ""
    return "".join(match.groups()) + ("v2" if operation in _LAMBDA_V2 else "")


def event_region(call: Call, signed: str) -> str:
    """The Region whose history has the event."""
    return REGION if call.service in GLOBAL else signed


def api_version(call: Call) -> str | None:
    """`apiVersion`, which some services tell of a call that worked."""
    between = _VERSIONED.get(call.service)
    return None if between is None else str(hooks.model(call.service).api_version).replace("-", between)
