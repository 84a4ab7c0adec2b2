"""CSV with a header: quotes, newlines in fields, any line ends, any usual delimiter.

RFC 4180, as leniently as real exports need. A record that spans lines and has the wrong number of columns is treated as
a stray quote: its first line is rejected, and the following lines are read again. Lines are read in blocks of some
hundred: if each line of a block is a valid record, as most are, no per-line bookkeeping is needed.
"""

import csv
import io
import itertools
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TextIO

from service.loading.files.dialect import END, NULL, BadEscape, Dialect, dialect_of, escaped, escaped_fields
from service.loading.files.row import MOST_COLUMNS, MOST_VALUES, VALUE, FaultyRow, Row, UnreadableFile
from service.loading.files.text import Export, fault_of, is_clean

# The header of a CSV: its delimiter and the faults of its names.

DELIMITERS = ",;\t|"


def delimiter_of(line: str) -> str:
    """Return the delimiter that occurs most often in the header."""
    return max(DELIMITERS, key=line.count)


def require_header(header: Sequence[str], columns: Sequence[str], export: Export) -> None:
    """Check the names as written in the file and as renamed. Raises `UnreadableFile`."""
    where = export.path
    if not header or not any(header):
        raise UnreadableFile(f"{where}: the file is empty; its first line must name the columns")
    if len(header) > MOST_COLUMNS:
        raise UnreadableFile(f"{where}: the header has more than {MOST_COLUMNS:,} columns")
    if "" in header:
        raise UnreadableFile(f"{where}: column {header.index('') + 1} of the header has no name")
    doubled = sorted({name for name in columns if columns.count(name) > 1})
    if doubled:
        raise UnreadableFile(f"{where}: the header contains a column twice: {', '.join(doubled)}")
    if not is_clean("".join(header)):
        raise UnreadableFile(f"{where}: the header has {fault_of(''.join(header), export.charset)}")


SEPARATOR = re.compile(r"sep=(.)", re.IGNORECASE)
"""The line above a header in which spreadsheets name the delimiter."""
LOOKED_AT = 10_000
"""Lines from which the dialect of tab-separated text is detected."""
LONGEST_RECORD = 1 << 21
"""Characters in all lines of a record: quotes that close and reopen at each line end must not fill the memory."""
LONGEST_FIELD = 1 << 20
"""Characters; a stray quote must not read the rest of the file into memory."""
BLOCK = 200
"""Lines in a block: large enough for a small cost per line, small enough that few lines are read one by one because
one of them contains a newline in a field."""
BLOCK_CHARACTERS = 1 << 21
"""Characters after which a block ends with fewer lines."""


class CsvReader:
    """The rows of a CSV file."""

    kind = "csv"

    def __init__(
        self,
        export: Export,
        delimiter: str | None,
        rename: Callable[[str], str],
        dialect: Dialect | None = None,
    ) -> None:
        """Read the header; without a dialect, detect it from the first lines. Raises `UnreadableFile`."""
        csv.field_size_limit(LONGEST_FIELD)
        self.export = export
        self.size = export.size
        self._line = 1
        """The line number at which the next record begins."""
        self._taken: list[str] = []
        """The lines of the current record."""
        self._size = 0
        """Their number of characters."""
        self._values = 0
        """Number of cells so far."""
        above = list(itertools.islice((line for line in export.look(LOOKED_AT) if line.strip("\r\n")), 2))
        named = SEPARATOR.fullmatch(above[0].strip()) if above else None
        if named:
            delimiter = delimiter or named[1]
            above = above[1:]
        self.delimiter = delimiter or delimiter_of("".join(above[:1]))
        self.told = self._tell(dialect)
        """The dialect; None if unknown, in which case no row may contain a backslash."""
        self._lines = export.lines()
        first = self._first_line()
        if named:
            self._line += 1
            first = self._first_line()
        self._again = deque([first])
        """Lines that were pushed back."""
        try:
            self.header = [name.strip() for name in next(self._records(), [])]
        except (csv.Error, BadEscape) as error:
            raise UnreadableFile(f"{export.path}: the header can't be read: {error}") from None
        self.has_trailing_delimiter = len(self.header) > 1 and self.header[-1] == ""
        if self.has_trailing_delimiter:
            self.header.pop()
        self.columns = [rename(name) for name in self.header]
        require_header(self.header, self.columns, export)

    def _tell(self, given: Dialect | None) -> Dialect | None:
        if given is not None or self.delimiter != "\t":
            return given or Dialect.CSV
        return dialect_of(self.export.look(LOOKED_AT))

    def _first_line(self) -> str:
        """Return the first line that is not empty."""
        for line in self._lines:
            if line.strip("\r\n"):
                return line
            self._line += 1
        return ""

    def __iter__(self) -> Iterator[Row | FaultyRow]:
        """Yield each record, skipping empty lines."""
        self._next_record()
        while block := list(self._block()):
            records = self._at_once(block)
            if records is None:
                self._again.extend(block)
                yield from self._one_by_one()
                continue
            has_nulls = any(NULL in line for line in block)
            for line, cells in enumerate(records, self._line):
                # The number of columns was checked already, for all rows at once.
                yield Row(line, self._fields(cells) if has_nulls else dict(zip(self.columns, cells)), cells)  # noqa: B905
            self._line += len(block)
            self._values += len(block) * len(self.columns)

    def _block(self) -> Iterator[str]:
        """Return the next lines, limited by number and size."""
        size = 0
        for line in itertools.islice(self._lines, BLOCK):
            yield line
            size += len(line)
            if size > BLOCK_CHARACTERS:
                return

    def _at_once(self, block: list[str]) -> list[list[str]] | None:
        """Parse lines that are each one valid record; return None if any is not."""
        text = "".join(block)
        if text.count(self.delimiter) > max(MOST_COLUMNS, 4 * len(block) * len(self.columns)):
            return None
        if not is_clean(text) or (self.told is not Dialect.CSV and "\\" in text) or self.has_trailing_delimiter:
            return None
        if self.told is Dialect.COPY:
            records = [line.rstrip("\r\n").split(self.delimiter) for line in block]
            return records if {*map(len, records)} == {len(self.columns)} else None
        try:
            records = list(csv.reader(block, delimiter=self.delimiter, strict=True))
        except csv.Error:
            return None
        # A record has at least one line, so an equal number of records and lines means one line each.
        return records if len(records) == len(block) and {*map(len, records)} == {len(self.columns)} else None

    def _one_by_one(self) -> Iterator[Row | FaultyRow]:
        """Yield the records of lines that are parsed again; the last may extend beyond these lines."""
        while self._again:
            try:
                for cells in self._records():
                    self._values += len(self.columns)
                    if self.has_trailing_delimiter and len(cells) > len(self.columns) and cells[-1] == "":
                        cells.pop()
                    if len(cells) == len(self.columns) and all(map(is_clean, self._taken)) and self._is_told():
                        yield Row(self._line, self._fields(cells), cells)
                    elif cells and any(cells):
                        yield self._refuse(self._line, cells)
                    self._next_record()
                    if not self._again:
                        break
            except (csv.Error, BadEscape) as error:
                self._give_back()
                yield FaultyRow(self._line, str(error), self._taken[0])
                self._next_record()

    def _is_told(self) -> bool:
        return self.told is not None or not any("\\" in line for line in self._taken)

    def _fields(self, cells: list[str]) -> dict[str, object]:
        return {name: "" if cell == NULL else cell for name, cell in zip(self.columns, cells, strict=True)}

    def _next_record(self) -> None:
        self._line += len(self._taken)
        self._taken.clear()
        self._size = 0

    def consumed(self) -> int:
        """Return the number of bytes read so far."""
        return self.export.consumed()

    def volume(self) -> int:
        """Return the number of characters read so far, plus the memory of the cells."""
        return self.export.volume + VALUE * self._values

    def interrupt(self) -> None:
        """Interrupt a read that waits in another thread."""
        self.export.interrupt()

    def close(self) -> None:
        """Close the file."""
        self.export.close()

    def _records(self) -> Iterator[list[str]]:
        if self.told is Dialect.COPY:
            return self._escaped_records()
        # Strict: otherwise an unclosed quote would silently turn the rest of the file into one cell.
        return csv.reader(self._noted(), delimiter=self.delimiter, strict=True)

    def _escaped_records(self) -> Iterator[list[str]]:
        """Yield the records of COPY's dialect: one line each, unless a backslash escapes the end of line."""
        for line in self._noted():
            text = line.rstrip("\r\n")
            while _ends_open(text) and (more := next(self._noted(), None)) is not None:
                text += line[len(line.rstrip("\r\n")) :] + more.rstrip("\r\n")
                line = more  # noqa: PLW2901 (the end of the last line taken)
            if text != END:
                yield escaped_fields(text, self.delimiter) if text else []
            else:
                yield []

    def _noted(self) -> Iterator[str]:
        """Yield the lines and record them, including lines that are pushed back during the iteration."""
        while True:
            if self._size > LONGEST_RECORD and len(self._taken) > 1:
                raise csv.Error(f"a record longer than {LONGEST_RECORD} characters; check for an unclosed quote")
            line = self._again.popleft() if self._again else next(self._lines, None)
            if line is None:
                return
            self._taken.append(line)
            self._size += len(line)
            if line.count(self.delimiter) > MOST_VALUES:
                raise csv.Error(f"a row of more than {MOST_VALUES:,} columns")
            yield line

    def _refuse(self, line: int, cells: list[str]) -> FaultyRow:
        """Return a rejected record. If it spans lines, only its first: a stray quote takes the next lines with it."""
        text = "".join(self._taken)
        if len(cells) == len(self.columns) and is_clean(text):
            if self.told is None:
                return FaultyRow(line, "a backslash, which no earlier row had: choose --dialect copy or csv", cells)
            return FaultyRow(line, fault_of("".join(cells), self.export.charset), cells)
        if len(cells) == len(self.columns):
            return FaultyRow(line, fault_of(text, self.export.charset), cells)
        if len(self._taken) > 1:
            self._give_back()
            return FaultyRow(line, "an unclosed quote, or a wrong number of columns", self._taken[0])
        # Of many columns the text is kept, because the cells take many times as much memory.
        raw = cells if len(cells) <= MOST_COLUMNS else self._taken[0]
        return FaultyRow(line, f"{len(cells)} columns, but the header has {len(self.columns)}", raw)

    def _give_back(self) -> None:
        """Push back all lines of the record except the first, to be read again."""
        self._again.extendleft(reversed(self._taken[1:]))
        del self._taken[1:]
        self._size = len(self._taken[0])


def _ends_open(text: str) -> bool:
    """Return whether a line ends in a backslash that escapes the end of line."""
    return (len(text) - len(text.rstrip("\\"))) % 2 == 1


# Rejected rows of a CSV, written so that they can be corrected and loaded again any number of times.

NOTES = ("line", "reason")
"""The columns that the rejects file adds, and that are ignored when it is loaded."""


class CsvRejects:
    """Rejected rows as CSV: line and reason first, so that a row with any number of columns stays unchanged."""

    def __init__(self, file: TextIO, reader: CsvReader) -> None:
        self._file = file
        writer = csv.writer(file, delimiter=reader.delimiter, lineterminator="\n")
        self._write_row = self._write_escaped if reader.told is Dialect.COPY else writer.writerow
        self._delimiter = reader.delimiter
        self._skipped = [position for position, name in enumerate(reader.header) if name in NOTES]
        between = re.escape(reader.delimiter)
        notes = rf'\d+{between}(?:"(?:[^"]|"")*"|[^{between}"]*){between}'
        self._old_notes = re.compile(notes if tuple(reader.header[:2]) == NOTES else "")
        """The beginning of lines that an earlier rejects file wrote."""
        self._write_row([*NOTES, *self._own(reader.header)])

    def write(self, row: Row | FaultyRow, reason: str) -> None:
        """Write one row; a line that is not a record is written unchanged."""
        if isinstance(row.raw, str):
            notes = io.StringIO()
            csv.writer(notes, delimiter=self._delimiter, lineterminator=self._delimiter).writerow([row.line, reason])
            old = self._old_notes.match(row.raw)
            self._file.write(notes.getvalue() + row.raw[old.end() if old else 0 :].rstrip("\r\n") + "\n")
        elif isinstance(row.raw, list):
            self._write_row([row.line, reason, *self._own(row.raw)])

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write_escaped(self, cells: Iterable[object]) -> None:
        self._file.write(self._delimiter.join(escaped(str(cell), self._delimiter) for cell in cells) + "\n")

    def _own(self, cells: list[str]) -> list[str]:
        return [cell for position, cell in enumerate(cells) if position not in self._skipped]
