"""Records of operations that AWS published could have been spelled by our rules, the lab having them or not."""

import json

from real_records import differences, operations, paths, records

KNOWN = {
    "apigateway.amazonaws.com:CreateStage": "a map that is hidden whole (`stageVariables`), and empty ones",
    "ce.amazonaws.com:GetCostForecast": "a filter within a filter: the comparison stops where a model begins again",
    "ec2.amazonaws.com:DescribeClassicLinkInstances": "`item` for `items`; EC2-Classic is gone",
    "ec2.amazonaws.com:DescribeKeyPairs": "a record of 2020, before `includePublicKey`",
    "ec2.amazonaws.com:ModifyImageAttribute": "the comparison tries `OperationType` and the older lists at once",
    "ec2.amazonaws.com:ModifySnapshotAttribute": "the comparison tries `OperationType` and the older lists at once",
    "ec2.amazonaws.com:RunInstances": "`httpProtocolIpv4`, which the public model has not",
    "lambda.amazonaws.com:UpdateFunctionConfiguration20150331v2": "`uncompressedCodeSize`: the recorder's, who can see the layer",
    "monitoring.amazonaws.com:DescribeAlarms": "`excludeManagedAlarms`, which only the console can say",
    "rds.amazonaws.com:ModifyDBInstance": "`httpEndpointEnabled`, which the public model has not",
    "ssm.amazonaws.com:SendCommand": "a record of 2021, when parameters were not hidden",
    "sts.amazonaws.com:GetSessionToken": "refused for a wrong one-time password, which is no denial by a policy",
}
"""Where real records and ours differ, and why."""


def test_every_kind_of_real_record_is_spelled_like_ours(shared_data):
    found, compared, seen = {}, set(), set()
    for record in records(shared_data):
        if record.get("eventType", "AwsApiCall") != "AwsApiCall" or record["eventSource"] == "s3.amazonaws.com":
            continue
        kind = f"{record['eventSource']}:{record['eventName']}"
        parts = {name: record.get(name) for name in ("requestParameters", "responseElements", "errorCode")}
        known = (kind, json.dumps(sorted(paths(parts))), record.get("errorCode"))
        calls = operations(record) if known not in seen else ()
        seen.add(known)
        if calls:
            compared.add(kind)
            least = min((differences(record, call) for call in calls), key=len)
            found.setdefault(kind, set()).update(least)
    different = {kind: sorted(paths) for kind, paths in found.items() if paths}
    assert {kind: paths for kind, paths in different.items() if kind not in KNOWN} == {}
    assert set(KNOWN) == set(different)
    assert len(compared) == 303
