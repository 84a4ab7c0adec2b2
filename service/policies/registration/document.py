"""A TOML document whose every value knows its line, and the list of its faults. Knows no rule of a policy."""

import math
import re
import tomllib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from service.immutable import immutable
from service.policies.registration.lines import Path, lines_of
from service.policies.registration.other_words import suggestion


@immutable
class Fault:
    """One thing that is wrong, and where."""

    line: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"


class FaultyPolicy(Exception):
    """The registration policy can't be used; every fault stands on a line of its own."""

    def __init__(self, place: str, faults: Collection[Fault] | str) -> None:
        self.place = place
        self.faults = () if isinstance(faults, str) else tuple(sorted(faults, key=lambda fault: fault.line))
        listed = [faults] if isinstance(faults, str) else list(map(str, self.faults))
        super().__init__("\n".join(f"{place}: {fault}" for fault in listed))


@dataclass
class Document:
    """Where the values of one file stand, and what was found wrong with them."""

    lines: dict[Path, int]
    faults: list[Fault] = field(default_factory=list)


def open_document(place: str, text: str) -> "Node":
    """Parse a document. Raises `FaultyPolicy` where it is no TOML."""
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FaultyPolicy(place, [_syntax_fault(error, text)]) from None
    except (ValueError, RecursionError):  # tomllib lets these of the interpreter's limits through
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
        """The value's name, as it is said in a fault."""
        named = [str(step) for step in self.path if isinstance(step, str)]
        return named[-1] if named else "the policy"

    @property
    def line(self) -> int:
        """The line on which the value begins."""
        return self.document.lines.get(self.path, 1)

    def fault(self, message: str) -> None:
        """Note what is wrong with this value."""
        self.document.faults.append(Fault(self.line, message))

    def child(self, step: str | int, value: object) -> "Node":
        """Give a value inside this one."""
        return Node(value, (*self.path, step), self.document)

    def members(self) -> dict[str, "Node"]:
        """Give the members of a table; none, and a fault, where it is no table."""
        if not isinstance(self.value, dict):
            self.fault(f"{self.key} must be a table, not {kind_of(self.value)}")
            return {}
        return {key: self.child(key, value) for key, value in self.value.items()}

    def table(self, allowed: Collection[str], hint: Callable[[str], str | None] | None = None) -> dict[str, "Node"]:
        """Give the members of a table that may have only these keys; `hint` says of another what to do about it."""
        members = self.members()
        for key, node in members.items():
            if key not in allowed:
                known = hint(key) if hint else None
                node.fault(f"{key!r} is not a key of {self.key}{f': {known}' if known else suggestion(key, allowed)}")
        return {key: node for key, node in members.items() if key in allowed}

    def items(self) -> list["Node"]:
        """Give the items of an array that holds at least one; none, and a fault, where it is no such array."""
        if not isinstance(self.value, list):
            self.fault(f"{self.key} must be a list, not {kind_of(self.value)}")
            return []
        if not self.value:
            self.fault(f"{self.key} is an empty list")
        return [self.child(position, value) for position, value in enumerate(self.value)]

    def text(self) -> str:
        """Give a string that is not blank; "", and a fault, where it is no such string."""
        if not isinstance(self.value, str):
            self.fault(f"{self.key} must be a string, not {kind_of(self.value)}")
            return ""
        if not self.value.strip():
            self.fault(f"{self.key} is blank")
        return self.value

    def choice(self, allowed: Collection[str]) -> str:
        """Give one of these words; "", and a fault, where it is none of them."""
        if isinstance(self.value, str) and self.value in allowed:
            return self.value
        said = repr(self.value) if isinstance(self.value, str) else kind_of(self.value)
        hint = suggestion(self.value, allowed) if isinstance(self.value, str) else ""
        self.fault(f"{self.key} must be {' or '.join(map(_quoted, allowed))}, not {said}{hint}")
        return ""

    def boolean(self) -> bool:
        """Give true or false; false, and a fault, where it is neither."""
        if not isinstance(self.value, bool):
            self.fault(f"{self.key} must be true or false, not {kind_of(self.value)}")
        return self.value is True


def kind_of(value: object) -> str:
    """Name the kind of a TOML value."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    names = {bool: "a boolean", str: "a string", int: "a number", float: "a number", list: "a list", dict: "a table"}
    return names.get(type(value), "a date or time")


def _quoted(word: str) -> str:
    return f'"{word}"'
