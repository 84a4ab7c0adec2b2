"""Predicates over attributes. Pure; each can describe itself.

A test of an attribute that was not sent, or is empty, is false. Lists and objects can only be sent, present or
empty: the result of a text or number test of them is unknown.
"""

import enum
from collections.abc import Callable, Mapping
from dataclasses import field
from decimal import Decimal
from typing import Any, Final, Protocol

from service.immutable import immutable
from service.okta.registration import Kind, ScreeningRequest
from service.registration.values import as_number, as_text, composed, domain_of, is_empty, is_within, plain, same

# The attributes that a rule can test, by name: those of the request and of the legacy account. Pure.


class Scope(enum.StrEnum):
    """Where an attribute is looked up."""

    SUBMITTED = "submitted"
    """The submitted value."""
    USER = "user"
    """Okta's current profile of the user whose profile is updated."""
    LEGACY = "legacy"
    """The profile of the account in the legacy store."""


@immutable
class AttributeName:
    """An attribute as a policy names it: `email`, `user.email`, `legacy.email`."""

    scope: Scope
    attribute: str

    def __str__(self) -> str:
        """Return the name as written in a policy."""
        return self.attribute if self.scope is Scope.SUBMITTED else f"{self.scope}.{self.attribute}"


class Missing(enum.Enum):
    """The attribute was not sent; it may still have a value that Okta does not show."""

    MISSING = enum.auto()


MISSING: Final = Missing.MISSING


@immutable
class Facts:
    """A request, and what the legacy store knows about the person."""

    request: ScreeningRequest
    legacy: Mapping[str, object] | None = field(default=None, repr=False)
    """The profile of the account; None if no account has the login or the e-mail address."""
    migrated: bool = False
    """Whether the account migrated, so that Okta has its profile and the store no longer does."""

    @property
    def known(self) -> bool | None:
        """Return whether the legacy store has an account of the person; None if it cannot be queried."""
        if (
            self.legacy is None
            and self.request.kind is Kind.REGISTRATION
            and not _can_be_looked_up(self.request.profile)
        ):
            return None
        return self.legacy is not None

    def is_gone(self, name: AttributeName) -> bool:
        """Return whether the attribute is missing only because the person migrated."""
        return self.migrated and name.scope is Scope.LEGACY

    def value(self, name: AttributeName) -> object:
        """Return the attribute's value, or `MISSING`."""
        return self._scope(name.scope).get(name.attribute, MISSING)

    def _scope(self, scope: Scope) -> Mapping[str, object]:
        match scope:
            case Scope.SUBMITTED:
                return self.request.profile
            case Scope.USER:
                return self.request.user
            case Scope.LEGACY:
                return self.legacy or {}


def names_of(request: ScreeningRequest) -> list[str]:
    """Return the names by which the store may know the person.

    In a profile update, Okta's own profile of the user identifies the person, not the submitted values.
    """
    profile = request.user if request.kind is Kind.UPDATE else request.profile
    values = [profile.get(attribute) for attribute in ("login", "email")]
    return [value for value in values if isinstance(value, str) and value.strip()]


def _can_be_looked_up(profile: Mapping[str, object]) -> bool:
    """Return whether a look-up is complete: the names are texts, and the email is an address."""
    for attribute in ("login", "email"):
        value = profile.get(attribute)
        if not is_empty(value) and not isinstance(value, str):
            return False
    email = profile.get("email")
    return is_empty(email) or domain_of(str(email).strip()) is not None


# Tests of whether an attribute was sent and is not empty. Pure.


@immutable
class Sent:
    """Whether Okta sent the attribute, with any value."""

    expected: bool

    def __str__(self) -> str:
        return "was sent" if self.expected else "was not sent"

    def holds(self, value: object) -> bool:
        """Return whether the test is true."""
        return (value is not MISSING) is self.expected


@immutable
class Present:
    """Whether Okta sent the attribute with a value that is not empty."""

    expected: bool

    def __str__(self) -> str:
        return "is present" if self.expected else "is missing or empty"

    def holds(self, value: object) -> bool:
        """Return whether the test is true."""
        return (value is not MISSING and not is_empty(value)) is self.expected


@immutable
class Empty:
    """Whether Okta sent the attribute with an empty value."""

    def __str__(self) -> str:
        return "was sent empty"

    def holds(self, value: object) -> bool:
        """Return whether the test is true."""
        return value is not MISSING and is_empty(value)


class ValueTest(Protocol):
    """A test of a value; its string describes the test without the value."""

    def holds(self, value: object) -> bool | None:
        """Return whether the test is true; None if unknown. Never raises."""
        ...


def _is_nested(value: object) -> bool:
    """Return whether a value is a list or object that is not empty, which no text test can read."""
    return isinstance(value, list | dict) and bool(value)


def _or_unclear(value: object, looks_so: Callable[[str], bool]) -> bool | None:
    """Return False for a value that clearly fails a test; None if it appears to pass or is nested."""
    if _is_nested(value):
        return None
    seen = plain(value) if isinstance(value, str) else ""
    return None if seen is None or (seen and looks_so(seen)) else False


@immutable
class OneOf:
    """Whether the value is one of the given values."""

    values: tuple[object, ...]
    ignore_case: bool = False

    def __str__(self) -> str:
        listed = ", ".join(map(repr, self.values))
        return (f"is one of {listed}" if len(self.values) > 1 else f"equals {listed}") + _case(self.ignore_case)

    def holds(self, value: object) -> bool | None:
        """Return whether the test is true."""
        return True if self._has(value) else _or_unclear(value, self._looks_had)

    def _has(self, value: object) -> bool:
        return any(same(value, given, ignore_case=self.ignore_case) for given in self.values)

    def _looks_had(self, text: str) -> bool:
        given = (plain(value) if isinstance(value, str) else value for value in self.values)
        return any(same(text, value, ignore_case=self.ignore_case) for value in given)


@immutable
class Pattern:
    """Whether the whole text matches a pattern, by RE2: in linear time, whatever the pattern."""

    pattern: str
    compiled: Any = field(repr=False, compare=False)
    ignore_case: bool = False

    def __str__(self) -> str:
        return f"matches {self.pattern}" + _case(self.ignore_case)

    def holds(self, value: object) -> bool | None:
        """Return whether the test is true."""
        text = as_text(value)
        if text is not None and (self._matches(text) or self._matches(composed(text))):
            return True
        return _or_unclear(value, self._matches)

    def _matches(self, text: str) -> bool:
        return self.compiled.fullmatch(text) is not None


@immutable
class Length:
    """Whether the text has a permitted number of characters."""

    least: int = 0
    most: int | None = None

    def __str__(self) -> str:
        if self.least == self.most:
            return f"is {self.least} characters long"
        return "is " + _between(self.least or None, self.most) + " characters long"

    def holds(self, value: object) -> bool | None:
        """Return whether the test is true."""
        if _is_nested(value):
            return None
        text = as_text(value)
        return text is not None and self.least <= len(text) and (self.most is None or len(text) <= self.most)


@immutable
class Domain:
    """Whether the value is an address of one of these domains."""

    domains: tuple[str, ...]
    subdomains: bool = False

    def __str__(self) -> str:
        return f"is an address {'within' if self.subdomains else 'of'} {' or '.join(self.domains)}"

    def holds(self, value: object) -> bool | None:
        """Return whether the domain matches; None if the value is not an email address."""
        if value is MISSING or is_empty(value):
            return False
        domain = domain_of(value) if isinstance(value, str) else None
        if domain is None:
            return None
        return any(is_within(domain, own) if self.subdomains else domain == own for own in self.domains)


@immutable
class Range:
    """Whether the value is a number within a range, bounds included."""

    least: Decimal | None = None
    most: Decimal | None = None

    def __str__(self) -> str:
        return f"is a number, {_between(self.least, self.most)}"

    def holds(self, value: object) -> bool | None:
        """Return whether the test is true."""
        return True if self._has(value) else _or_unclear(value, self._has)

    def _has(self, value: object) -> bool:
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
