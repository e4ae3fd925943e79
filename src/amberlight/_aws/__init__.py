"""The only door to AWS: sessions, an allow-list, a journal, pacing, typed errors; also the clock.

Nothing else imports boto3. A `Door` speaks for one principal in one account; it refuses a call that was not declared,
notes every call that it makes, and turns AWS's errors into ours. It cannot tell a lab from AWS: the endpoint is
configuration.
"""

from amberlight._aws.clock import Clock, SystemClock
from amberlight._aws.credentials import Credentials
from amberlight._aws.door import Answer, Door
from amberlight._aws.sessions import Sessions

__all__ = ["Answer", "Clock", "Credentials", "Door", "Sessions", "SystemClock"]
