"""Opens an export, and the file for its rejects, with what reads and writes its kind. Knows no line of them."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from service.legacy.charsets import errors_in
from service.legacy.csv_rejects import CsvRejects
from service.legacy.csv_rows import CsvReader
from service.legacy.json_lines import JsonLinesReader
from service.legacy.json_rejects import JsonRejects
from service.legacy.kinds import Kind, kind_named, kind_of
from service.legacy.ldif import LdifReader
from service.legacy.ldif_rejects import LdifRejects
from service.legacy.rows import FaultyRow, Reader, Rejects, Row
from service.legacy.streams import Export


def open_export(
    path: Path,
    *,
    kind: str | None = None,
    charset: str = "utf-8",
    delimiter: str | None = None,
    rename: Callable[[str], str] = str,
) -> Reader:
    """Open a file or standard input for reading. Raises `UnreadableFile`."""
    export = Export(path, charset)
    try:
        match kind_named(kind) or kind_of(export):
            case Kind.CSV:
                return CsvReader(export, delimiter, rename)
            case Kind.JSONL:
                return JsonLinesReader(export, rename)
            case Kind.LDIF:
                return LdifReader(export, rename)
    except BaseException:
        export.close()
        raise


def open_rejects(path: Path, reader: Reader) -> Rejects:
    """Open a rejects file for a reader's rows; only its owner may read it, for it holds hashes. Raises `OSError`."""
    match reader:
        case CsvReader():
            return CsvRejects(_private(path, reader.export), reader)
        case LdifReader():
            return LdifRejects(_private(path, reader.export))
        case _:
            return JsonRejects(_private(path))


class RejectsAtNeed:
    """Makes the rejects file when the first row is refused."""

    def __init__(self, path: Path, reader: Reader) -> None:
        self._path = path
        self._reader = reader
        self._opened: Rejects | None = None

    def write(self, row: Row | FaultyRow, reason: str) -> None:
        """Write one row."""
        if self._opened is None:
            self._opened = open_rejects(self._path, self._reader)
        self._opened.write(row, reason)

    def close(self) -> None:
        """Close the file where there is one."""
        if self._opened is not None:
            self._opened.close()


def _private(path: Path, like: Export | None = None) -> TextIO:
    """Open a file that reads like the export: without its byte order mark nobody could tell UTF-16 again."""
    charset = like.charset if like else "utf-8"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    file = os.fdopen(descriptor, "w", encoding=charset, errors=errors_in(charset), newline="")
    file.write("\ufeff" if like and like.mark else "")
    return file
