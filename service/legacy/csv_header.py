"""The header of a CSV: what stands between its columns, and what is wrong with their names. Reads no row."""

from collections.abc import Sequence

from service.legacy.charsets import fault_of, is_clean
from service.legacy.rows import UnreadableFile
from service.legacy.streams import Export

DELIMITERS = ",;\t|"


def delimiter_of(line: str) -> str:
    """Tell the delimiter by the header: the one that it has most of."""
    return max(DELIMITERS, key=line.count)


def require_header(header: Sequence[str], columns: Sequence[str], export: Export) -> None:
    """Look at the names as they are in the file, and at those that they mean. Raises `UnreadableFile`."""
    where = export.path
    if not header or not any(header):
        raise UnreadableFile(f"{where}: the file is empty; its first line must name the columns")
    if "" in header:
        raise UnreadableFile(f"{where}: column {header.index('') + 1} of the header has no name")
    doubled = sorted({name for name in columns if columns.count(name) > 1})
    if doubled:
        raise UnreadableFile(f"{where}: the header names a column twice: {', '.join(doubled)}")
    if not is_clean("".join(header)):
        raise UnreadableFile(f"{where}: the header has {fault_of(''.join(header), export.charset)}")
