"""LDIF content records: entries, and the mapping of their attributes to columns.

RFC 2849. Change records are rejected.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from typing import TextIO

from service.loading.files.row import MOST_VALUES, VALUE, FaultyRow, Row
from service.loading.files.text import Export, fault_of, is_clean

# The lines of an LDIF entry: continued lines joined, comments removed, base64 values decoded.
#
# RFC 2849. Values given by a URL are rejected; a line that begins with `#` is a comment.

PASSWORD = "userpassword"  # noqa: S105 (the attribute, in lower case)
LINE_END = re.compile(r"\r\n|\r|\n")
"""Python's own `splitlines` also splits at characters that are part of a value, such as U+2028 or latin-1's 0x85."""


def lines_of(text: str) -> list[str]:
    """Split a text at LDIF's line ends."""
    return LINE_END.split(text.rstrip("\r\n"))


def unfolded(text: str) -> Iterator[str]:
    """Join a line with its continuation lines, which begin with a space; remove comments."""
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
    """Return an attribute's name without options, and its value; None for binary values such as photographs.

    Raises `ValueError` with the fault.
    """
    name, colon, rest = line.partition(":")
    name = name.partition(";")[0].strip()
    if not colon or not name:
        raise ValueError("a line without an attribute")
    if rest.startswith("<"):
        raise ValueError(f"{name} is given by a URL, which is not followed")
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
            raise ValueError(f"{name} is not text")
        return name, None
    return name, value


# Rejected entries of an LDIF file, written so that they can be corrected and loaded again.


class LdifRejects:
    """Rejected entries as LDIF, each under a comment with its line and reason."""

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
"""The names that directories use for the columns of an account."""
OPERATIONAL = frozenset(
    {
        "dn", "objectclass", "structuralobjectclass", "entryuuid", "entrycsn", "entrydn", "createtimestamp",
        "modifytimestamp", "creatorsname", "modifiersname", "subschemasubentry", "hassubordinates", "changetype",
        "nsuniqueid", "entryid", "parentid", "numsubordinates",
    }
)  # fmt: skip
"""Operational attributes, which do not describe a person."""
LONGEST_RECORD = 1 << 24
"""Characters; photographs are included. Longer entries are cut off there, so that no file fills the memory."""


class LdifReader:
    """The entries of an LDIF file."""

    kind = "ldif"

    def __init__(self, export: Export, rename: Callable[[str], str]) -> None:
        """Read an export; columns `login`, `identifiers` and `password_hash` are derived after `rename` was applied."""
        self.export = export
        self.size = export.size
        self._rename = rename
        self._spellings: dict[str, str] = {}
        self._values_read = 0
        """Lines of the entries so far."""

    def __iter__(self) -> Iterator[Row | FaultyRow]:
        """Yield each entry with the line at which it begins."""
        for line, text in self._records():
            yield self._read(line, text)

    def consumed(self) -> int:
        """Return the number of bytes read so far."""
        return self.export.consumed()

    def volume(self) -> int:
        """Return the number of characters read so far, plus the memory of the values."""
        return self.export.volume + VALUE * self._values_read

    def interrupt(self) -> None:
        """Interrupt a read that waits in another thread."""
        self.export.interrupt()

    def close(self) -> None:
        """Close the file."""
        self.export.close()

    def _records(self) -> Iterator[tuple[int, str]]:
        """Yield the records, which empty lines separate; comments and the version line are not records."""
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
                line, f"the entry is longer than {LONGEST_RECORD >> 20} MiB; only its beginning is kept", text
            )
        try:
            return Row(line, self._fields(text), text)
        except ValueError as fault:
            return FaultyRow(line, str(fault), text)

    def _fields(self, text: str) -> dict[str, object]:
        """Return the columns of an entry. Raises `ValueError` with the fault."""
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
        """Return the values of each attribute, under the spelling that the file used first."""
        values: dict[str, list[str]] = {}
        for line in unfolded(text):
            name, value = attribute(line)
            lower = name.lower()
            if lower == "changetype" and value != "add":
                raise ValueError("a change record; only content records can be loaded")
            if value is not None and lower != "version":
                values.setdefault(self._spellings.setdefault(lower, name), []).append(value)
        return values


def _says_something(lines: list[str]) -> bool:
    return any(not line.startswith(("#", " ")) and not line.lower().startswith("version:") for line in lines)


def _of(values: dict[str, list[str]], lower: str) -> list[str]:
    return next((found for name, found in values.items() if name.lower() == lower), [])
