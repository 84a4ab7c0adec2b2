"""Refused rows of a CSV, written so that they can be corrected and loaded again, as often as it takes."""

import csv
import io
import re
from typing import TextIO

from service.legacy.csv_rows import CsvReader
from service.legacy.rows import FaultyRow, Row

NOTES = ("line", "reason")
"""The columns that the rejects file adds, and that are passed over when it is loaded."""


class CsvRejects:
    """Refused rows as CSV: line and reason first, so that a row of any width stays as it was."""

    def __init__(self, file: TextIO, reader: CsvReader) -> None:
        self._file = file
        self._writer = csv.writer(file, delimiter=reader.delimiter, lineterminator="\n")
        self._delimiter = reader.delimiter
        self._skipped = [position for position, name in enumerate(reader.header) if name in NOTES]
        between = re.escape(reader.delimiter)
        notes = rf'\d+{between}(?:"(?:[^"]|"")*"|[^{between}"]*){between}'
        self._old_notes = re.compile(notes if tuple(reader.header[:2]) == NOTES else "")
        """What an earlier rejects file says at the beginning of a line."""
        self._writer.writerow([*NOTES, *self._own(reader.header)])

    def write(self, row: Row | FaultyRow, reason: str) -> None:
        """Write one row; a line that is no record is written as it is."""
        if isinstance(row.raw, str):
            notes = io.StringIO()
            csv.writer(notes, delimiter=self._delimiter, lineterminator=self._delimiter).writerow([row.line, reason])
            old = self._old_notes.match(row.raw)
            self._file.write(notes.getvalue() + row.raw[old.end() if old else 0 :].rstrip("\r\n") + "\n")
        elif isinstance(row.raw, list):
            self._writer.writerow([row.line, reason, *self._own(row.raw)])

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _own(self, cells: list[str]) -> list[str]:
        return [cell for position, cell in enumerate(cells) if position not in self._skipped]
