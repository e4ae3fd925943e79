"""Records a conversation: wraps the real doors and slots of a context, and writes down what was asked and answered."""

import json

from player import plain

from amberlight.model.errors import AmberlightError


class Recording:
    """The lines of one conversation."""

    def __init__(self, names):
        self.lines, self._names = [], names

    def add(self, kind, operation, account, region, parameters, **result):
        self.lines.append(
            {kind: operation, "account": account, "region": region, "parameters": plain(parameters), **result}
        )

    def text(self, header):
        """The conversation as JSON Lines with account ids, keys and hosts of the recording replaced."""
        text = "".join(json.dumps(line, sort_keys=True) + "\n" for line in [plain(header), *self.lines])
        for name, other in self._names.items():
            text = text.replace(name, other)
        return text


def error(problem):
    return {
        "error": {
            "kind": type(problem).__name__,
            "code": getattr(problem, "aws_code", ""),
            "cause": problem.cause,
            "fix": problem.fix,
        }
    }


class RecordingDoor:
    """A door that notes what goes through it."""

    def __init__(self, door, which, recording):
        self.account, self.region = door.account, door.region
        self._door, self._which, self._recording = door, which, recording

    def call(self, operation, *, region=None, **parameters):
        try:
            answer = self._door.call(operation, region=region, **parameters)
        except AmberlightError as problem:
            self._recording.add("call", operation, self._which, region, parameters, **error(problem))
            raise
        self._recording.add("call", operation, self._which, region, parameters, answer=plain(answer))
        return answer

    def pages(self, operation, *, region=None, **parameters):
        try:
            for page in self._door.pages(operation, region=region, **parameters):
                self._recording.add("page", operation, self._which, region, parameters, answer=plain(page))
                yield page
        except AmberlightError as problem:
            self._recording.add("page", operation, self._which, region, parameters, **error(problem))
            raise
        self._recording.lines.append({"end": operation})

    def stream(self, operation, *, region=None, **parameters):
        try:
            body = list(self._door.stream(operation, region=region, **parameters))
        except AmberlightError as problem:
            self._recording.add("stream", operation, self._which, region, parameters, **error(problem))
            raise
        self._recording.add("stream", operation, self._which, region, parameters, answer=plain(body))
        yield from body

    def bodies(self, operation, member, asked, *, region=None):
        for parameters in asked:
            try:
                ((answer, body),) = self._door.bodies(operation, member, [parameters], region=region)
            except AmberlightError as problem:
                self._recording.add("body", operation, self._which, region, parameters, **error(problem))
                raise
            noted = plain({"answer": answer, member: body})
            self._recording.add("body", operation, self._which, region, parameters, answer=noted)
            yield answer, body


class RecordingSlot:
    """A slot that notes the host's report."""

    def __init__(self, slot, path, name_of, recording):
        self.key = slot.key
        self._slot, self._path, self._name_of, self._recording = slot, path, name_of, recording

    def run(self, script, arguments, *, timeout):
        name = self._name_of(script)
        try:
            report = self._slot.run(script, arguments, timeout=timeout)
        except AmberlightError as problem:
            self._recording.add("slot", self._path, "subject", name, arguments, **error(problem))
            raise
        self._recording.add("slot", self._path, "subject", name, arguments, answer=plain(report))
        return report
