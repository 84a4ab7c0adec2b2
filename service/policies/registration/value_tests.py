"""The tests that a policy can make of what an attribute holds. Pure; each says of itself what it asks.

A test of an attribute that was not sent is false. Lists and objects are only ever sent, present or empty
(`presence_tests`): a test of text or of a number is false for them.
"""

from dataclasses import field
from decimal import Decimal
from typing import Any, Protocol

from service.immutable import immutable
from service.policies.registration.addresses import domain_of, is_within
from service.policies.registration.values import as_number, as_text, same


class ValueTest(Protocol):
    """One question about one value; its string is the question in words, without the value."""

    def holds(self, value: object) -> bool:
        """Tell whether it is so. Never raises."""
        ...


@immutable
class OneOf:
    """Whether the value is one of those given."""

    values: tuple[object, ...]
    ignore_case: bool = False

    def __str__(self) -> str:
        listed = ", ".join(map(repr, self.values))
        return (f"is one of {listed}" if len(self.values) > 1 else f"equals {listed}") + _case(self.ignore_case)

    def holds(self, value: object) -> bool:
        """Tell whether it is so."""
        return any(same(value, given, ignore_case=self.ignore_case) for given in self.values)


@immutable
class Pattern:
    """Whether the whole text matches, by RE2: in time linear in the text, whatever the pattern."""

    pattern: str
    compiled: Any = field(repr=False, compare=False)
    ignore_case: bool = False

    def __str__(self) -> str:
        return f"matches {self.pattern}" + _case(self.ignore_case)

    def holds(self, value: object) -> bool:
        """Tell whether it is so."""
        text = as_text(value)
        return text is not None and self.compiled.fullmatch(text) is not None


@immutable
class Length:
    """Whether the text is so many characters long."""

    least: int = 0
    most: int | None = None

    def __str__(self) -> str:
        if self.least == self.most:
            return f"is {self.least} characters long"
        return "is " + _between(self.least or None, self.most) + " characters long"

    def holds(self, value: object) -> bool:
        """Tell whether it is so."""
        text = as_text(value)
        return text is not None and self.least <= len(text) and (self.most is None or len(text) <= self.most)


@immutable
class Domain:
    """Whether the value is an address of one of these domains."""

    domains: tuple[str, ...]
    subdomains: bool = False

    def __str__(self) -> str:
        return f"is an address {'within' if self.subdomains else 'of'} {' or '.join(self.domains)}"

    def holds(self, value: object) -> bool:
        """Tell whether it is so."""
        domain = domain_of(value) if isinstance(value, str) else None
        if domain is None:
            return False
        return any(is_within(domain, own) if self.subdomains else domain == own for own in self.domains)


@immutable
class Range:
    """Whether the value is a number between two others, both included."""

    least: Decimal | None = None
    most: Decimal | None = None

    def __str__(self) -> str:
        return f"is a number, {_between(self.least, self.most)}"

    def holds(self, value: object) -> bool:
        """Tell whether it is so."""
        number = as_number(value)
        if number is None:
            return False
        return (self.least is None or self.least <= number) and (self.most is None or number <= self.most)


def _between(least: object, most: object) -> str:
    if most is None:
        return f"at least {least}"
    return f"at most {most}" if least is None else f"from {least} to {most}"


def _case(ignore_case: bool) -> str:  # noqa: FBT001 - only ever the field of that name
    return " (in any case)" if ignore_case else ""
