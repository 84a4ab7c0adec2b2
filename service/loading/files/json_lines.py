"""JSON Lines: one object a line; or one document that contains all objects.

https://jsonlines.org/
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, TextIO, cast

from service.loading.files.json_document import Document, is_document
from service.loading.files.row import MOST_COLUMNS, MOST_VALUES, VALUE, FaultyRow, Row
from service.loading.files.text import Export, fault_of, is_clean

# JSON that the store can keep: unique keys, finite numbers, no NUL, no unpaired surrogate.


class Unusable(ValueError):
    """JSON that would be altered, or that PostgreSQL rejects; the message quotes no value."""


def decode(text: str) -> object:
    """Parse one value. Raises `ValueError`, also for too deep nesting; its message quotes no value."""
    try:
        found = careful.decode(text)
        if "\\u" in text and not is_clean_throughout(found):
            raise Unusable("a NUL character or an unpaired surrogate")
    except RecursionError:
        raise Unusable("it is nested too deeply") from None
    return found


def no_constant(name: str) -> None:
    """Reject `NaN` and `Infinity`, which Python would accept."""
    raise Unusable(f"{name} is not a JSON number")


def finite(digits: str) -> float:
    """Parse a number; reject one that a float cannot hold, since PostgreSQL has no JSON for it."""
    number = float(digits)
    if math.isinf(number):
        raise Unusable("a number is too large")
    return number


def each_key_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Create an object; reject duplicate keys, of which Python would silently keep the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Unusable("an object has the same key twice")
    return found


def is_clean_throughout(value: object) -> bool:
    """Return whether all texts in a value can be stored."""
    if isinstance(value, str):
        return is_clean(value)
    if isinstance(value, dict):
        return all(is_clean(key) and is_clean_throughout(each) for key, each in value.items())
    if isinstance(value, list):
        return all(map(is_clean_throughout, value))
    return True


careful = json.JSONDecoder(object_pairs_hook=each_key_once, parse_constant=no_constant, parse_float=finite)


# Rejected rows of JSON Lines or of a query, written so that they can be corrected and loaded again.

NOTES = ("line", "reason")
"""The keys that the rejects file adds to each row, and that are ignored when it is loaded."""


class JsonRejects:
    """Rejected rows as JSON Lines, with line and reason as their first keys."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, row: Row | FaultyRow, reason: str) -> None:
        """Write one row; a line that is not exactly one JSON object is stored as text under the key `unreadable`."""
        notes: dict[str, object] = {"line": row.line, "reason": reason}
        found = row.raw if isinstance(row.raw, dict) else _parsed(row.raw)
        own = {"unreadable": row.raw} if found is None else {k: v for k, v in found.items() if k not in NOTES}
        self._file.write(json.dumps(notes | own, ensure_ascii=True, default=str) + "\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _parsed(raw: object) -> dict[str, Any] | None:
    try:
        found = json.loads(str(raw), object_pairs_hook=each_key_once)
        json.dumps(found)  # writing needs more stack depth than reading
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def value_at(value: object, path: Sequence[str]) -> object:
    """Return the value at a path of keys and list indexes; None if there is none."""
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


LAYOUTS_KEPT = 1000
"""Maximum layouts kept: all lines may differ in their keys."""
WIDEST_KEPT = 1000
"""Maximum keys of a layout that is kept."""
USUAL_LINE = 10_000
"""Characters up to which the values of a line are not counted."""
LONGEST_LINE = 1 << 20
"""Characters; a typical row has some hundred."""


class JsonLinesReader:
    """The rows of a JSON Lines file."""

    kind = "jsonl"

    def __init__(self, export: Export, rename: Callable[[str], str], paths: Mapping[str, str] | None = None) -> None:
        """Read an export; `paths` are columns given by a dotted path, such as `services.password.bcrypt`."""
        self.export = export
        self.size = export.size
        self._rename = rename
        self._paths = [(tuple(path.split(".")), name) for path, name in (paths or {}).items() if "." in path]
        self._names: dict[tuple[str, ...], tuple[str, ...]] = {}
        """Layouts by the keys of an object as written."""
        self._values = 0
        """Number of values in long lines so far."""
        self._quick = json.JSONDecoder(parse_constant=no_constant, parse_float=finite)

    def __iter__(self) -> Iterator[Row | FaultyRow]:
        """Yield each line that is not empty, or each object of a document. Raises `UnreadableFile`."""
        if is_document(self.export.head()):
            for number, text in Document(self.export.pieces(), self.export.path).objects():
                yield self._read(number, text)
            return
        for number, text in enumerate(self.export.lines(), 1):
            line = text.strip()
            if line:
                yield self._read(number, line)

    def consumed(self) -> int:
        """Return the number of bytes read so far."""
        return self.export.consumed()

    def volume(self) -> int:
        """Return the number of characters read so far, plus the memory of the values of long lines."""
        return self.export.volume + VALUE * self._values

    def interrupt(self) -> None:
        """Interrupt a read that waits in another thread."""
        self.export.interrupt()

    def close(self) -> None:
        """Close the file."""
        self.export.close()

    def _read(self, number: int, line: str) -> Row | FaultyRow:
        if len(line) > LONGEST_LINE:
            return FaultyRow(number, "the line is too long", line)
        if len(line) > USUAL_LINE:
            values = line.count(",") + line.count("[") + line.count("{")
            self._values += values
            if values > MOST_VALUES:
                return FaultyRow(number, f"more than {MOST_VALUES:,} values", line)
        if not is_clean(line):
            return FaultyRow(number, fault_of(line, self.export.charset), line)
        try:
            return Row(number, self._fields(line), line)
        except Unusable as error:
            return FaultyRow(number, str(error), line)
        except ValueError as error:
            return FaultyRow(number, f"not JSON: {getattr(error, 'msg', None) or error}", line)

    def _fields(self, line: str) -> dict[str, object]:
        """Return the columns of a line. Raises `ValueError`."""
        found = self._decode(line)
        if not isinstance(found, dict):
            raise Unusable("not a JSON object")
        if len(found) > MOST_COLUMNS:
            raise Unusable(f"more than {MOST_COLUMNS:,} keys")
        fields = self._renamed(found)
        if len(fields) < len(found):
            raise Unusable("two keys mean the same column")
        for path, name in self._paths:
            value = value_at(found, path)
            if value is not None and ".".join(path) not in found:
                if name in fields:
                    raise Unusable("two keys mean the same column")
                fields = fields | {name: value}
        return fields

    def _decode(self, line: str) -> object:
        """Decode a line. Raises `ValueError`."""
        with suppress(RecursionError):
            found, end = self._quick.raw_decode(line)
            # Each key has a colon, so as many colons as distinct keys means that no key is repeated. Comparing the keys
            # takes longer.
            once = end == len(line) and isinstance(found, dict) and line.count(":") == len(found)
            if once and ("\\u" not in line or is_clean_throughout(found)):
                return cast("dict[str, object]", found)
        return decode(line)

    def _renamed(self, found: dict[str, object]) -> dict[str, object]:
        keys = tuple(found)
        names = self._names.get(keys)
        if names is None:
            names = tuple(map(self._rename, keys))
            if len(self._names) < LAYOUTS_KEPT and len(keys) <= WIDEST_KEPT:
                self._names[keys] = names
        return found if names == keys else dict(zip(names, found.values(), strict=True))
