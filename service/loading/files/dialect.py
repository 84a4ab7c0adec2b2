r"""Dialects of tab-separated text: CSV, and the backslash escapes of PostgreSQL's COPY and MySQL's batch mode.

COPY writes `\N` for NULL and escapes backslash, tab and line ends; quotes are literal:
https://www.postgresql.org/docs/current/sql-copy.html (Text Format). `mysql -B` escapes NUL, tab, line feed and
backslash; `SELECT … INTO OUTFILE` also writes `\Z`: https://dev.mysql.com/doc/refman/8.4/en/load-data.html
"""

import re
from collections.abc import Iterable
from enum import StrEnum


class Dialect(StrEnum):
    """How the fields of a delimited file are escaped."""

    CSV = "csv"
    """Quotes around a field, doubled inside."""
    COPY = "copy"
    """No quotes; a backslash begins an escape."""


NULL = "\\N"
"""What COPY and MySQL write for NULL."""
END = "\\."
"""COPY's end-of-data marker."""
ESCAPES = {
    "0": "\0", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "Z": "\x1a", "\\": "\\",
    '"': '"', "'": "'",
}  # fmt: skip
_WRITTEN = {character: letter for letter, character in ESCAPES.items() if letter not in "\"'"}
_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)
_QUOTED = re.compile(r'(?:^|\t)"(?:[^"\t]|"")*""(?:[^"\t]|"")*"(?=\t|$)')
"""A quoted field with doubled quotes inside, which only CSV has."""


class BadEscape(ValueError):
    """A backslash that begins no escape sequence of the dialect."""


def escaped_fields(line: str, delimiter: str) -> list[str]:
    """Split a line, without its end, into decoded fields. Raises `BadEscape`."""
    if "\\" not in line:
        return line.split(delimiter)
    return [_decoded(field, delimiter) for field in _split(line, delimiter)]


def escaped(text: str, delimiter: str) -> str:
    """Escape a field."""
    return "".join(
        f"\\{_WRITTEN[character]}"
        if character in _WRITTEN
        else f"\\{character}"
        if character == delimiter
        else character
        for character in text
    )


def _split(line: str, delimiter: str) -> list[str]:
    """Split at delimiters that are not escaped by a backslash, as `INTO OUTFILE` writes them."""
    fields, begin, place = [], 0, 0
    while place < len(line):
        if line[place] == "\\":
            place += 2
            continue
        if line[place] == delimiter:
            fields.append(line[begin:place])
            begin = place + 1
        place += 1
    return [*fields, line[begin:]]


def _decoded(field: str, delimiter: str) -> str:
    if field == NULL:
        return ""
    return _ESCAPE.sub(lambda match: _character(match[1], delimiter), field) if "\\" in field else field


def _character(after: str, delimiter: str) -> str:
    found = after if after == delimiter else ESCAPES.get(after)
    if found is None or not after:
        raise BadEscape("a backslash that begins no escape; use --dialect csv if backslashes are literal")
    return found


def dialect_of(lines: Iterable[str]) -> Dialect | None:
    """Return the dialect of tab-separated lines; None if no backslash determines it.

    In COPY every backslash begins an escape sequence; in a CSV some would precede another character.
    """
    found = False
    for line in lines:
        if _QUOTED.search(line.rstrip("\r\n")):
            return Dialect.CSV
        if "\\" not in line:
            continue
        text = line.rstrip("\r\n")
        if text != END and not _is_escaped(text):
            return Dialect.CSV
        found = True
    return Dialect.COPY if found else None


def _is_escaped(text: str) -> bool:
    try:
        escaped_fields(text, "\t")
    except BadEscape:
        return False
    return True
