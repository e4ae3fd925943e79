"""The recorder's event history really names our requests, by ids that it made itself, and the verifier counts them."""

import json
from datetime import timedelta

from lab_tools import client, eventually, unique

from amberlight._aws import Credentials, Sessions, SystemClock
from amberlight._aws.door import Journal
from amberlight.model.codec import to_builtins
from amberlight.model.errors import NotPossible
from amberlight.response.corroborating import Corroborator, enter
from amberlight.vault import FolderStore, Ledger, LocalSigner


def test_requests_get_the_event_ids_that_the_recorder_made(lab, prod, aws, tmp_path):
    clock, session = SystemClock(), unique("inventory")
    keys = Credentials(access_key_id=prod.admin.access_key_id, secret_access_key=prod.admin.secret_access_key)
    sessions = Sessions(region="us-east-1", credentials=keys, endpoint=lab.endpoint, clock=clock)
    role = client(lab, "iam", prod.admin).create_role(RoleName=session, AssumeRolePolicyDocument=json.dumps({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": prod.id}, "Action": "sts:AssumeRole"}],
    }))["Role"]["Arn"]  # fmt: skip
    aws("iam").put_role_policy(RoleName=session, PolicyName="p", PolicyDocument=json.dumps({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": ["ec2:*", "iam:*", "s3:*", "cloudtrail:*"], "Resource": "*"}],
    }))  # fmt: skip
    door, journal = sessions.role_door(role, name=session), Journal()
    began = clock.now()
    mine = door.narrowed(frozenset({"ec2.DescribeVolumes", "iam.GetUser", "s3.ListBuckets", "s3.HeadBucket"}), journal)
    mine.call("ec2.DescribeVolumes")
    mine.call("ec2.DescribeVolumes", region="eu-west-1")
    mine.call("s3.ListBuckets")
    for operation, parameters in (("iam.GetUser", {"UserName": "nobody"}), ("s3.HeadBucket", {"Bucket": "no-such"})):
        try:
            mine.call(operation, **parameters)
        except NotPossible:
            continue  # AWS answers with an id of the request all the same

    ledger = Ledger(FolderStore(tmp_path / "vault", clock), LocalSigner.create(tmp_path / "key.pem"), case_id="c",
                    kind="drill", clock=clock, actor="t", authority="t", tool="t")  # fmt: skip
    ledger.append("called", {"calls": to_builtins(journal.calls())})
    found = enter(ledger, Corroborator(door, ledger.entries(), clock=clock, session=session, wait_s=30.0).begin()())

    assert found.standing == {"corroborated": 4, "data-event": 1}
    assert found.problem == ""
    history = {}
    for region in ("us-east-1", "eu-west-1"):
        trail = aws("cloudtrail", region=region)

        def events(trail=trail):
            return trail.lookup_events(
                LookupAttributes=[{"AttributeKey": "Username", "AttributeValue": session}],
                StartTime=began - timedelta(minutes=1),
            )["Events"]

        for event in eventually(events):
            history[json.loads(event["CloudTrailEvent"])["requestID"]] = event["EventId"]
    assert {request: event for _, request, event in found.rows} == {
        call.request_id: history[call.request_id] for call in journal.calls() if call.operation != "s3.HeadBucket"
    }
    assert ledger.entries()[-1].what["rows"] == [list(row) for row in found.rows]
