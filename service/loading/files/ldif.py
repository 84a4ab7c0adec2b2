"""LDIF content records: entries, and which columns their attributes are.

RFC 2849. Change records are refused.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from typing import TextIO

from service.loading.files.row import MOST_VALUES, VALUE, FaultyRow, Row
from service.loading.files.text import Export, fault_of, is_clean

# The lines of an LDIF entry: folded ones joined, comments left out, values in base64 read.
#
# RFC 2849. Values that lie behind a URL are refused; what follows a `#` is a comment.

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


# Refused entries of an LDIF file, written so that they can be corrected and loaded again. Judges none.


class LdifRejects:
    """Refused entries as LDIF, each under a comment with its line and reason."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, row: Row | FaultyRow, reason: str) -> None:
        """Write one entry."""
        said = " ".join(reason.split())
        lines = [line for line in lines_of(str(row.raw)) if not line.startswith("# line ")]
        self._file.write("\n".join([f"# line {row.line}: {said}", *lines]) + "\n\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


NAMES = {"userpassword": "password_hash", "givenname": "firstName", "sn": "lastName"}
"""What the columns of an account are called in a directory."""
OPERATIONAL = frozenset(
    {
        "dn", "objectclass", "structuralobjectclass", "entryuuid", "entrycsn", "entrydn", "createtimestamp",
        "modifytimestamp", "creatorsname", "modifiersname", "subschemasubentry", "hassubordinates", "changetype",
        "nsuniqueid", "entryid", "parentid", "numsubordinates",
    }
)  # fmt: skip
"""Attributes that say nothing of a person."""
LONGEST_RECORD = 1 << 24
"""Characters; photographs are in it. What is longer is cut off there, so that no file fills the memory."""


class LdifReader:
    """The entries of an LDIF file."""

    kind = "ldif"

    def __init__(self, export: Export, rename: Callable[[str], str]) -> None:
        """Entries have the columns `login`, `identifiers` and `password_hash`; `rename` comes before that."""
        self.export = export
        self.size = export.size
        self._rename = rename
        self._spellings: dict[str, str] = {}
        self._values_read = 0
        """Lines of the entries so far."""

    def __iter__(self) -> Iterator[Row | FaultyRow]:
        """Give each entry with the line that it begins at."""
        for line, text in self._records():
            yield self._read(line, text)

    def consumed(self) -> int:
        """Bytes read so far."""
        return self.export.consumed()

    def volume(self) -> int:
        """Characters read so far, and what the values take."""
        return self.export.volume + VALUE * self._values_read

    def interrupt(self) -> None:
        """End a read that waits in another thread."""
        self.export.interrupt()

    def close(self) -> None:
        """Close the file."""
        self.export.close()

    def _records(self) -> Iterator[tuple[int, str]]:
        """Give what stands between empty lines; comments and the version are no record."""
        begin, lines, size = 1, [""][:0], 0
        for number, line in enumerate(self.export.lines(), 1):
            if not line.strip("\r\n"):
                if _says_something(lines):
                    yield begin, "".join(lines)
                begin, lines, size = number + 1, [], 0
            elif size < LONGEST_RECORD and len(lines) <= MOST_VALUES:
                lines.append(line)
                size += len(line)
        if _says_something(lines):
            yield begin, "".join(lines)

    def _read(self, line: int, text: str) -> Row | FaultyRow:
        if not is_clean(text):
            return FaultyRow(line, fault_of(text, self.export.charset), text)
        lines = text.count("\n")
        self._values_read += lines
        if lines > MOST_VALUES:
            return FaultyRow(line, f"an entry of more than {MOST_VALUES:,} lines", text)
        if len(text) >= LONGEST_RECORD:
            return FaultyRow(
                line, f"the entry is longer than {LONGEST_RECORD >> 20} MiB; only its beginning is here", text
            )
        try:
            return Row(line, self._fields(text), text)
        except ValueError as fault:
            return FaultyRow(line, str(fault), text)

    def _fields(self, text: str) -> dict[str, object]:
        """Give the columns of an entry. Raises `ValueError` with the fault."""
        values = self._values(text)
        fields: dict[str, object] = {}
        for name, found in values.items():
            column = self._rename(name)
            column = NAMES.get(name.lower(), name) if column == name else column
            if column in fields:
                raise ValueError(f"two attributes mean the column {column}")
            fields[column] = found[0] if len(found) == 1 else found
        mails, uids = _of(values, "mail"), _of(values, "uid")
        if "login" not in fields:
            names = [*mails, *uids]
            fields["login"] = names[0] if names else ""
        if "identifiers" not in fields:
            fields["identifiers"] = [name for name in [*uids, *mails] if name != fields["login"]]
        if mails and "email" not in fields:
            fields["email"] = mails[0]
        for name in [each for each in fields if each.lower() in {*OPERATIONAL, "mail", "uid"}]:
            del fields[name]
        return fields

    def _values(self, text: str) -> dict[str, list[str]]:
        """Give the values of each attribute, by the spelling that the file used first."""
        values: dict[str, list[str]] = {}
        for line in unfolded(text):
            name, value = attribute(line)
            lower = name.lower()
            if lower == "changetype" and value != "add":
                raise ValueError("a record of changes; only entries as they are can be loaded")
            if value is not None and lower != "version":
                values.setdefault(self._spellings.setdefault(lower, name), []).append(value)
        return values


def _says_something(lines: list[str]) -> bool:
    return any(not line.startswith(("#", " ")) and not line.lower().startswith("version:") for line in lines)


def _of(values: dict[str, list[str]], lower: str) -> list[str]:
    return next((found for name, found in values.items() if name.lower() == lower), [])
