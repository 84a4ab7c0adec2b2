"""The JSON objects that Okta sends, from bytes."""

import json
from typing import NoReturn

MAX_DIGITS = 32
"""Python refuses to convert more than 4,300 digits; no member that we read is a big number."""
MAX_DEPTH = 64
"""Okta's payloads nest about seven deep; the decoder itself fails only near the interpreter's recursion limit."""


class MalformedCall(Exception):
    """The body is not a call that Okta makes. The message names the fault and quotes nothing of the body."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def parse_object(body: bytes) -> dict[str, object]:
    """Read one JSON object (RFC 8259, UTF-8, no byte order mark). Raises `MalformedCall`."""
    value = parse_json(body)
    if not isinstance(value, dict):
        raise MalformedCall("not_an_object", "the body is JSON, but not an object")
    return value


def parse_json(body: bytes) -> object:
    """Read JSON strictly: valid UTF-8, no NaN, no numbers or nesting beyond reason. Raises `MalformedCall`."""
    try:
        text = body.decode("utf-8")
        value: object = _DECODER.decode(text)
    except UnicodeDecodeError:
        raise MalformedCall("not_utf8", "the body is not UTF-8") from None
    except (ValueError, RecursionError):
        raise MalformedCall("not_json", "the body is not JSON") from None
    # Counting brackets is quicker than walking, and whoever has few can't nest them deep.
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _deeper_than(value, MAX_DEPTH):
        raise MalformedCall("too_deep", f"the body nests deeper than {MAX_DEPTH}")
    return value


def member(value: object, *path: str) -> object:
    """Follow `path` through nested objects; None where a step is missing or not an object (null counts as missing)."""
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def text_member(value: object, *path: str) -> str | None:
    """Follow `path` to a string; None where there is none."""
    found = member(value, *path)
    return found if isinstance(found, str) else None


def is_storable(text: str) -> bool:
    """Tell whether PostgreSQL can hold `text`: no NUL, no lone surrogate."""
    if "\0" in text:
        return False
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def refuse_constant(name: str) -> NoReturn:
    """Refuse NaN and Infinity, which Python's decoder takes and JSON doesn't have."""
    raise ValueError(name)


def parse_int(digits: str) -> int | float:
    """Read a whole number, however long."""
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
"""Made once: making one takes as long as reading a call with it."""
