"""On which line of a TOML document each value stands, which `tomllib` does not say. Reads what tomllib has accepted.

Grammar: https://toml.io/en/v1.0.0.
"""

from dataclasses import dataclass, field

from service.policies.registration.toml_tokens import Token, key_of, tokens_of

Path = tuple[str | int, ...]
"""The way to a value through tables (by key) and arrays (by position)."""


def lines_of(document: str) -> dict[Path, int]:
    """Give the line, counted from 1, on which each key and each item of an array stands first."""
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
        """Step into the last table where `path` is an array of tables."""
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
        self.take()  # the sign of equality
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
