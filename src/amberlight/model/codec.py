"""JSON in and out, the canonical form (RFC 8785), and hashes of records."""

from __future__ import annotations

import hashlib
from typing import Any, TypeVar

import msgspec
import rfc8785

from amberlight.model.errors import ConfigError

T = TypeVar("T")


def to_builtins(record: Any) -> Any:
    """The record as dictionaries, lists, strings and numbers; times as ISO 8601 text in UTC."""
    return msgspec.to_builtins(record)


def dumps(record: Any) -> bytes:
    """Indented JSON with a final newline, for files that people open."""
    return msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"


def canonical(record: Any) -> bytes:
    """The one form of the record that is hashed and signed: RFC 8785 JSON."""
    return rfc8785.dumps(to_builtins(record))


def digest(record: Any) -> str:
    """SHA-256 over the canonical form, in hex."""
    return hashlib.sha256(canonical(record)).hexdigest()


def loads(data: bytes, kind: type[T], name: str = "input") -> T:
    """Decode and validate a record.

    Raises:
        ConfigError: the data is not JSON, or not of that kind; the message names the field.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise ConfigError(f"{name} cannot be read as {kind.__name__}: {problem}") from problem
