"""JSON Lines: one object a line. Knows no key's meaning.

https://jsonlines.org/
"""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import cast

from service.legacy import strict_json
from service.legacy.charsets import fault_of, is_clean
from service.legacy.rows import FaultyRow, Row, UnreadableFile
from service.legacy.streams import Export

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
        self._quick = json.JSONDecoder(parse_constant=strict_json.no_constant, parse_float=strict_json.finite)

    def __iter__(self) -> Iterator[Row | FaultyRow]:
        """Give each line that is not empty. Raises `UnreadableFile` for a file that is one JSON document."""
        is_first = True
        for number, text in enumerate(self.export.lines(), 1):
            line = text.strip()
            if not line:
                continue
            if is_first and (line[0] == "[" or line == "{"):
                raise UnreadableFile(
                    f"{self.export.path}: one JSON document; one object a line is needed, as `jq -c '.[]'` writes it "
                    "of an array, and `jq -c '.users[]'` of one under the key users"
                )
            is_first = False
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
            return Row(number, self._fields(line), line)
        except strict_json.Unusable as error:
            return FaultyRow(number, str(error), line)
        except ValueError as error:
            return FaultyRow(number, f"not JSON: {getattr(error, 'msg', None) or error}", line)

    def _fields(self, line: str) -> dict[str, object]:
        """Give the columns of a line. Raises `ValueError`."""
        found = self._decode(line)
        if not isinstance(found, dict):
            raise strict_json.Unusable("not a JSON object")
        fields = self._renamed(found)
        if len(fields) < len(found):
            raise strict_json.Unusable("two keys mean the same column")
        return fields

    def _decode(self, line: str) -> object:
        """Decode a line. Raises `ValueError`."""
        with suppress(RecursionError):
            found, end = self._quick.raw_decode(line)
            # A key takes a colon: as many of them as keys that differ, and none is there twice. To look at the keys
            # takes longer.
            once = end == len(line) and isinstance(found, dict) and line.count(":") == len(found)
            if once and ("\\u" not in line or strict_json.is_clean_throughout(found)):
                return cast("dict[str, object]", found)
        return strict_json.decode(line)

    def _renamed(self, found: dict[str, object]) -> dict[str, object]:
        keys = tuple(found)
        names = self._names.get(keys)
        if names is None:
            names = tuple(map(self._rename, keys))
            if len(self._names) < LAYOUTS_KEPT:
                self._names[keys] = names
        return found if names == keys else dict(zip(names, found.values(), strict=True))
