"""Predicates over attributes. Pure; each describes itself.

A test of an attribute that was not sent is false. Lists and objects are only ever sent, present or empty:
a test of text or of a number is false for them.
"""

import enum
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import field
from decimal import Decimal
from typing import Any, Final, Protocol

import idna

from service.immutable import immutable
from service.okta.registration import ScreeningRequest

# The domain of an e-mail address, and whether it is the one that is meant. Pure; never a substring test.
#
# Local parts by RFC 5321, section 4.1.2; internationalised domains by IDNA 2008 with the mapping of UTS #46.

MAX_DOMAIN = 253
"""Characters (RFC 1035, section 2.3.4). Longer ones also make the IDNA mapping slow."""

_UNQUOTED = re.compile(r"""[^\s"(),:;<>@\[\\\]\x00-\x1f\x7f]+""")
_QUOTED = re.compile(r'"(?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*"')
_HOST = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*")


def domain_of(address: str) -> str | None:
    """Give the domain of an address in its comparable form; None where the text is not one address.

    A quoted local part may hold `@`; an unquoted one may not, so `jo@a.example@b.example` has no domain.
    """
    local, at, domain = address.rpartition("@")
    if not at or not (_UNQUOTED.fullmatch(local) or _QUOTED.fullmatch(local)):
        return None
    return comparable(domain)


def comparable(domain: str) -> str | None:
    """Give a domain in lower case, as ASCII, without the dot of the root; None where it is none."""
    if not domain or len(domain) > MAX_DOMAIN:
        return None
    try:
        name = domain if domain.isascii() else idna.encode(unicodedata.normalize("NFC", domain), uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        return None
    name = name.lower().removesuffix(".")
    return name if _HOST.fullmatch(name) else None


def is_within(domain: str, parent: str) -> bool:
    """Tell whether `domain` is `parent` or one of its subdomains; both in their comparable form."""
    return domain == parent or domain.endswith("." + parent)


# What a rule can ask about: the attributes of a request and of the legacy account, by name. Pure; judges nothing.


class Scope(enum.StrEnum):
    """Where an attribute is looked up."""

    SUBMITTED = "submitted"
    """What the person sent with the form."""
    USER = "user"
    """The profile that Okta has of somebody who updates theirs."""
    LEGACY = "legacy"
    """The profile of the account in the legacy store."""


@immutable
class AttributeName:
    """An attribute as a policy names it: `email`, `user.email`, `legacy.email`."""

    scope: Scope
    attribute: str

    def __str__(self) -> str:
        """Give the name as it stands in a policy."""
        return self.attribute if self.scope is Scope.SUBMITTED else f"{self.scope}.{self.attribute}"


class Missing(enum.Enum):
    """The attribute was not sent; it may still have a value that Okta does not show."""

    MISSING = enum.auto()


MISSING: Final = Missing.MISSING


@immutable
class Facts:
    """A request, and what the legacy store knows of the person."""

    request: ScreeningRequest
    legacy: Mapping[str, object] | None = field(default=None, repr=False)
    """The profile of the account; None where nobody is known by the login or the e-mail address."""
    migrated: bool = False
    """Whether Okta has the profile of the account, and the store has none any more."""

    @property
    def known(self) -> bool:
        """Tell whether the legacy store has an account of the person."""
        return self.legacy is not None

    def is_gone(self, name: AttributeName) -> bool:
        """Tell whether the attribute is missing because the person migrated, which says nothing of the person."""
        return self.migrated and name.scope is Scope.LEGACY

    def value(self, name: AttributeName) -> object:
        """Give the attribute's value, or `MISSING`."""
        return self._scope(name.scope).get(name.attribute, MISSING)

    def _scope(self, scope: Scope) -> Mapping[str, object]:
        match scope:
            case Scope.SUBMITTED:
                return self.request.profile
            case Scope.USER:
                return self.request.user
            case Scope.LEGACY:
                return self.legacy or {}


# When two attribute values are the same, and how they read as text and as numbers. Pure.
#
# Okta sends an employee number as `"1234"` or as `1234`, depending on the schema and the engine; both are the same
# here.

# As JSON writes a number, without exponents: "0042" and "1e3" are texts that happen to be made of digits.
_NUMERIC = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_DIGITS = re.compile(r"-?[0-9]+(\.[0-9]+)?")

MAX_DIGITS = 64
"""Characters of a string that is read as a number; Okta's own numbers have at most 17 digits."""


def as_text(value: object) -> str | None:
    """Give a string as it is, and a number as its digits; None for everything else."""
    match value:
        case str():
            return value
        case bool():
            return None
        case int():
            return str(value)
        case float():
            return str(int(value)) if value.is_integer() else repr(value)
    return None


def as_number(value: object) -> Decimal | None:
    """Give a number or a string of digits as a number, also where the string begins with zeros; None for the rest."""
    if isinstance(value, str):
        return Decimal(value) if len(value) <= MAX_DIGITS and _DIGITS.fullmatch(value) else None
    # However large or small: what is a number must not slip past a range.
    return Decimal(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else None


def same(one: object, other: object, *, ignore_case: bool = False) -> bool:
    """Tell whether two values are the same; a number and a string that reads as that number are."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, str) and isinstance(other, str):
        return one.casefold() == other.casefold() if ignore_case else one == other
    numbers = (_exact_number(one), _exact_number(other))
    return None not in numbers and numbers[0] == numbers[1]


def is_empty(value: object) -> bool:
    """Tell whether a value that was sent holds nothing: null, an empty or blank string, an empty list or object."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, list | dict) and not value)


def _exact_number(value: object) -> Decimal | None:
    if isinstance(value, str) and not _NUMERIC.fullmatch(value):
        return None
    return as_number(value)


# The tests of whether an attribute was sent, and with anything in it. Pure; looks no further into the value.


@immutable
class Sent:
    """Whether Okta sent the attribute, with whatever value."""

    expected: bool

    def __str__(self) -> str:
        return "was sent" if self.expected else "was not sent"

    def holds(self, value: object) -> bool:
        """Tell whether it is so."""
        return (value is not MISSING) is self.expected


@immutable
class Present:
    """Whether Okta sent the attribute with something in it."""

    expected: bool

    def __str__(self) -> str:
        return "is present" if self.expected else "is missing or empty"

    def holds(self, value: object) -> bool:
        """Tell whether it is so."""
        return (value is not MISSING and not is_empty(value)) is self.expected


@immutable
class Empty:
    """Whether Okta sent the attribute with nothing in it."""

    def __str__(self) -> str:
        return "was sent empty"

    def holds(self, value: object) -> bool:
        """Tell whether it is so."""
        return value is not MISSING and is_empty(value)


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
