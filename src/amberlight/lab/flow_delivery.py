"""Flow logs on their way: lines of what was counted, as files in S3 or as events in CloudWatch Logs.

References:
    "Publish flow logs to Amazon S3", "Flow log files", "Publish flow logs to CloudWatch Logs", VPC User Guide, 2026-11: keys,
    bucket policy, role, names of streams.
"""

from __future__ import annotations

import base64
import dataclasses
import gzip
import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from amberlight.lab import clock, flows, hooks
from amberlight.lab.flows import Interface, Key, Line, Tally

Place = tuple[str, str]
RESOURCES = {"VPC": "VpcId", "Subnet": "SubnetId", "NetworkInterface": "NetworkInterfaceId"}
"""What a flow log may be about, and which member of an interface names it."""

_SERVICE = "delivery.logs.amazonaws.com"
_ROLE_FOR = "vpc-flow-logs.amazonaws.com"


@dataclasses.dataclass
class FlowLog:
    """One flow log: what it is called, and what it has collected since the last delivery."""

    place: Place
    kind: str
    shown: dict[str, Any]
    """Its members in DescribeFlowLogs."""
    names: tuple[str, ...]
    since: float
    tallies: dict[Key, Tally] = dataclasses.field(default_factory=dict)
    skipped: set[str] = dataclasses.field(default_factory=set)

    def covers(self, place: Place, interface: Mapping[str, Any]) -> bool:
        """Whether it is about an interface of EC2."""
        return place == self.place and interface[RESOURCES[self.kind]] == self.shown["ResourceId"]

    def take(self, key: Key, tally: Tally) -> None:
        """Add what was counted, if it is of the wanted kind."""
        if self.shown["TrafficType"] in ("ALL", key.action):
            self.tallies.setdefault(key, Tally()).add(tally)


def interfaces() -> Iterator[tuple[str, Place, Mapping[str, Any]]]:
    """Every interface of EC2: id, account and Region, members."""
    for (account, region, name), each in hooks.service("ec2")._network_interfaces.all_items():
        yield name, (account, region), each


def bucket_problem(destination: str, place: Place) -> tuple[str, str] | None:
    """Why flow logs of an account cannot be written there: AWS's code and words; or None."""
    bucket = destination.removeprefix("arn:aws:s3:::").partition("/")[0]
    owner = hooks.service("s3")._bucket_owner_account(bucket)
    if owner is None:
        return "400", f"LogDestination: {bucket} does not exist"
    if not _may_put(str(owner), bucket, _prefix(destination, place[0]) + "probe", place):
        return "400", f"Access Denied for LogDestination: {bucket}. Please check LogDestination permissions"
    return None


def _prefix(destination: str, account: str) -> str:
    folder = destination.removeprefix("arn:aws:s3:::").partition("/")[2].strip("/")
    return (f"{folder}/" if folder else "") + f"AWSLogs/{account}/"


def _may_put(owner: str, bucket: str, key: str, place: Place) -> bool:
    """Whether the bucket's policy lets the delivery service write that key for this account."""
    evaluator = hooks.emulator("core.iam_evaluator")
    context = evaluator.EvalContext(
        principal_arn=_SERVICE, principal_type="Service", principal_account="", action="s3:PutObject",
        resource_arn=f"arn:aws:s3:::{bucket}/{key}", region=place[1], service_context={
            "s3:x-amz-acl": "bucket-owner-full-control", "aws:sourceaccount": place[0],
            "aws:sourcearn": f"arn:aws:logs:{place[1]}:{place[0]}:*"},
    )  # fmt: skip
    policy = hooks.service("s3")._bucket_policies.get_scoped(owner, None, bucket) or "{}"
    result = evaluator.evaluate_resource_policy(json.loads(policy), context, service=_SERVICE)
    return bool(result.decision == "Allow")


def deliver(log: FlowLog, now: float) -> None:
    """Write what one flow log has collected, and begin its next interval."""
    lines, log.tallies, log.skipped = list(_lines(log, now)), {}, set()
    log.since = now
    if not lines:
        return
    written = _to_s3(log, lines, now) if log.shown["LogDestinationType"] == "s3" else _to_logs(log, lines)
    log.shown["DeliverLogsStatus"] = "SUCCESS" if written else "FAILED"
    log.shown["DeliverLogsErrorMessage"] = None if written else "Access error"


def _lines(log: FlowLog, now: float) -> Iterator[Line]:
    seen = {key.interface for key in log.tallies}
    whole = Tally(start=log.since, end=now)
    for name, place, each in interfaces():
        if not log.covers(place, each) or not each.get("Attachment"):
            continue
        about = _about(name, place, each)
        for key, tally in log.tallies.items():
            if key.interface == name:
                yield about, key, tally, "OK"
        if name in log.skipped:
            yield about, None, whole, "SKIPDATA"
        elif name not in seen:
            yield about, None, whole, "NODATA"


def _about(name: str, place: Place, each: Mapping[str, Any]) -> Interface:
    subnet = hooks.service("ec2")._subnets.get_scoped(*place, each["SubnetId"]) or {}
    instance = (each.get("Attachment") or {}).get("InstanceId", "-")
    zone = subnet.get("AvailabilityZoneId", "-")
    return Interface(*place, name, each["VpcId"], each["SubnetId"], instance, zone)


def _to_s3(log: FlowLog, lines: list[Line], now: float) -> bool:
    account, region = log.place
    destination, options = log.shown["LogDestination"], log.shown["DestinationOptions"]
    bucket = destination.removeprefix("arn:aws:s3:::").partition("/")[0]
    owner = hooks.service("s3")._bucket_owner_account(bucket)
    stamp, ident = clock.compact(now, seconds=False), log.shown["FlowLogId"]
    name = f"{account}_vpcflowlogs_{region}_{ident}_{stamp}_{secrets.token_hex(4)}.log.gz"
    key = _folders(destination, log.place, options, now) + name
    if owner is None or not _may_put(str(owner), bucket, key, log.place):
        return False
    plain = "\n".join([" ".join(log.names), *(flows.text(log.names, line) for line in lines)]) + "\n"
    body = gzip.compress(plain.encode())
    digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    headers = {"content-type": "application/octet-stream", "content-md5": digest}
    with hooks.acting_for(str(owner), region):
        status = hooks.service("s3")._put_object(bucket, key, body, headers)[0]
    return bool(status < 300)  # noqa: PLR2004


def _folders(destination: str, place: Place, options: Mapping[str, Any], now: float) -> str:
    year, month, day = clock.day(now).split("/")
    hour = clock.iso(now)[11:13]
    if not options["HiveCompatiblePartitions"]:
        parts = [place[1], year, month, day] + [hour] * options["PerHourPartition"]
        return _prefix(destination, place[0]) + "vpcflowlogs/" + "/".join(parts) + "/"
    named = [f"aws-region={place[1]}", f"year={year}", f"month={month}", f"day={day}"]
    named += [f"hour={hour}"] * options["PerHourPartition"]
    folder = _prefix(destination, f"aws-account-id={place[0]}")
    return folder + "aws-service=vpcflowlogs/" + "/".join(named) + "/"


def _to_logs(log: FlowLog, lines: list[Line]) -> bool:
    group, role = log.shown["LogGroupName"], log.shown["DeliverLogsPermissionArn"]
    if not _role_may_write(role, log.place, group):
        return False
    logs = hooks.service("cloudwatch_logs")
    suffix = log.shown["TrafficType"].lower()
    with hooks.acting_for(*log.place):
        if logs._log_groups.get(group) is None:
            logs._create_log_group({"logGroupName": group})
        for interface in {line[0].ident for line in lines}:
            stream = f"{interface}-{suffix}"
            logs._create_log_stream({"logGroupName": group, "logStreamName": stream})
            events: list[dict[str, Any]] = [
                {"timestamp": int(line[2].start * 1000), "message": flows.text(log.names, line)}
                for line in lines if line[0].ident == interface
            ]  # fmt: skip
            status = logs._put_log_events({
                "logGroupName": group, "logStreamName": stream, "logEvents": sorted(events, key=lambda e: e["timestamp"])
            })[0]  # fmt: skip
            if status >= 300:  # noqa: PLR2004
                return False
    return True


def _role_may_write(role_arn: str, place: Place, group: str) -> bool:
    """Whether the service may take the role, and the role may write to the group."""
    evaluator = hooks.emulator("core.iam_evaluator")
    name = role_arn.rsplit("/", 1)[-1]
    role = hooks.service("iam")._roles.get_scoped(place[0], None, name)
    if role is None or role["Arn"] != role_arn:
        return False
    if not _trusts(role["AssumeRolePolicyDocument"], role_arn):
        return False
    policies = evaluator._gather_role_policies(name, place[0])
    context = evaluator.EvalContext(
        principal_arn=role_arn, principal_type="AssumedRole", principal_account=place[0], action="logs:PutLogEvents",
        resource_arn=f"arn:aws:logs:{place[1]}:{place[0]}:log-group:{group}:log-stream:x", region=place[1],
    )  # fmt: skip
    return bool(evaluator.evaluate(context, policies).decision == "Allow")


def _trusts(document: Any, role_arn: str) -> bool:
    evaluator = hooks.emulator("core.iam_evaluator")
    trust = json.loads(document) if isinstance(document, str) else dict(document)
    statements = trust.get("Statement", [])
    # A trust policy names no resource: it is the role's own.
    trust["Statement"] = [
        {**each, "Resource": "*"} for each in ([statements] if isinstance(statements, dict) else statements)
    ]
    context = evaluator.EvalContext(
        principal_arn=_ROLE_FOR, principal_type="Service", principal_account="", action="sts:AssumeRole",
        resource_arn=role_arn, region="",
    )  # fmt: skip
    return bool(evaluator.evaluate_resource_policy(trust, context, service=_ROLE_FOR).decision == "Allow")
