"""A reader of large JSON texts, one member or item at a time.

Contains only JSON (RFC 8259), nothing of events. `json` decodes each value; only the enclosing containers are parsed
here.
"""

import json
import re
from collections.abc import Iterator

from service.okta.parsing import parse_int, refuse_constant

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder(parse_constant=refuse_constant, parse_int=parse_int)


class Cursor:
    """A position in a JSON text. Every method raises `ValueError` if the text at it is not valid JSON."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def peek(self) -> str:
        """Return the first character of the next value; empty at the end."""
        self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]  # it matches the empty text too
        return self._text[self._at : self._at + 1]

    def value(self) -> object:
        """Decode the next value and advance past it."""
        self.peek()
        value, self._at = _DECODER.raw_decode(self._text, self._at)
        return value

    def members(self) -> Iterator[str]:
        """Enter an object and yield its names; the caller must consume each value."""
        for _ in self._inside("{", "}"):
            name = self.value()
            if not isinstance(name, str):
                raise ValueError("a name is missing")  # noqa: TRY004 (the text is wrong, not an argument)
            self._pass(":")
            yield name

    def items(self) -> Iterator[object]:
        """Enter an array and yield its items, decoded."""
        for _ in self._inside("[", "]"):
            yield self.value()

    def end(self) -> None:
        """Raise `ValueError` unless this is the end of the text."""
        if self.peek():
            raise ValueError("extra data after the value")

    def _inside(self, opening: str, closing: str) -> Iterator[None]:
        self._pass(opening)
        if self.peek() == closing:
            self._pass(closing)
            return
        while True:
            yield
            if self.peek() == closing:
                self._pass(closing)
                return
            self._pass(",")

    def _pass(self, character: str) -> None:
        if self.peek() != character:
            raise ValueError(f"{character} is missing")
        self._at += 1
