"""The one table: what was measured, as a ratio, with the spread of its rounds."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Row:
    """A measurement: one ratio for each round, in which both sides were measured one after the other."""

    what: str
    ratios: Sequence[float]
    of: str
    """What 1.00 is."""
    note: str = ""

    def cells(self) -> tuple[str, str, str, str, str]:
        """Write it: what, the median, the least and the most of all rounds, what 1.00 is, and a note."""
        if not self.ratios:
            return self.what, "-", "not measured", self.of, self.note
        spread = f"{min(self.ratios):.2f}-{max(self.ratios):.2f}"
        return self.what, f"{median(self.ratios):.2f}", f"{spread} ({len(self.ratios)})", self.of, self.note


HEAD = ("measured", "ratio", "min-max (rounds)", "1.00 is", "note")


def lines(rows: Sequence[Row]) -> list[str]:
    """Lay the rows out as a Markdown table."""
    cells = [HEAD, *(row.cells() for row in rows)]
    widths = [max(len(cell[column]) for cell in cells) for column in range(len(HEAD))]
    table = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    return [table[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *table[1:]]
