"""CSV with a header: quotes, newlines in fields, any line ends, any usual delimiter. Knows no column's meaning.

RFC 4180, read as leniently as real exports need it; a record that spans lines and has the wrong number of columns is
taken for a stray quote: its first line is refused, and the next ones are read again.
"""

import csv
import io
from collections import deque
from collections.abc import Callable, Iterator
from typing import TextIO

from service.legacy.rows import FaultyRow, Row, UnreadableFile
from service.legacy.streams import Export, fault_of, is_clean

DELIMITERS = ",;\t|"
LONGEST_FIELD = 1 << 20
"""Characters; a stray quote must not take the rest of the file into memory."""
NOTES = ("line", "reason")
"""The columns that the rejects file adds, and that are passed over when it is loaded."""


class CsvReader:
    """The rows of a CSV file."""

    kind = "csv"

    def __init__(self, export: Export, delimiter: str | None, rename: Callable[[str], str]) -> None:
        """Read the header. Raises `UnreadableFile`."""
        csv.field_size_limit(LONGEST_FIELD)
        self.export = export
        self.size = export.size
        self._lines = _Lines(export.lines())
        first = next(self._lines, "")
        self._lines.push_back([first])
        self.delimiter = delimiter or _delimiter(first)
        try:
            self.header = [name.strip() for name in next(self._records(), [])]
        except csv.Error as error:
            raise UnreadableFile(f"{export.path}: the header can't be read: {error}") from None
        self.columns = [rename(name) for name in self.header]
        self._require_header()

    def __iter__(self) -> Iterator[Row | FaultyRow]:
        """Give each record; empty lines are none."""
        records, lines, columns = self._records(), self._lines, self.columns
        width = len(columns)
        while True:
            line = lines.begin()
            try:
                cells = next(records)
            except StopIteration:
                return
            except csv.Error as error:
                yield from self._refuse(line, str(error))
                records = self._records()
                continue
            if len(cells) == width:
                if is_clean("".join(cells)):
                    yield Row(line, dict(zip(columns, cells, strict=True)), cells)
                else:
                    yield FaultyRow(line, fault_of("".join(cells), self.export.charset), cells)
            elif cells and any(cells):
                if len(lines.taken) > 1:
                    yield from self._refuse(line, "a quote that is never closed, or a wrong number of columns")
                    records = self._records()
                else:
                    yield FaultyRow(line, f"{len(cells)} columns, and the header has {width}", cells)

    def consumed(self) -> int:
        """Bytes read so far."""
        return self.export.consumed()

    def _records(self) -> Iterator[list[str]]:
        return csv.reader(self._lines, delimiter=self.delimiter)

    def _refuse(self, line: int, fault: str) -> Iterator[FaultyRow]:
        """Refuse the first line of a record, and give its other lines back."""
        first, *others = self._lines.taken
        self._lines.push_back(others)
        yield FaultyRow(line, fault, first)

    def _require_header(self) -> None:
        where = self.export.path
        if not self.header or not any(self.header):
            raise UnreadableFile(f"{where}: the file is empty; its first line must name the columns")
        if "" in self.header:
            raise UnreadableFile(f"{where}: column {self.header.index('') + 1} of the header has no name")
        doubled = sorted({name for name in self.columns if self.columns.count(name) > 1})
        if doubled:
            raise UnreadableFile(f"{where}: the header names a column twice: {', '.join(doubled)}")
        if not is_clean("".join(self.header)):
            raise UnreadableFile(f"{where}: the header has {fault_of(''.join(self.header), self.export.charset)}")


class CsvRejects:
    """Refused rows as CSV: line and reason first, so that a row of any width stays as it was."""

    def __init__(self, file: TextIO, reader: CsvReader) -> None:
        self._file = file
        self._writer = csv.writer(file, delimiter=reader.delimiter, lineterminator="\n")
        self._delimiter = reader.delimiter
        self._skipped = [position for position, name in enumerate(reader.header) if name in NOTES]
        self._writer.writerow([*NOTES, *self._own(reader.header)])

    def write(self, row: Row | FaultyRow, reason: str) -> None:
        """Write one row; a line that is no record is written as it is."""
        if isinstance(row.raw, str):
            notes = io.StringIO()
            csv.writer(notes, delimiter=self._delimiter, lineterminator=self._delimiter).writerow([row.line, reason])
            self._file.write(notes.getvalue() + row.raw.rstrip("\r\n") + "\n")
        elif isinstance(row.raw, list):
            self._writer.writerow([row.line, reason, *self._own(row.raw)])

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _own(self, cells: list[str]) -> list[str]:
        return [cell for position, cell in enumerate(cells) if position not in self._skipped]


class _Lines:
    """Lines that can be given back, counted, with those of the current record at hand."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._again: deque[str] = deque()
        self.taken: list[str] = []
        self._number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self._number += 1
        self.taken.append(line)
        return line

    def begin(self) -> int:
        """Begin a record; give the number of its first line."""
        self.taken = []
        return self._number + 1

    def push_back(self, lines: list[str]) -> None:
        """Give lines back, to be read next."""
        self._again.extendleft(reversed(lines))
        self._number -= len(lines)


def _delimiter(header: str) -> str:
    return max(DELIMITERS, key=header.count)
