"""A reader of large JSON texts, one member or item at a time.

Knows JSON (RFC 8259) and no event. `json` decodes each value; only the containers that hold the rest are
walked here.
"""

import json
import re
from collections.abc import Iterator

from service.okta.parsing import parse_int, refuse_constant

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder(parse_constant=refuse_constant, parse_int=parse_int)


class Cursor:
    """A place in a JSON text. Every method raises `ValueError` where the text is no JSON there."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def peek(self) -> str:
        """Give the character with which the next value begins; empty at the end."""
        self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]  # it matches the empty text too
        return self._text[self._at : self._at + 1]

    def value(self) -> object:
        """Decode the next value and pass it."""
        self.peek()
        value, self._at = _DECODER.raw_decode(self._text, self._at)
        return value

    def members(self) -> Iterator[str]:
        """Enter an object and give its names; whoever iterates passes each value."""
        for _ in self._inside("{", "}"):
            name = self.value()
            if not isinstance(name, str):
                raise ValueError("a name is missing")  # noqa: TRY004 (the text is wrong, not an argument)
            self._pass(":")
            yield name

    def items(self) -> Iterator[object]:
        """Enter an array and decode its items."""
        for _ in self._inside("[", "]"):
            yield self.value()

    def end(self) -> None:
        """See that nothing follows."""
        if self.peek():
            raise ValueError("something follows the value")

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
