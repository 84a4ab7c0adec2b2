"""The tokens of a formula."""

import enum
import re
from collections.abc import Callable, Iterator
from typing import NoReturn

from service.hashing.format import MalformedHash
from service.hashing.formula.operations import Operation
from service.immutable import immutable

# Errors in a formula, with their position.


class MalformedFormula(MalformedHash):
    """The formula cannot be parsed."""

    def __init__(self, fault: str, text: str, position: int) -> None:
        """Locate the error: `position` counts characters from 0; the message counts from 1 and has a caret below."""
        super().__init__(f"{fault}, at position {position + 1} of the formula\n  {text}\n  {' ' * position}^")
        self.fault = fault
        self.position = position
        self._text = text

    def __reduce__(self) -> tuple[type["MalformedFormula"], tuple[str, str, int]]:
        """Rebuild from the three arguments: by default exceptions are pickled by message and cannot be restored."""
        return type(self), (self.fault, self._text, self.position)


class Kind(enum.Enum):
    """The kind of a token, as error messages name it."""

    NAME = "a function"
    VARIABLE = "a variable"
    TEXT = "a text in quotes"
    NUMBER = "a number"
    SIGN = "a sign"
    END = "the end"


@immutable
class Token:
    """One token and its position."""

    kind: Kind
    value: str
    position: int


MAX_LENGTH = 2000
"""Characters of a formula. The longest real one has a few hundred; the limit bounds the parser's work."""

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<VARIABLE>\$[A-Za-z_][A-Za-z_0-9]*)
      | (?P<NAME>[A-Za-z_][A-Za-z0-9_]*(?:[-/][A-Za-z0-9_]+)*)
      | (?P<NUMBER>[0-9]{1,10}(?![0-9A-Za-z_]))
      | (?P<TEXT>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
      | (?P<SIGN>[().,^|])
    )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_SHORT_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of `text` and then one of the kind END. Raises `MalformedFormula`."""
    if len(text) > MAX_LENGTH:
        raise MalformedFormula(f"A formula has at most {MAX_LENGTH} characters", text[:40], 0)
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            at += len(text[at:]) - len(text[at:].lstrip())
            raise MalformedFormula(_fault_of(text[at]), text, at)
        kind = str(found.lastgroup)
        value = found.group(kind)
        at = found.end()
        yield Token(Kind[kind], _unquoted(value) if kind == "TEXT" else value, found.start(kind))
    yield Token(Kind.END, "", end)


def _fault_of(character: str) -> str:
    if character in "'\"":
        return "This quote is never closed"
    if character == "$":
        return "A variable's name must follow the $"
    if character in "+&":
        return "Texts are joined by a dot"
    return "This character has no meaning here"


def _unquoted(quoted: str) -> str:
    def unescape(found: re.Match[str]) -> str:
        code, character = found.groups()
        return chr(int(code, 16)) if code else _SHORT_ESCAPES.get(character, character)

    return _ESCAPE.sub(unescape, quoted[1:-1])


# The arguments of a call: their number and kinds.


@immutable
class Argument:
    """One argument of a call: a value or, if `number` is set, a whole number."""

    token: Token
    value: Operation | None = None
    number: int | None = None


@immutable
class Arguments:
    """The arguments in the parentheses after `name`."""

    name: Token
    given: tuple[Argument, ...]
    fail: Callable[[str, Token], NoReturn]

    def values(self, count: int, numbers: tuple[int, ...] = (0,)) -> tuple[Operation, ...]:
        """Return the first `count` arguments, after checking their kinds and that the rest are `numbers` numbers."""
        if len(self.given) - count not in numbers:
            self.fail(f"{self.name.value} takes {_counted(count, numbers)}", self._misfit(count + max(numbers)))
        for argument in self.given[:count]:
            if argument.value is None:
                self.fail("A value is needed here, and this is a number: put it in quotes", argument.token)
        for argument in self.given[count:]:
            if argument.number is None:
                self.fail("A whole number is needed here", argument.token)
        return tuple(argument.value for argument in self.given[:count] if argument.value is not None)

    def numbers(self, after: int) -> tuple[int, ...]:
        """Return the numbers after the first `after` arguments."""
        return tuple(argument.number for argument in self.given[after:] if argument.number is not None)

    def _misfit(self, most: int) -> Token:
        return self.given[most].token if len(self.given) > most else self.name


def _counted(values: int, numbers: tuple[int, ...]) -> str:
    text = f"{values} value{'s' if values > 1 else ''}"
    if max(numbers):
        counts = " or ".join(str(number) for number in numbers)
        text += f" and {counts} number{'s' if max(numbers) > 1 else ''}"
    return text
