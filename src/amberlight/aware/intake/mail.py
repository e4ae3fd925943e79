"""A mail that somebody handed in: a ransom note, an abuse notice, a researcher's letter, as an `.eml` file.

The bytes are kept as they came, with all headers. Who handed it in is known; who wrote it is only what the mail says, and
the reason says so. Key ids in the text become resources. Attachments are not opened.
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import MessageError
from email.message import EmailMessage
from email.policy import default
from email.utils import parsedate_to_datetime

import msgspec

from amberlight.aware.envelope import FIX, KEY, Message
from amberlight.aware.intake import Intake
from amberlight.aware.intake._fields import filled, made, moment, taken
from amberlight.model.errors import ConfigError
from amberlight.model.signals import Signal

POINTS = 80.0
MOST_PARTS = 100
MOST_KEYS = 20
MOST_TEXT = 200_000


class HandedIn(msgspec.Struct, frozen=True, kw_only=True):
    """A mail's bytes, who handed it in, and when."""

    eml_base64: str
    handed_in_by: str
    received: str


def knows(message: Message) -> bool:
    """A mail as the command line wraps it."""
    return "eml_base64" in message.body


def read(message: Message) -> tuple[Signal, ...]:
    """The mail as a signal, at the time that it states, or else at the one when it was handed in."""
    handed = taken(message.body, HandedIn, "mail")
    try:
        data = base64.b64decode(handed.eml_base64, validate=True)
    except (binascii.Error, ValueError) as problem:
        raise ConfigError("This mail is not base64.", "Hand in the .eml file itself.") from problem
    mail = parsed(data)
    sender, subject = header(mail, "From") or "nobody named", header(mail, "Subject") or "no subject"
    words = f"{subject}\n{text_of(mail)}"
    keys = filled(KEY.findall(words))[:MOST_KEYS]
    start = " ".join(words.partition("\n")[2].split())[:200]
    signal = made(
        message,
        "mail",
        (header(mail, "Message-ID"), handed.eml_base64),
        title=f"Mail: {subject}",
        when=sent(mail) or moment(handed.received, "mail"),
        resources=tuple(f"key/{key}@us-east-1" for key in keys),
        points=POINTS,
        reason=f"{handed.handed_in_by} handed in a mail that says it is from {sender}: {subject}: {start}",
    )
    return (signal,)


def parsed(data: bytes) -> EmailMessage:
    """The mail.

    Raises:
        ConfigError: there are no headers of a mail.
    """
    try:
        mail = message_from_bytes(data, policy=default)
    except (MessageError, ValueError, LookupError, RecursionError) as problem:
        raise ConfigError(f"This mail cannot be read: {problem}", FIX) from problem
    if not isinstance(mail, EmailMessage) or not {"from", "subject", "received"} & {name.lower() for name in mail}:
        raise ConfigError("This is no mail: it has neither sender nor subject.", FIX)
    return mail


def header(mail: EmailMessage, name: str) -> str:
    """A header's text; as it stands in the mail where its coding is broken."""
    try:
        return " ".join(str(mail.get(name) or "").split())
    except (MessageError, ValueError, LookupError, IndexError, AttributeError, TypeError):
        return next((" ".join(str(text).split()) for key, text in mail.raw_items() if key.lower() == name.lower()), "")


def sent(mail: EmailMessage) -> datetime | None:
    """The mail's own date; None where it has none that can be read."""
    try:
        when = parsedate_to_datetime(header(mail, "Date"))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)


def text_of(mail: EmailMessage) -> str:
    """The plain text of the mail and of what it forwards; HTML as it stands, where there is nothing else."""
    plain: list[str] = []
    other: list[str] = []
    for number, part in enumerate(mail.walk()):
        if number >= MOST_PARTS:
            break
        if part.get_content_maintype() == "text" and part.get_filename() is None:
            content = part.get_payload(decode=True)
            text = content.decode("utf-8", "replace") if isinstance(content, bytes) else ""
            (plain if part.get_content_subtype() == "plain" else other).append(text)
    return "\n".join(plain or other)[:MOST_TEXT]


INTAKE = Intake(
    id="mail",
    title="A mail that was handed in",
    knows=knows,
    signals=read,
    how="`amberlight signals add note.eml --who NAME`",
    references=("https://www.rfc-editor.org/rfc/rfc5322",),
)
