"""The arguments of a call: how many, and of which kind. Knows no function and no characters."""

from collections.abc import Callable
from typing import NoReturn

from service.immutable import immutable
from service.passwords.formula.lexer import Token
from service.passwords.formula.operations import Operation


@immutable
class Argument:
    """One argument of a call: a value or, where `number` is set, a whole number."""

    token: Token
    value: Operation | None = None
    number: int | None = None


@immutable
class Arguments:
    """What stands in the parentheses behind `name`."""

    name: Token
    given: tuple[Argument, ...]
    fail: Callable[[str, Token], NoReturn]

    def values(self, count: int, numbers: tuple[int, ...] = (0,)) -> tuple[Operation, ...]:
        """The first `count` arguments, once all are of the right kind and the others are as many numbers as allowed."""
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
        """The numbers behind the first `after` arguments."""
        return tuple(argument.number for argument in self.given[after:] if argument.number is not None)

    def _misfit(self, most: int) -> Token:
        return self.given[most].token if len(self.given) > most else self.name


def _counted(values: int, numbers: tuple[int, ...]) -> str:
    text = f"{values} value{'s' if values > 1 else ''}"
    if max(numbers):
        counts = " or ".join(str(number) for number in numbers)
        text += f" and {counts} number{'s' if max(numbers) > 1 else ''}"
    return text
