"""Opening of an export and of its rejects file, with the reader and writer for its kind."""

import io
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TextIO

from service.loading.files.csv import CsvReader, CsvRejects
from service.loading.files.dialect import Dialect
from service.loading.files.json_lines import JsonLinesReader, JsonRejects
from service.loading.files.ldif import LdifReader, LdifRejects
from service.loading.files.row import FaultyRow, Reader, Rejects, Row, UnreadableFile
from service.loading.files.text import Export, errors_in
from service.private_files import open_private

STANDARD_OUTPUT = Path("-")

# The kind of an export, by its name, otherwise by its beginning.


class Kind(StrEnum):
    """A kind of file."""

    CSV = "csv"
    JSONL = "jsonl"
    LDIF = "ldif"


ENDINGS = {
    ".csv": Kind.CSV,
    ".tsv": Kind.CSV,
    ".jsonl": Kind.JSONL,
    ".ndjson": Kind.JSONL,
    ".json": Kind.JSONL,
    ".ldif": Kind.LDIF,
}


LOOKED_AT = 1000
"""Lines: more than any licence or notice above the first entry of a directory export."""
ABOVE_ENTRIES = re.compile(r"#(?!\w)|version:")
"""The beginning of lines that only LDIF has above its entries; `#login` may be the header of a CSV."""


def kind_named(name: str | None) -> Kind | None:
    """Return the kind with a name that an operator gave. Raises `UnreadableFile`."""
    if name is None or name in tuple(Kind):
        return None if name is None else Kind(name)
    raise UnreadableFile(f"unknown kind of file {name!r}: use csv, jsonl or ldif")


def kind_of(export: Export) -> Kind:
    """Return the kind by the file name, or by the first lines. Raises `UnreadableFile` if the file is not an export."""
    endings = [ending.lower() for ending in export.path.suffixes]
    for ending in reversed(endings):
        if ending in ENDINGS:
            return ENDINGS[ending]
    kind = kind_of_lines(export.look(LOOKED_AT))
    if kind is None:
        raise UnreadableFile(
            f"{export.path}: neither CSV, JSON Lines nor LDIF: it begins with a comment or a version, as LDIF may, "
            "and no dn: follows; say with --kind what it is"
        )
    return kind


def kind_of_lines(lines: Iterable[str]) -> Kind | None:
    """Return the kind by the first significant line; None if it matches none."""
    above = ""
    for line in lines:
        begin = line.strip().lower()
        if begin.startswith("dn:"):
            return Kind.LDIF
        if begin.startswith(("#", "version:")):
            above = above or begin
        elif begin and not (above and line.startswith(" ")):  # otherwise a comment continues in this line
            return _without_entries(above or begin)
    return _without_entries(above)


def _without_entries(begin: str) -> Kind | None:
    if ABOVE_ENTRIES.match(begin):
        return None
    return Kind.JSONL if begin.startswith(("{", "[")) else Kind.CSV


def open_export(
    path: Path,
    *,
    kind: str | None = None,
    charset: str = "utf-8",
    delimiter: str | None = None,
    dialect: Dialect | None = None,
    paths: Mapping[str, str] | None = None,
    rename: Callable[[str], str] = str,
) -> Reader:
    """Open a file or standard input for reading. Raises `UnreadableFile`.

    `paths`: columns of nested JSON, by their dotted path.
    """
    export = Export(path, charset)
    try:
        match kind_named(kind) or kind_of(export):
            case Kind.CSV:
                return CsvReader(export, delimiter, rename, dialect)
            case Kind.JSONL:
                return JsonLinesReader(export, rename, paths)
            case Kind.LDIF:
                return LdifReader(export, rename)
    except BaseException:
        export.close()
        raise


def open_rejects(path: Path, reader: Reader) -> Rejects:
    """Open a rejects file for a reader's rows. It contains hashes, so only its owner can read it. Raises `OSError`."""
    match reader:
        case CsvReader():
            return CsvRejects(open_private_output(path, reader.export), reader)
        case LdifReader():
            return LdifRejects(open_private_output(path, reader.export))
        case _:
            return JsonRejects(open_private_output(path))


class TemporaryRejects:
    """A rejects file that is opened before the first row, and removed if no row was rejected."""

    def __init__(self, path: Path, reader: Reader) -> None:
        """Open it. Raises `OSError`."""
        self._path = path
        self._rejects = open_rejects(path, reader)
        self._is_empty = True

    def write(self, row: Row | FaultyRow, reason: str) -> None:
        """Write one row."""
        self._is_empty = False
        self._rejects.write(row, reason)

    def close(self) -> None:
        """Close the file."""
        self._rejects.close()
        if self._is_empty:
            self._path.unlink(missing_ok=True)


class Terminal(io.TextIOWrapper):
    """A terminal to which rejected rows are written with control characters escaped."""

    def write(self, text: str, /) -> int:
        """Write a text with its control characters escaped."""
        return super().write(
            "".join(each if each.isprintable() or each in "\n\t" else ascii(each)[1:-1] for each in text)
        )


def open_private_output(path: Path, like: Export | None = None) -> TextIO:
    """Open a file with personal data, or standard output, for writing, in an export's charset. Raises `OSError`."""
    charset = like.charset if like else "utf-8"
    if path == STANDARD_OUTPUT:
        if sys.stdout.isatty():
            return Terminal(open(sys.stdout.fileno(), "wb", closefd=False), newline="", write_through=True)
        return open(sys.stdout.fileno(), "w", encoding=charset, errors=errors_in(charset), newline="", closefd=False)
    file = open_private(path, encoding=charset, errors=errors_in(charset))
    file.write("\ufeff" if like and like.mark else "")
    return file
