"""The embedded AWS: strict, complete enough for incident response, and real where one machine can be real.

A lab is a child process with three accounts, an AWS endpoint on loopback that authenticates every call, a CloudTrail
that sees all of them, and instances that are hosts with processes, files, packets and addresses of their own::

    with start(LabOptions(workdir=Path("lab"))) as lab:
        admin = lab.accounts["prod"].admin
        iam = boto3.client("iam", endpoint_url=lab.endpoint, region_name=lab.region,
                           aws_access_key_id=admin.access_key_id, aws_secret_access_key=admin.secret_access_key)

It imports nothing else of ours, so that a mistake in our reader cannot hide in our writer. When the lab or its parent
is killed, the kernel removes every process, namespace and interface of it.
"""

from amberlight.lab.accounts import LabAccount, LabCredentials
from amberlight.lab.handle import LabError, RunningLab, start
from amberlight.lab.options import LabOptions
from amberlight.lab.places import Place

__all__ = ["LabAccount", "LabCredentials", "LabError", "LabOptions", "Place", "RunningLab", "start"]
