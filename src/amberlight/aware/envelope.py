"""What AWS wraps round a notice: SQS, SNS and EventBridge, in any nesting; opened here once for every intake.

A queue's message holds a text, which may be a notification of SNS, whose `Message` is a text again, which may be an event
of EventBridge. Whoever may send to the queue writes these texts, so size and depth are bounded before anything is decoded.

References:
    SQS message size (1 MiB) and ReceiveMessage; SNS, "HTTP/HTTPS notification JSON format"; EventBridge, "Events in Amazon
    EventBridge"; Lambda, "Using Lambda with Amazon SQS" and "with Amazon SNS" (`Records`), 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from amberlight.model.errors import ConfigError

MOST_CHARACTERS = 16 * 1024 * 1024
"""Of one message. AWS sends at most a mebibyte; a file may hold an answer of Cost Explorer or a long mail."""
MOST_ENVELOPES = 8
MOST_DEPTH = 64
MOST_MESSAGES = 1000
FIX = "Send the notice as AWS does; the message is kept as it came."
QUEUE = ("Body", "body")
MARKS = ("receiptHandle", "ReceiptHandle", "messageId", "MessageId", "MD5OfBody", "md5OfBody")


@dataclass(frozen=True, kw_only=True)
class Message:
    """A notice without its envelopes.

    `body` is what is innermost: for an EventBridge event the event itself, else an object; a text that is no JSON is
    `{"text": ...}`. `via` names the envelopes from the outside, `subject` is SNS's, `raw` is the whole as received.
    """

    body: dict[str, Any]
    raw: dict[str, Any]
    via: tuple[str, ...] = ()
    subject: str = ""

    @property
    def detail(self) -> dict[str, Any]:
        """The `detail` of an EventBridge event; empty where there is none."""
        found = self.body.get("detail")
        return found if isinstance(found, dict) else {}

    @property
    def detail_type(self) -> str:
        """The `detail-type` of an EventBridge event, or empty."""
        found = self.body.get("detail-type")
        return found if isinstance(found, str) else ""


def messages(raw: Any) -> tuple[Message, ...]:
    """The notices in something received: one, or as many as a list or a Lambda event's `Records` hold.

    Raises:
        ConfigError: it is too large, too deep, or holds nothing.
    """
    whole = raw if isinstance(raw, dict) else {"received": raw}
    found = tuple(opened(raw, whole, (), ""))
    if not found:
        raise ConfigError("The message is empty.", FIX)
    return found


def opened(value: Any, whole: dict[str, Any], via: tuple[str, ...], subject: str) -> Iterator[Message]:
    """Messages inside a value; several of them keep their own part as raw form, one keeps the whole."""
    if len(via) > MOST_ENVELOPES:
        raise ConfigError(f"The message lies in more than {MOST_ENVELOPES} envelopes.", FIX)
    if isinstance(value, str):
        value = decoded(value)
    several = parts(value)
    if len(several) > MOST_MESSAGES:
        raise ConfigError(f"The message holds more than {MOST_MESSAGES} others.", FIX)
    if several:
        for one in several:
            yield from opened(one, whole if len(several) == 1 else part(one), (*via, "batch"), subject)
        return
    if not isinstance(value, dict):
        raise ConfigError(f"The message is {kind_of(value)} where an object is expected.", FIX)
    measured(value)
    inner = inside(value)
    if inner is None:
        yield Message(body=value, raw=whole, via=via, subject=subject)
        return
    name, content, title = inner
    yield from opened(content, whole, (*via, name), title or subject)


def decoded(text: str) -> Any:
    """The JSON in a text; `{"text": ...}` where it is none.

    Raises:
        ConfigError: it is too large, or nested too deeply.
    """
    if len(text) > MOST_CHARACTERS:
        raise ConfigError(f"The message has {len(text)} characters; at most {MOST_CHARACTERS} are read.", FIX)
    try:
        return msgspec.json.decode(text)
    except RecursionError as problem:
        raise ConfigError("The message is nested too deeply.", FIX) from problem
    except (msgspec.DecodeError, UnicodeError):
        return {"text": text}


def parts(value: Any) -> list[Any]:
    """The members of a list, or of what Lambda is handed; empty where the value is one message."""
    if isinstance(value, dict) and isinstance(value.get("Records"), list):
        handed = [one for one in value["Records"] if isinstance(one, dict) and ("body" in one or "Sns" in one)]
        return list(value["Records"]) if handed else []
    if isinstance(value, dict) and isinstance(value.get("Messages"), list):
        return list(value["Messages"])
    return value if isinstance(value, list) else []


def part(one: Any) -> dict[str, Any]:
    """One of several, as its own raw form."""
    return one if isinstance(one, dict) else {"received": one}


def inside(value: dict[str, Any]) -> tuple[str, Any, str] | None:
    """The envelope's name, its content and title; None where the value is no envelope.

    The content is a text, or an object where some step on the way has decoded it already.
    """
    if isinstance(value.get("Sns"), dict):
        return "lambda", value["Sns"], ""
    alone = len(value) == 1
    noted = alone or value.get("Type") == "Notification" or "TopicArn" in value
    if noted and isinstance(value.get("Message"), str | dict):
        subject = value.get("Subject")
        return "sns", value["Message"], subject if isinstance(subject, str) else ""
    body = next((value[name] for name in QUEUE if isinstance(value.get(name), str | dict)), None)
    if body is not None and (alone or any(mark in value for mark in MARKS)):
        return "sqs", body, ""
    return None


def measured(value: dict[str, Any]) -> None:
    """Refuse what is nested more deeply than any notice of AWS.

    Raises:
        ConfigError: it is.
    """
    level: list[Any] = [value]
    for _ in range(MOST_DEPTH):
        level = [inner for outer in level for inner in members(outer)]
        if not level:
            return
    raise ConfigError(f"The message is nested more than {MOST_DEPTH} levels deep.", FIX)


def members(value: Any) -> list[Any]:
    """The lists and objects directly inside a value."""
    if isinstance(value, dict):
        return [one for one in value.values() if isinstance(one, dict | list)]
    return [one for one in value if isinstance(one, dict | list)]


def kind_of(value: Any) -> str:
    """A JSON value's kind in words."""
    names = {str: "a text", bool: "a truth value", int: "a number", float: "a number", list: "a list"}
    return names.get(type(value), "nothing")


KEY = re.compile(r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Z0-9])")
"""An access key id. From: IAM User Guide, "IAM identifiers", prefixes of unique ids."""
