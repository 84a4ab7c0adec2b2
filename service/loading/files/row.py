"""The result of reading a row: its values and position, or the fault."""

from collections.abc import Iterator
from dataclasses import field
from typing import NamedTuple, Protocol

from service.immutable import immutable

MOST_COLUMNS = 10_000
"""Columns, or keys of an object; tables of PostgreSQL have at most 1,600."""
MOST_VALUES = 100_000
"""Values of a row, including nested ones; a row with more is rejected before they are created."""
VALUE = 50
"""Characters that each value counts in addition to its own, for its memory in Python."""


class UnreadableFile(Exception):
    """The file as a whole cannot be read; the message gives the reason and quotes no row."""


class Row(NamedTuple):
    """One row of an export; a tuple, because a million of them are made."""

    line: int
    """The position: a line of the file, counted from 1, or the number of a query's row."""
    fields: dict[str, object]
    """Values by column; an empty cell is an empty text."""
    raw: object
    """What the rejects file needs to write the row again, in the representation of its reader."""

    def __repr__(self) -> str:
        """Return a representation without the contents of the row."""
        return f"Row(line={self.line})"


@immutable
class FaultyRow:
    """A record that could not be parsed as a row."""

    line: int
    fault: str
    raw: object = field(repr=False)


class Rejects(Protocol):
    """Writes rejected rows in the kind of file that they came from, so that they can be corrected and loaded again."""

    def write(self, row: Row | FaultyRow, reason: str) -> None:
        """Write one rejected row."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


class Reader(Protocol):
    """An export that is open for reading."""

    kind: str
    size: int | None
    """Bytes of the file as stored on disk; None for a stream."""

    def __iter__(self) -> Iterator[Row | FaultyRow]: ...

    def consumed(self) -> int:
        """Return the bytes of the file read so far, for the remaining time; None if unknown."""
        ...

    def volume(self) -> int:
        """Return the characters read so far, and `VALUE` for each value: the approximate memory of the rows."""
        ...

    def interrupt(self) -> None:
        """Interrupt a read that waits in another thread; nothing more is read then."""
        ...

    def close(self) -> None:
        """Close the export."""
        ...
