"""JSON Lines: one object a line. Knows no key's meaning.

https://jsonlines.org/
"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TextIO

from service.legacy.rows import FaultyRow, Row, UnreadableFile
from service.legacy.streams import Export, fault_of, is_clean

NOTES = ("line", "reason", "unreadable")
"""The keys that the rejects file adds, and that are passed over when it is loaded."""
LAYOUTS_KEPT = 1000
"""Lines may all differ in their keys."""
LONGEST_LINE = 1 << 20
"""Characters; a row has some hundred."""


class JsonLinesReader:
    """The rows of a JSON Lines file."""

    kind = "jsonl"

    def __init__(self, export: Export, rename: Callable[[str], str]) -> None:
        self.export = export
        self.size = export.size
        self._rename = rename
        self._names: dict[tuple[str, ...], tuple[str, ...]] = {}
        """By the keys of an object as they are in the file."""
        self._quick = json.JSONDecoder(parse_constant=_no_constant)
        self._decoder = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_constant)

    def __iter__(self) -> Iterator[Row | FaultyRow]:
        """Give each line that is not empty. Raises `UnreadableFile` for a file that is one JSON array."""
        for number, text in enumerate(self.export.lines(), 1):
            line = text.strip()
            if not line:
                continue
            if line[0] == "[" and (number == 1 or line in ("[", "[]")):
                raise UnreadableFile(
                    f"{self.export.path}: a JSON array; one object a line is needed, as `jq -c '.[]'` writes it"
                )
            yield self._read(number, line)

    def consumed(self) -> int:
        """Bytes read so far."""
        return self.export.consumed()

    def interrupt(self) -> None:
        """End a read that waits in another thread."""
        self.export.interrupt()

    def close(self) -> None:
        """Close the file."""
        self.export.close()

    def _read(self, number: int, line: str) -> Row | FaultyRow:
        if len(line) > LONGEST_LINE:
            return FaultyRow(number, "the line is absurdly long", line)
        if not is_clean(line):
            return FaultyRow(number, fault_of(line, self.export.charset), line)
        try:
            found = self._decode(line)
        except (ValueError, RecursionError) as error:
            return FaultyRow(number, f"not JSON: {getattr(error, 'msg', None) or error}", line)
        if not isinstance(found, dict):
            return FaultyRow(number, "not a JSON object", line)
        if "\\u" in line and not _is_clean_throughout(found):
            return FaultyRow(number, "a NUL character or half a surrogate pair", line)
        return Row(number, self._renamed(found), line)

    def _decode(self, line: str) -> object:
        """Decode a line. Raises `ValueError`, also for an object that has the same key twice."""
        found, end = self._quick.raw_decode(line)
        # A key takes a colon: as many of them as keys that differ, and no key is there twice. The hook takes longer.
        if end == len(line) and isinstance(found, dict) and line.count(":") == len(found):
            return found
        return self._decoder.decode(line)

    def _renamed(self, found: dict[str, object]) -> dict[str, object]:
        keys = tuple(found)
        names = self._names.get(keys)
        if names is None:
            names = tuple(map(self._rename, keys))
            if len(self._names) < LAYOUTS_KEPT:
                self._names[keys] = names
        return found if names == keys else dict(zip(names, found.values(), strict=True))


class JsonRejects:
    """Refused rows as JSON Lines, with line and reason as their first members."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, row: Row | FaultyRow, reason: str) -> None:
        """Write one row; what is no JSON object is kept as text in the member `unreadable`."""
        found = row.raw if isinstance(row.raw, dict) else _parsed(row.raw)
        notes: dict[str, object] = {"line": row.line, "reason": reason}
        own = {"unreadable": row.raw} if found is None else {k: v for k, v in found.items() if k not in NOTES}
        self._file.write(json.dumps(notes | own, ensure_ascii=True, default=str) + "\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _parsed(raw: object) -> dict[str, Any] | None:
    try:
        found = json.loads(str(raw))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has the same key twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _is_clean_throughout(value: object) -> bool:
    if isinstance(value, str):
        return is_clean(value)
    if isinstance(value, dict):
        return all(is_clean(key) and _is_clean_throughout(each) for key, each in value.items())
    if isinstance(value, list):
        return all(map(_is_clean_throughout, value))
    return True
