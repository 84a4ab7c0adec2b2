"""The objects of a JSON document that holds all users: an array, or the array under the key `users` of an object.

Keycloak exports a realm as such an object, `mongoexport --jsonArray` writes an array. The document is read piece by
piece: at most one item of its array, or one value before it, is in memory.
"""

import json
import re
from collections.abc import Iterator

from service.loading.files.row import UnreadableFile

KEY = "users"
LONGEST = 1 << 26
"""Characters of one value."""
USUAL = 1 << 20
"""Characters up to which nested values are not counted."""
MOST_WITHIN = 2_000_000
"""Maximum nested values of one value before or in the array: Python needs some 100 bytes for each."""
_AFTER = frozenset(",:]} \t\r\n")
"""Characters that may follow a value."""
_SPACE = re.compile(r"[ \t\r\n]*")
_ONE_LINE = re.compile(r'\{.*"users"\s*:\s*\[\s*[{\]]|\{\s*"users"\s*:\s*\[')
"""The beginning, in one line, of an object that holds all users."""


def is_document(head: str) -> bool:
    """Return whether a text is one document and not JSON Lines, judged by its first characters."""
    first, end, _ = head.lstrip().partition("\n")
    return first.startswith("[") or (first.strip() == "{" and bool(end)) or _ONE_LINE.match(first) is not None


class Document:
    """A document that is read once, from the beginning."""

    def __init__(self, pieces: Iterator[str], place: object) -> None:
        self._pieces = pieces
        self._place = place
        self._text = ""
        self._at = 0
        self._line = 1
        """The line in which the buffered text begins."""
        self._decoder = json.JSONDecoder()

    def objects(self) -> Iterator[tuple[int, str]]:
        """Yield the text of each item of the array, with its first line. Raises `UnreadableFile`."""
        if self._peek() == "{":
            self._find_array()
        if self._peek() != "[":
            raise self._fault(f"there is no array, also not under the key {KEY}")
        return self._members()

    def _find_array(self) -> None:
        self._pass("{")
        while self._peek() == '"':
            _, key = self._value()
            self._pass(":")
            if key == f'"{KEY}"' and self._peek() == "[":
                return
            self._value()
            if self._peek() == ",":
                self._pass(",")

    def _members(self) -> Iterator[tuple[int, str]]:
        self._pass("[")
        while self._peek() != "]":
            yield self._value()
            if self._peek() != "]":
                self._pass(",")

    def _value(self) -> tuple[int, str]:
        """Return the text of the next value, and the line in which it begins."""
        self._peek()
        line = self._line
        while True:
            self._require_few()
            try:
                _, end = self._decoder.raw_decode(self._text, self._at)
            except (ValueError, RecursionError) as error:
                if isinstance(error, RecursionError) or not self._read_on():
                    raise self._fault("a value is not JSON") from None
                continue
            # A number at the end of a piece may continue in the next one.
            if self._text[end : end + 1] in _AFTER or not self._read_on():
                break
        text = self._text[self._at : end]
        self._take(end)
        return line, text

    def _require_few(self) -> None:
        """Raise `UnreadableFile` if the buffered text is long and would take gigabytes once decoded."""
        if len(self._text) - self._at > USUAL and sum(self._text.count(mark, self._at) for mark in ",[{") > MOST_WITHIN:
            raise self._fault(f"a value holds more than {MOST_WITHIN:,} others")

    def _peek(self) -> str:
        """Return the first character of the next value or delimiter; empty at the end."""
        while True:
            found = _SPACE.match(self._text, self._at)
            self._take(found.end() if found else self._at)
            if self._at < len(self._text) or not self._read_on():
                return self._text[self._at : self._at + 1]

    def _pass(self, mark: str) -> None:
        if self._peek() != mark:
            raise self._fault(f"{mark} is missing")
        self._take(self._at + 1)

    def _take(self, end: int) -> None:
        self._line += self._text.count("\n", self._at, end)
        self._at = end

    def _read_on(self) -> bool:
        """Double the buffered text, so that the parsing of a long value is not repeated too often."""
        rest = self._text[self._at :]
        added, size = [], 0
        while size <= len(rest) and len(rest) + size < LONGEST and (piece := next(self._pieces, "")):
            added.append(piece)
            size += len(piece)
        self._text, self._at = rest + "".join(added), 0
        return bool(added)

    def _fault(self, what: str) -> UnreadableFile:
        return UnreadableFile(
            f"{self._place}: line {self._line}: {what}; a document is an array of objects, or an object with one under "
            f"the key {KEY}, and else one object a line is needed, as `jq -c` writes it"
        )
