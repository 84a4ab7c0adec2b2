"""Splits the text of a formula into tokens. Knows their spelling and no grammar."""

import enum
import re
from collections.abc import Iterator

from service.immutable import immutable
from service.passwords.formula.faults import MalformedFormula


class Kind(enum.Enum):
    """What a token is, in the words of an error message."""

    NAME = "a function"
    VARIABLE = "a variable"
    TEXT = "a text in quotes"
    NUMBER = "a number"
    SIGN = "a sign"
    END = "the end"


@immutable
class Token:
    """One token and where it begins."""

    kind: Kind
    value: str
    position: int


MAX_LENGTH = 2000
"""Characters of a formula. The longest real one has a few hundred; a limit keeps the parser's work bounded."""

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
