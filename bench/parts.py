"""A long run in parts that follow from numbers: which are done is kept in a file, so that an ended run can go on."""

import contextlib
import json
from collections import Counter
from pathlib import Path


class Done:
    """The parts that are done and what was counted in each: a line of JSON for each part."""

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
        """Add a part, and write it down."""
        self.parts[part] = counted
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a") as file:
            file.write(json.dumps([part, counted]) + "\n")

    def left(self, parts: int) -> list[int]:
        """List the parts, of so many, that are not done."""
        return [part for part in range(parts) if part not in self.parts]

    def total(self) -> "Counter[str]":
        """Count over all parts."""
        return sum(self.parts.values(), Counter[str]())


def shown(counted: "Counter[str]") -> str:
    """Write counts, the largest first."""
    return ", ".join(f"{name} {number:,}" for name, number in counted.most_common())
