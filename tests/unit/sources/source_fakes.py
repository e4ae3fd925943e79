"""A context whose door answers from functions, and whose clock only waiting moves."""

from datetime import UTC, datetime, timedelta

from amberlight.model.signals import Target

UNTIL = datetime(2026, 11, 24, 6, tzinfo=UTC)
ACCOUNT, VAULT = "111122223333", "444455556666"


class Door:
    """Implements `Aws`: `answers` maps an operation to a function of the parameters; calls are kept with their time."""

    region, account = "us-east-1", ACCOUNT

    def __init__(self, answers, context):
        self.answers, self.context, self.calls = answers, context, []

    def call(self, operation, *, region=None, **parameters):
        self.calls.append((operation, region, parameters, self.context.now()))
        return self.answers[operation](**parameters)

    def pages(self, operation, *, region=None, **parameters):
        yield from [self.call(operation, region=region, **parameters)]

    def stream(self, operation, *, region=None, **parameters):
        yield from self.call(operation, region=region, **parameters)

    def made(self, operation):
        return [parameters for name, _, parameters, _ in self.calls if name == operation]


class Context:
    """Implements the parts of `Context` that sources without hosts use."""

    case_id, step_id, vault_account, kind = "C-1", "step-1", VAULT, "incident"

    def __init__(self, answers, *, vault=None, target=None, regions=("us-east-1",), days=1):
        self.aws, self.vault_aws = Door(answers, self), Door(vault or {}, self)
        self.target = target or Target(type="account", account=ACCOUNT, region="us-east-1", name=ACCOUNT)
        self.since, self.until, self.regions = UNTIL - timedelta(days=days), UNTIL, regions
        self.time = UNTIL

    def token(self):
        return "t0ken"

    def sleep(self, seconds):
        self.time += timedelta(seconds=seconds)

    def now(self):
        return self.time


def raising(*results):
    """A function that gives or raises one result after the other, the last one for ever."""
    left = list(results)

    def answer(**_):
        result = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(result, Exception):
            raise result
        return result

    return answer
