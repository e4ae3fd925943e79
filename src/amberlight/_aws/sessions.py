"""Credentials and how they are got: the standard chain, or keys that were handed in; roles assumed from there.

References:
    https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html (15 minutes at least; session policies).
"""

from __future__ import annotations

import functools
import json
import threading
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from botocore.loaders import Loader

from amberlight._aws.clock import Clock, SystemClock
from amberlight._aws.credentials import Credentials
from amberlight._aws.door import Door, Journal
from amberlight.model.errors import CredentialsError, Unreachable

MAINTENANCE = "maintenance"
"""A name for sessions that says nothing of a case; every trail shows it."""


@functools.cache
def models() -> Loader:
    """The service descriptions, read once a process: each session by itself would hold its own copy of every one."""
    return botocore.session.get_session().get_component("data_loader")


def core_session() -> Any:
    """A botocore session that shares the service descriptions with all others."""
    session = botocore.session.get_session()
    session.register_component("data_loader", models())
    return session


class Sessions:
    """Makes doors. boto3 sessions are not thread-safe, clients are: clients are made here under a lock and shared.

    Args:
        region: Region of calls that name none.
        credentials: Keys to start from; without them the standard chain of boto3 is used.
        profile: A profile of the user's own AWS configuration for that chain; it may ask for a second factor.
        endpoint: Endpoint of every service; None means AWS.
        user_agent: Opaque text added to the user agent: says nothing of an incident.
        journal: Where every call is noted.

    Raises:
        CredentialsError: there is no such profile.
    """

    def __init__(
        self,
        *,
        region: str,
        credentials: Credentials | None = None,
        profile: str | None = None,
        endpoint: str | None = None,
        user_agent: str = "",
        journal: Journal | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.region = region
        self.journal = journal if journal is not None else Journal()
        self.clock = clock or SystemClock()
        self._credentials = credentials
        self._endpoint = endpoint
        core = core_session()
        if profile is not None and profile not in core.available_profiles:
            raise CredentialsError(f"There is no AWS profile {profile!r}.", "Look at `aws configure list-profiles`.")
        self._session = boto3.session.Session(region_name=region, profile_name=profile, botocore_session=core)
        self._lock = threading.Lock()
        self._config = Config(
            retries={"mode": "standard", "total_max_attempts": 4},
            connect_timeout=5,
            read_timeout=60,
            max_pool_connections=32,
            user_agent_extra=user_agent or None,
            s3={"addressing_style": "path"} if endpoint else {},
        )

    def client(self, service: str, region: str, credentials: Credentials | None) -> Any:
        """A client; `credentials` None means those of the session itself."""
        keys = credentials or self._credentials
        with self._lock:
            return self._session.client(
                service,
                region_name=region,
                endpoint_url=self._endpoint,
                config=self._config,
                **(
                    {
                        "aws_access_key_id": keys.access_key_id,
                        "aws_secret_access_key": keys.secret_access_key,
                        "aws_session_token": keys.session_token,
                    }
                    if keys
                    else {}
                ),
            )

    def door(self, account: str, *, allowed: frozenset[str] | None = None, principal: str = "") -> Door:
        """A door with the credentials of the session itself. `allowed` None allows every operation."""
        return Door(self, account=account, region=self.region, principal=principal, allowed=allowed)

    def assume(
        self,
        role_arn: str,
        *,
        name: str,
        policy: dict[str, Any] | None = None,
        minutes: int = 60,
        using: Credentials | None = None,
    ) -> Credentials:
        """Credentials of a role; `policy` narrows them, `minutes` is at least 15.

        Raises:
            CredentialsError: the role cannot be assumed with these credentials.
            Unreachable: STS did not answer.
        """
        try:
            answer = self.client("sts", self.region, using).assume_role(
                RoleArn=role_arn,
                RoleSessionName=name,
                DurationSeconds=max(900, minutes * 60),
                **({"Policy": json.dumps(policy)} if policy else {}),
            )["Credentials"]
        except ClientError as problem:
            raise CredentialsError(
                f"The role {role_arn} cannot be assumed: {problem.response['Error'].get('Message', problem)}",
                "Check the role's trust policy and that your own credentials are valid.",
            ) from problem
        except ParamValidationError:
            raise  # a defect of the caller, not an answer of AWS
        except BotoCoreError as problem:
            raise Unreachable(f"STS does not answer: {problem}", "Check the network and the endpoint.") from problem
        return Credentials(
            access_key_id=answer["AccessKeyId"],
            secret_access_key=answer["SecretAccessKey"],
            session_token=answer["SessionToken"],
        )

    def role_door(
        self, role_arn: str, *, name: str, allowed: frozenset[str] | None = None, policy: dict[str, Any] | None = None
    ) -> Door:
        """A door that speaks as a role."""
        keys = self.assume(role_arn, name=name, policy=policy)
        account = role_arn.split(":")[4]
        return Door(self, account=account, region=self.region, principal=role_arn, allowed=allowed, credentials=keys)
