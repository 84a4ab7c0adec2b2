"""A TOML document with the line of every value, and the list of its faults."""

import difflib
import math
import re
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field

from service.immutable import immutable

# The tokens of a TOML document with their lines.
#
# Grammar: https://toml.io/en/v1.0.0.

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
    """A piece of the text, and the line on which it begins. Line breaks are tokens; spaces and comments are not."""

    text: str
    line: int
    is_string: bool = False


def tokens_of(document: str) -> Iterator[Token]:
    """Split a document into tokens; the last one, without text, is its end."""
    line = 1
    for match in _PATTERN.finditer(document):
        if match.lastgroup != "skipped":
            yield Token(match.group(), line, is_string=match.lastgroup == "string")
        line += match.group().count("\n")
    yield Token("", line)


def key_of(token: Token) -> str:
    """Return the key of a token, without its quotes."""
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


# The line of each value of a TOML document, which `tomllib` does not provide. Reads what tomllib has accepted.
#
# Grammar: https://toml.io/en/v1.0.0.

Path = tuple[str | int, ...]
"""The path to a value through tables (by key) and arrays (by position)."""


def lines_of(document: str) -> dict[Path, int]:
    """Return the line, counted from 1, of the first occurrence of each key and each array item."""
    scanner = _Scanner(list(tokens_of(document)))
    scanner.scan()
    return scanner.lines


@dataclass
class _Scanner:
    tokens: list[Token]
    at: int = 0
    table: Path = ()
    arrays: dict[Path, int] = field(default_factory=dict)
    """The arrays of tables, each with the position of its last table."""
    lines: dict[Path, int] = field(default_factory=dict)

    @property
    def next(self) -> str:
        token = self.tokens[self.at]
        return "a string" if token.is_string else token.text

    def take(self) -> Token:
        token = self.tokens[self.at]
        self.at += 1
        return token

    def scan(self) -> None:
        while self.next:
            if self.next == "\n":
                self.take()
            elif self.next == "[":
                self.header()
            else:
                self.pair(self.table)

    def header(self) -> None:
        line = self.take().line
        is_array = self.next == "["
        if is_array:
            self.take()
        *parents, last = self.keys()
        path: Path = ()
        for key in parents:
            path = self.resolved((*path, key), line)
        path = (*path, last)
        if is_array:
            self.arrays[path] = self.arrays.get(path, -1) + 1
        self.table = self.resolved(path, line)
        while self.next not in ("\n", ""):
            self.take()

    def resolved(self, path: Path, line: int) -> Path:
        """Return `path` within the last table if it is an array of tables."""
        self.lines.setdefault(path, line)
        if path in self.arrays:
            path = (*path, self.arrays[path])
            self.lines.setdefault(path, line)
        return path

    def keys(self) -> list[str]:
        keys = [key_of(self.take())]
        while self.next == ".":
            self.take()
            keys.append(key_of(self.take()))
        return keys

    def pair(self, path: Path) -> None:
        line = self.tokens[self.at].line
        for key in self.keys():
            path = (*path, key)
            self.lines.setdefault(path, line)
        self.take()  # the equals sign
        self.value(path)

    def value(self, path: Path) -> None:
        if self.next in ("[", "{"):
            self.group(path, is_table=self.take().text == "{")
        else:
            while self.next not in (",", "]", "}", "\n", ""):
                self.take()

    def group(self, path: Path, *, is_table: bool) -> None:
        position = 0
        while self.next not in ("]", "}"):
            if self.next in (",", "\n"):
                self.take()
            elif is_table:
                self.pair(path)
            else:
                self.lines.setdefault((*path, position), self.tokens[self.at].line)
                self.value((*path, position))
                position += 1
        self.take()


# Suggestions for unknown words in a policy.
#
# A mistyped word is guessed by its letters. Words of other languages need a hint of their own: by their letters they
# resemble nothing, or even the opposite of what is meant (`not_equals` is close to `equals`).

_WRITE_PATTERN = "write pattern, which matches the whole value"
_CONTRARY = "write not before the attribute, as in when.not.country.equals, or ask in unless"
_BOUNDS = "{ min = …, max = … }, both included; one of them is enough"

_TESTS = {
    "contains includes substring like": f'{_WRITE_PATTERN}: pattern = ".*part.*"',
    "startswith beginswith prefix": f'{_WRITE_PATTERN}: pattern = "start.*"',
    "endswith suffix": f'{_WRITE_PATTERN}: pattern = ".*end"; for an address write domain or within_domain',
    "regex regexp re match matches": _WRITE_PATTERN,
    "in isin anyof any inlist": "write one_of, with a list",
    "not isnot ne neq unequal notequal notequals notin noneof notoneof notcontains notmatches": _CONTRARY,
    "eq is equal": "write equals",
    "min max minimum maximum gt gte lt lte greaterthan lessthan between range": f"write number = {_BOUNDS}",
    "minlength maxlength minlen maxlen len size": f"write length = {_BOUNDS}",
    "exists missing absent blank null isnull isempty notempty required": "write present, with true or false",
    "subdomain subdomains subdomainof": "write within_domain",
    "iequals equalsignorecase": "write equals, and ignore_case = true beside it",
    "caseinsensitive casesensitive": "case counts, unless you write ignore_case = true",
}
_RULE = {
    "if condition where": "write when",
    "then action do": "write deny, set or allow",
    "reject refuse block forbid": "write deny",
    "and or not all any": "it belongs to when or unless",
    "summary message reason location": "it belongs to deny",
}
_JOINS = {
    "and allof": "write all = [{ … }, { … }]; tests that stand side by side must all be true without it",
    "or anyof oneof": "write any = [{ … }, { … }]",
    "nor none noneof": "write not.any = [{ … }, { … }]",
}


def _by_word(hints: Mapping[str, str]) -> dict[str, str]:
    return {word: hint for words, hint in hints.items() for word in words.split()}


_HINTS_OF_TESTS = _by_word(_TESTS)
_HINTS_OF_RULE = _by_word(_RULE)
_HINTS_OF_JOINS = _by_word(_JOINS)


def suggestion(word: str, allowed: Collection[str]) -> str:
    """Return the most similar permitted word as a suggestion."""
    close = difflib.get_close_matches(word, allowed, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; it may be {', '.join(allowed)}"


def hint_of_rule(word: str) -> str | None:
    """Return the equivalent of another language's keyword for a rule; None for any other word."""
    return _HINTS_OF_RULE.get(_plain(word))


def hint_of_test(word: str) -> str | None:
    """Return the equivalent of another language's keyword for a test; None for any other word."""
    return _HINTS_OF_TESTS.get(_plain(word))


def hint_of_join(word: str) -> str | None:
    """Return the equivalent of another language's keyword for combining conditions; None for any other word."""
    return _HINTS_OF_JOINS.get(_plain(word))


def _plain(word: str) -> str:
    """Return a word without its spelling style: `startsWith` and `starts-with` as `startswith`."""
    return re.sub(r"[^a-z]", "", word.lower())


@immutable
class Fault:
    """A fault and its location."""

    line: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"


class FaultyPolicy(Exception):
    """The registration policy is invalid; the message has one line per fault."""

    def __init__(self, place: str, faults: Collection[Fault] | str) -> None:
        self.place = place
        self.faults = () if isinstance(faults, str) else tuple(sorted(faults, key=lambda fault: fault.line))
        listed = [faults] if isinstance(faults, str) else list(map(str, self.faults))
        super().__init__("\n".join(f"{place}: {fault}" for fault in listed))


@dataclass
class Document:
    """The location of each value of a file, and the faults found."""

    lines: dict[Path, int]
    faults: list[Fault] = field(default_factory=list)


def open_document(place: str, text: str) -> "Node":
    """Parse a document. Raises `FaultyPolicy` if it is not TOML."""
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FaultyPolicy(place, [_syntax_fault(error, text)]) from None
    except (ValueError, RecursionError):  # tomllib does not catch these limits of the interpreter
        raise FaultyPolicy(place, "a number in it has too many digits, or it nests too deeply") from None
    return Node(value, (), Document(lines_of(text.replace("\r\n", "\n"))))


def _syntax_fault(error: tomllib.TOMLDecodeError, text: str) -> Fault:
    found = re.fullmatch(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", str(error), re.DOTALL)
    if found is None:
        return Fault(1, f"this is not TOML: {error}")
    message, line = found.groups()
    return Fault(int(line) if line else text.rstrip().count("\n") + 1, f"this is not TOML: {message}")


@dataclass(frozen=True)
class Node:
    """One value of the document."""

    value: object
    path: Path
    document: Document

    @property
    def key(self) -> str:
        """Return the value's name, as used in a fault."""
        named = [str(step) for step in self.path if isinstance(step, str)]
        return named[-1] if named else "the policy"

    @property
    def line(self) -> int:
        """Return the line on which the value begins."""
        return self.document.lines.get(self.path, 1)

    def fault(self, message: str) -> None:
        """Report a fault of this value."""
        self.document.faults.append(Fault(self.line, message))

    def child(self, step: str | int, value: object) -> "Node":
        """Return a value inside this one."""
        return Node(value, (*self.path, step), self.document)

    def members(self) -> dict[str, "Node"]:
        """Return the members of a table; empty, and a fault reported, if it is not a table."""
        if not isinstance(self.value, dict):
            self.fault(f"{self.key} must be a table, not {kind_of(self.value)}")
            return {}
        return {key: self.child(key, value) for key, value in self.value.items()}

    def table(self, allowed: Collection[str], hint: Callable[[str], str | None] | None = None) -> dict[str, "Node"]:
        """Return the members of a table that may have only these keys; `hint` returns advice for another key."""
        members = self.members()
        for key, node in members.items():
            if key not in allowed:
                known = hint(key) if hint else None
                node.fault(f"{key!r} is not a key of {self.key}{f': {known}' if known else suggestion(key, allowed)}")
        return {key: node for key, node in members.items() if key in allowed}

    def items(self) -> list["Node"]:
        """Return the items of a non-empty array; empty, and a fault reported, for anything else."""
        if not isinstance(self.value, list):
            self.fault(f"{self.key} must be a list, not {kind_of(self.value)}")
            return []
        if not self.value:
            self.fault(f"{self.key} is an empty list")
        return [self.child(position, value) for position, value in enumerate(self.value)]

    def text(self) -> str:
        """Return a non-blank string; "", and a fault reported, for anything else."""
        if not isinstance(self.value, str):
            self.fault(f"{self.key} must be a string, not {kind_of(self.value)}")
            return ""
        if not self.value.strip():
            self.fault(f"{self.key} is blank")
        return self.value

    def choice(self, allowed: Collection[str]) -> str:
        """Return one of these words; "", and a fault reported, for anything else."""
        if isinstance(self.value, str) and self.value in allowed:
            return self.value
        said = repr(self.value) if isinstance(self.value, str) else kind_of(self.value)
        hint = suggestion(self.value, allowed) if isinstance(self.value, str) else ""
        self.fault(f"{self.key} must be {' or '.join(map(_quoted, allowed))}, not {said}{hint}")
        return ""

    def boolean(self) -> bool:
        """Return a boolean; false, and a fault reported, for anything else."""
        if not isinstance(self.value, bool):
            self.fault(f"{self.key} must be true or false, not {kind_of(self.value)}")
        return self.value is True


def kind_of(value: object) -> str:
    """Return the name of a TOML value's type."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    names = {bool: "a boolean", str: "a string", int: "a number", float: "a number", list: "a list", dict: "a table"}
    return names.get(type(value), "a date or time")


def _quoted(word: str) -> str:
    return f'"{word}"'
