"""The lines of an LDIF entry: folded ones joined, comments left out, values in base64 read. Knows no entry as a whole.

RFC 2849. Values that lie behind a URL are refused; what follows a `#` is a comment.
"""

import base64
import binascii
import re
from collections.abc import Iterator

PASSWORD = "userpassword"  # noqa: S105 (the attribute, in lower case)
LINE_END = re.compile(r"\r\n|\r|\n")
"""Python's own `splitlines` also ends lines at characters that are part of a value, as U+2028 or latin-1's 0x85."""


def lines_of(text: str) -> list[str]:
    """Split a text where LDIF has lines."""
    return LINE_END.split(text.rstrip("\r\n"))


def unfolded(text: str) -> Iterator[str]:
    """Join a line with those after it that begin with a space; leave comments out."""
    whole: str | None = None
    for line in lines_of(text):
        if line.startswith(" ") and whole is not None:
            whole += line[1:]
            continue
        if whole is not None and not whole.startswith("#"):
            yield whole
        whole = line
    if whole is not None and not whole.startswith("#"):
        yield whole


def attribute(line: str) -> tuple[str, str | None]:
    """Give an attribute's name without its options and its value; None for one that is no text, as a photograph is.

    Raises `ValueError` with the fault.
    """
    name, colon, rest = line.partition(":")
    name = name.partition(";")[0].strip()
    if not colon or not name:
        raise ValueError("a line without an attribute")
    if rest.startswith("<"):
        raise ValueError(f"{name} lies behind a URL, which is not followed")
    if not rest.startswith(":"):
        return name, rest.removeprefix(" ").rstrip() if name.lower() != PASSWORD else rest.strip()
    try:
        raw = base64.b64decode("".join(rest[1:].split()), validate=True)
    except binascii.Error:
        raise ValueError(f"{name} is not base64") from None
    try:
        value = raw.decode("utf-8")
    except UnicodeDecodeError:
        value = "\0"
    if "\0" in value:
        if name.lower() in {PASSWORD, "uid", "mail"}:
            raise ValueError(f"{name} is no text")
        return name, None
    return name, value
