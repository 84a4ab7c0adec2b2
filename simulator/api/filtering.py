"""The filter expressions of Okta's lists (a subset of SCIM's): parsed once, then evaluated for each item."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from simulator.api.errors import ApiError

TOKEN = re.compile(r'\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<punct>[()])|(?P<word>[^\s()"]+))')
Predicate = Callable[[Mapping[str, Any]], bool]
COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "eq": lambda found, wanted: found == wanted,
    "ne": lambda found, wanted: found != wanted,
    "co": lambda found, wanted: wanted in found,
    "sw": lambda found, wanted: found.startswith(wanted),
    "ew": lambda found, wanted: found.endswith(wanted),
    "gt": lambda found, wanted: found > wanted,
    "ge": lambda found, wanted: found >= wanted,
    "lt": lambda found, wanted: found < wanted,
    "le": lambda found, wanted: found <= wanted,
}


@dataclass
class Filter:
    """A parser for one list: `known` says whether an attribute may be used; names are case-sensitive."""

    known: Callable[[str], bool]
    ignore_case: bool = False
    """Whether to ignore case, as `search` does; `filter` compares exactly."""

    def parse(self, text: str) -> Predicate:
        """Parse an expression. Raises `ApiError`."""
        self._text, self._at, self._tokens = text, 0, self._split(text)
        predicate = self._either()
        if self._at < len(self._tokens):
            raise self._invalid("unexpected end")
        return predicate

    def _split(self, text: str) -> list[str]:
        tokens, at = [], 0
        while text[at:].strip():
            match = TOKEN.match(text, at)
            if match is None:
                raise ApiError("E0000031", summary=f"Invalid search criteria: {text!r}")
            tokens.append(match.group().strip())
            at = match.end()
        return tokens

    def _next(self) -> str:
        if self._at >= len(self._tokens):
            raise self._invalid("incomplete expression")
        self._at += 1
        return self._tokens[self._at - 1]

    def _peek(self) -> str:
        return self._tokens[self._at].lower() if self._at < len(self._tokens) else ""

    def _either(self) -> Predicate:
        left = self._both()
        while self._peek() == "or":
            self._next()
            left = _or(left, self._both())
        return left

    def _both(self) -> Predicate:
        left = self._one()
        while self._peek() == "and":
            self._next()
            left = _and(left, self._one())
        return left

    def _one(self) -> Predicate:
        if self._peek() == "(":
            self._next()
            inner = self._either()
            if self._next() != ")":
                raise self._invalid("missing )")
            return inner
        return self._comparison()

    def _comparison(self) -> Predicate:
        attribute, operator = self._next(), self._next()
        if operator != "pr" and operator not in COMPARISONS:
            raise self._invalid(f"Unrecognized attribute operator '{operator}'")
        if not self.known(attribute):
            raise ApiError("E0000053", summary=f"field is not valid: {attribute}")
        if operator == "pr":
            return lambda item: any(value is not None for value in values_at(item, attribute))
        fold = str.casefold if self.ignore_case else str
        wanted, compare = fold(_unquoted(self._next())), COMPARISONS[operator]
        return lambda item: any(
            compare(fold(str(value)), wanted) for value in values_at(item, attribute) if value is not None
        )

    def _invalid(self, reason: str) -> ApiError:
        return ApiError("E0000053", summary=f"Invalid filter '{self._text}': {reason}")


def _unquoted(token: str) -> str:
    return re.sub(r"\\(.)", r"\1", token[1:-1]) if token.startswith('"') else token


def values_at(item: object, attribute: str) -> list[Any]:
    """Return the values at a dotted name; an array yields those of all its items."""
    found: list[Any] = [item]
    for name in attribute.split("."):
        inner = [value.get(name) for value in found if isinstance(value, Mapping)]
        found = [each for value in inner for each in (value if isinstance(value, list) else [value])]
    return found


def _or(left: Predicate, right: Predicate) -> Predicate:
    return lambda item: left(item) or right(item)


def _and(left: Predicate, right: Predicate) -> Predicate:
    return lambda item: left(item) and right(item)
