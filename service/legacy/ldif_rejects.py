"""Refused entries of an LDIF file, written so that they can be corrected and loaded again. Judges none."""

from typing import TextIO

from service.legacy.ldif_lines import lines_of
from service.legacy.rows import FaultyRow, Row


class LdifRejects:
    """Refused entries as LDIF, each under a comment with its line and reason."""

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
