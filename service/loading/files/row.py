"""The result of reading a row: its values and place, or the fault."""

from collections.abc import Iterator
from dataclasses import field
from typing import NamedTuple, Protocol

from service.immutable import immutable

MOST_COLUMNS = 10_000
"""Columns, or keys of an object; PostgreSQL's tables have 1,600 at most."""
MOST_VALUES = 100_000
"""Values of a row, with all that are nested; a row of more is refused before they are made."""
VALUE = 50
"""Characters that a value counts for besides its own: Python keeps it in that many bytes."""


class UnreadableFile(Exception):
    """The file as a whole cannot be read; the message says why, and quotes no row."""


class Row(NamedTuple):
    """One row of an export; a tuple, because a million of them are made."""

    line: int
    """Where it begins: a line of the file, counted from 1, or the number of a query's row."""
    fields: dict[str, object]
    """By the name of their column; an empty cell is an empty text."""
    raw: object
    """What the rejects file needs to write the row again, as the reader of this kind of file knows it."""

    def __repr__(self) -> str:
        """Name the row without its contents."""
        return f"Row(line={self.line})"


@immutable
class FaultyRow:
    """What could not be read as a row."""

    line: int
    fault: str
    raw: object = field(repr=False)


class Rejects(Protocol):
    """Writes refused rows in the kind of file that they came in, so that they can be corrected and loaded again."""

    def write(self, row: Row | FaultyRow, reason: str) -> None:
        """Write one refused row."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


class Reader(Protocol):
    """An export that is open for reading."""

    kind: str
    size: int | None
    """Bytes of the file as it lies on disk; None for a stream."""

    def __iter__(self) -> Iterator[Row | FaultyRow]: ...

    def consumed(self) -> int:
        """Bytes of the file that were read so far, for the time left."""
        ...

    def volume(self) -> int:
        """Characters that were read so far, and `VALUE` for each value: what the rows take in memory, about."""
        ...

    def interrupt(self) -> None:
        """End a read that waits in another thread; nothing more is read then."""
        ...

    def close(self) -> None:
        """Close the export."""
        ...
