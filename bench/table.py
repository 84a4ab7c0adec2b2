"""The table of results: each measurement as a ratio, with the spread of its rounds."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Row:
    """A measurement: one ratio for each round, in which both sides were measured one after the other."""

    what: str
    ratios: Sequence[float]
    of: str
    """The meaning of 1.00."""
    note: str = ""

    def cells(self) -> tuple[str, str, str, str, str]:
        """Return the cells: name, median, minimum and maximum of the rounds, the meaning of 1.00, and a note."""
        if not self.ratios:
            return self.what, "-", "not measured", self.of, self.note
        spread = f"{min(self.ratios):.2f}-{max(self.ratios):.2f}"
        return self.what, f"{median(self.ratios):.2f}", f"{spread} ({len(self.ratios)})", self.of, self.note


HEAD = ("measured", "ratio", "min-max (rounds)", "1.00 is", "note")


def lines(rows: Sequence[Row]) -> list[str]:
    """Return the rows as a Markdown table."""
    cells = [HEAD, *(row.cells() for row in rows)]
    widths = [max(len(cell[column]) for cell in cells) for column in range(len(HEAD))]
    table = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    return [table[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *table[1:]]
