"""Tells what kind of file an export is: by its name, else by how it begins. Reads no row."""

import re
from collections.abc import Iterable
from enum import StrEnum

from service.legacy.rows import UnreadableFile
from service.legacy.streams import Export


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
"""Lines: more than any licence or notice that stands above the first entry of a directory."""
ABOVE_ENTRIES = re.compile(r"#(?!\w)|version:")
"""How a line begins that may stand above the entries of LDIF alone; `#login` may be the header of a CSV."""


def kind_named(name: str | None) -> Kind | None:
    """Give the kind that an operator names. Raises `UnreadableFile`."""
    if name is None or name in tuple(Kind):
        return None if name is None else Kind(name)
    raise UnreadableFile(f"no kind of file is called {name!r}: csv, jsonl or ldif")


def kind_of(export: Export) -> Kind:
    """Tell the kind by the name, else by the first lines. Raises `UnreadableFile` for what is no export."""
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
    """Tell the kind by the first line that says something; None where it fits none."""
    above = ""
    for line in lines:
        begin = line.strip().lower()
        if begin.startswith("dn:"):
            return Kind.LDIF
        if begin.startswith(("#", "version:")):
            above = above or begin
        elif begin and not (above and line.startswith(" ")):  # else a comment goes on in this line
            return _without_entries(above or begin)
    return _without_entries(above)


def _without_entries(begin: str) -> Kind | None:
    if ABOVE_ENTRIES.match(begin):
        return None
    return Kind.JSONL if begin.startswith(("{", "[")) else Kind.CSV
