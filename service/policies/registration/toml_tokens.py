"""The tokens of a TOML document, each with its line. Knows nothing of tables; reads what tomllib has accepted.

Grammar: https://toml.io/en/v1.0.0.
"""

import re
from collections.abc import Iterator

from service.immutable import immutable

_PATTERN = re.compile(
    r"""
      (?P<skipped> [ \t\r]+ | \#[^\n]* )
    | (?P<newline> \n )
    | (?P<string> \"{3}(?:[^\\]|\\.)*?\"{3}(?!\") | '{3}.*?'{3}(?!') | "(?:[^"\\]|\\.)*" | '[^']*' )
    | (?P<sign> [\[\]{}=,.] )
    | (?P<bare> [^\s\[\]{}=,.\#"']+ )
    """,
    re.VERBOSE | re.DOTALL,
)


@immutable
class Token:
    """A piece of the text, and the line on which it begins. A line break is one; white space and comments are not."""

    text: str
    line: int
    is_string: bool = False


def tokens_of(document: str) -> Iterator[Token]:
    """Take a document apart; the last token, which has no text, is its end."""
    line = 1
    for match in _PATTERN.finditer(document):
        if match.lastgroup != "skipped":
            yield Token(match.group(), line, is_string=match.lastgroup == "string")
        line += match.group().count("\n")
    yield Token("", line)


def key_of(token: Token) -> str:
    """Give the key that a token stands for, without its quotes."""
    if not token.is_string:
        return token.text
    if token.text.startswith("'"):
        return token.text[1:-1]
    return re.sub(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", _unescaped, token.text[1:-1])


def _unescaped(match: re.Match[str]) -> str:
    escape = match.group(1)
    if len(escape) > 1:
        return chr(int(escape[1:], 16))
    return {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r"}.get(escape, escape)
