"""Errors that say the cause, the next step, and how the process ends.

::

    AmberlightError            1  failed
    ├── ConfigError            2  usage or configuration
    ├── NotPossible            3  cannot be done here: becomes a Gap
    ├── Denied                 3  AWS refused: becomes a Gap
    ├── Unreachable            3  nobody answered, or throttled out: becomes a Gap
    ├── Undeclared             1  a unit made a call that it does not declare
    ├── IntegrityError         4  something is not what was sealed: stops the work
    ├── DeliveryError          1  evidence or package could not be stored
    ├── ApprovalMissing        5  nobody who may has agreed
    └── CredentialsError       6  missing or expired
"""

from __future__ import annotations

from typing import ClassVar


class AmberlightError(Exception):
    """Root of our errors: one sentence of cause, one of what to do.

    Args:
        cause: One sentence: what happened.
        fix: One sentence: what the reader can do about it.
        aws_code: The error code as AWS gave it, where the error is AWS's.
    """

    code: ClassVar[str] = "AL100"
    exit_code: ClassVar[int] = 1

    def __init__(self, cause: str, fix: str = "", *, aws_code: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.fix = fix
        self.aws_code = aws_code

    def diagnostics(self) -> str:
        """Cause, fix and code as the command line prints them."""
        lines = [f"{self.cause} [{self.code}]"]
        if self.fix:
            lines.append(self.fix)
        return "\n".join(lines)


class ConfigError(AmberlightError):
    """A flag, a file or a setting is wrong."""

    code = "AL200"
    exit_code = 2


class NotPossible(AmberlightError):
    """It cannot be done here: the resource is gone, the service is off, the host has no such tool.

    Args:
        cause: One sentence: what does not work.
        fix: One sentence: what the reader can do about it.
        aws_code: The error code as AWS gave it, where AWS said so.
        request_id: The request id, for the trail.
        retries: How often the client had tried before: an answer such as "exists already" may then be our own doing.
    """

    code = "AL300"
    exit_code = 3

    def __init__(
        self, cause: str, fix: str = "", *, aws_code: str = "", request_id: str = "", retries: int = 0
    ) -> None:
        super().__init__(cause, fix, aws_code=aws_code)
        self.request_id = request_id
        self.retries = retries


class Denied(AmberlightError):
    """AWS refused the call.

    Args:
        cause: One sentence: what was refused.
        fix: The statement that would allow it.
        action: The IAM action, such as `ec2:DescribeInstances`.
        aws_code: The error code as AWS gave it.
        request_id: The request id, for the trail.
    """

    code = "AL310"
    exit_code = 3

    def __init__(
        self, cause: str, fix: str = "", *, action: str = "", aws_code: str = "", request_id: str = ""
    ) -> None:
        super().__init__(cause, fix, aws_code=aws_code)
        self.action = action
        self.request_id = request_id


class Unreachable(AmberlightError):
    """Nobody answered in time, or AWS throttled for longer than we wait."""

    code = "AL320"
    exit_code = 3


class Undeclared(AmberlightError):
    """A unit asked the door for a call that its record does not declare: a defect of ours."""

    code = "AL400"
    exit_code = 1


class IntegrityError(AmberlightError):
    """What is there is not what was sealed."""

    code = "AL500"
    exit_code = 4


class DeliveryError(AmberlightError):
    """Evidence or a package could not be stored."""

    code = "AL600"
    exit_code = 1


class ApprovalMissing(AmberlightError):
    """The plan wants a person's word first."""

    code = "AL700"
    exit_code = 5


class CredentialsError(AmberlightError):
    """Credentials are missing, wrong or expired."""

    code = "AL800"
    exit_code = 6
