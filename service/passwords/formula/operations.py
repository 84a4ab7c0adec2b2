"""The operations of a formula: a closed set, each of which computes itself. Here those that hash nothing themselves.

The digests are in `digested`, the slow functions in `derived`. Knows no notation and no stored hash.
"""

from collections.abc import Iterator
from typing import Protocol

from service.immutable import immutable
from service.passwords.format import Format
from service.passwords.formula.functions import FUNCTIONS
from service.passwords.formula.values import Given, Value


class Operation(Protocol):
    """A part of a parsed formula. Immutable and picklable."""

    def evaluate(self, given: Given) -> Value:
        """Compute the value. Raises `UnicodeError` where a character does not fit its charset, and nothing else."""
        ...

    def parts(self) -> "tuple[Operation, ...]":
        """The operations whose values this one takes."""
        ...


@immutable
class Literal:
    """A text in quotes."""

    value: str

    def evaluate(self, given: Given) -> Value:  # noqa: ARG002 (a constant)
        """The text."""
        return self.value

    def parts(self) -> tuple[Operation, ...]:
        """None."""
        return ()


@immutable
class Variable:
    """One of the values that come with the row or the call."""

    name: str

    def evaluate(self, given: Given) -> Value:
        """The value; `salt1` is the salt up to its first colon and `salt2` what follows it."""
        match self.name:
            case "pass":
                return given.password
            case "user":
                return given.username
            case "pepper":
                return given.pepper
            case "salt":
                return given.salt
            case "salt1":
                return given.decode(given.salt).partition(":")[0]
            case _:
                return given.decode(given.salt).partition(":")[2]

    def parts(self) -> tuple[Operation, ...]:
        """None."""
        return ()


@immutable
class Concatenation:
    """Values one after the other."""

    values: tuple[Operation, ...]

    def evaluate(self, given: Given) -> Value:
        """Text where all are text, else bytes."""
        values = [value.evaluate(given) for value in self.values]
        texts = [value for value in values if isinstance(value, str)]
        return "".join(texts) if len(texts) == len(values) else b"".join(map(given.encode, values))

    def parts(self) -> tuple[Operation, ...]:
        """The values."""
        return self.values


@immutable
class Applied:
    """A function over one value, such as `lower`, with whole numbers as further arguments."""

    function: str
    operand: Operation
    numbers: tuple[int, ...] = ()

    def evaluate(self, given: Given) -> Value:
        """The function's value."""
        return FUNCTIONS[self.function].apply(given, self.operand.evaluate(given), *self.numbers)

    def parts(self) -> tuple[Operation, ...]:
        """What it is applied to."""
        return (self.operand,)


@immutable
class Checked:
    """A named format that checks the operand instead of the password: what an upgrade in place leaves behind."""

    format: Format
    operand: Operation

    def evaluate(self, given: Given) -> Value:
        """What the named format is to take as the password."""
        return given.decode(self.operand.evaluate(given))

    def parts(self) -> tuple[Operation, ...]:
        """What is checked."""
        return (self.operand,)


def walk(operation: Operation) -> Iterator[Operation]:
    """Yield an operation and all that it is made of."""
    yield operation
    for part in operation.parts():
        yield from walk(part)
