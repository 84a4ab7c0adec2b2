"""Parsing of the JSON objects that Okta sends."""

import json
from typing import NoReturn

MAX_DIGITS = 32
"""Python rejects conversions of more than 4,300 digits; none of the members read is a large number."""
MAX_DEPTH = 64
"""Okta's payloads nest about seven deep; the decoder itself fails only near the interpreter's recursion limit."""


class MalformedCall(Exception):
    """The body is not a call that Okta makes. The message names the fault and quotes nothing from the body."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def parse_object(body: bytes) -> dict[str, object]:
    """Parse one JSON object (RFC 8259, UTF-8, no byte order mark). Raises `MalformedCall`."""
    value = parse_json(body)
    if not isinstance(value, dict):
        raise MalformedCall("not_an_object", "the body is JSON, but not an object")
    return value


def parse_json(body: bytes) -> object:
    """Parse JSON strictly: valid UTF-8, no NaN, bounded numbers and nesting. Raises `MalformedCall`."""
    try:
        text = body.decode("utf-8")
        value: object = _DECODER.decode(text)
    except UnicodeDecodeError:
        raise MalformedCall("not_utf8", "the body is not UTF-8") from None
    except (ValueError, RecursionError):
        raise MalformedCall("not_json", "the body is not JSON") from None
    # Counting brackets is faster than walking the value, and a body with few brackets cannot nest deeply.
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _deeper_than(value, MAX_DEPTH):
        raise MalformedCall("too_deep", f"the body nests deeper than {MAX_DEPTH}")
    return value


def member(value: object, *path: str) -> object:
    """Follow `path` through nested objects; return None if a step is missing, null or not an object."""
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def text_member(value: object, *path: str) -> str | None:
    """Follow `path` to a string; return None if there is none."""
    found = member(value, *path)
    return found if isinstance(found, str) else None


def is_storable(text: str) -> bool:
    """Return whether PostgreSQL can store `text`: no NUL, no lone surrogate."""
    if "\0" in text:
        return False
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def refuse_constant(name: str) -> NoReturn:
    """Reject NaN and Infinity, which Python's decoder accepts and JSON does not allow."""
    raise ValueError(name)


def parse_int(digits: str) -> int | float:
    """Parse a whole number of any length."""
    return int(digits) if len(digits) <= MAX_DIGITS else float(digits)


def _deeper_than(value: object, limit: int) -> bool:
    layer = [value]
    for _ in range(limit):
        layer = [
            inner
            for outer in layer
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not layer:
            return False
    return True


_DECODER = json.JSONDecoder(parse_constant=refuse_constant, parse_int=parse_int)
"""A shared instance: creating a decoder takes as long as parsing a call."""
