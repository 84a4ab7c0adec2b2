"""A long run in numbered parts: the completed ones are recorded in a file, so that an interrupted run continues."""

import contextlib
import json
from collections import Counter
from pathlib import Path


class Done:
    """The completed parts and the counts of each: a line of JSON for each part."""

    def __init__(self, path: Path, *, again: bool = False) -> None:
        self._path = path
        self.parts: dict[int, Counter[str]] = {}
        if again:
            path.unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            for line in path.read_text().splitlines():
                part, counted = json.loads(line)
                self.parts[part] = Counter(counted)

    def add(self, part: int, counted: "Counter[str]") -> None:
        """Add a part, and record it."""
        self.parts[part] = counted
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a") as file:
            file.write(json.dumps([part, counted]) + "\n")

    def left(self, parts: int) -> list[int]:
        """Return which of `parts` parts are not done."""
        return [part for part in range(parts) if part not in self.parts]

    def total(self) -> "Counter[str]":
        """Return the counts over all parts."""
        return sum(self.parts.values(), Counter[str]())


def shown(counted: "Counter[str]") -> str:
    """Return the counts as text, the largest first."""
    return ", ".join(f"{name} {number:,}" for name, number in counted.most_common())
