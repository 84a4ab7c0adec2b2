"""Predicates over attributes. Pure; each describes itself.

A test of an attribute that was not sent, or is empty, is false. Lists and objects are only ever sent, present or
empty: what a test of text or of a number comes to for them cannot be told.
"""

import contextlib
import enum
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from decimal import Decimal
from typing import Any, Final, Protocol

import idna

from service.immutable import immutable
from service.okta.registration import Kind, ScreeningRequest

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


def spellings(name: str) -> list[str]:
    """Give the ways in which the store may hold a login or an address: as it is, and the domain in each of its forms.

    The domain stands in ASCII and in Unicode, with and without the dot of the root.
    """
    name = name.strip()
    domain = domain_of(name)
    if domain is None:
        return [name] if name else []
    local = name.rpartition("@")[0]
    if local.startswith('"'):
        local = re.sub(r"\\(.)", r"\1", local[1:-1])  # a quoted local part is the same mailbox as an unquoted one
    return list(dict.fromkeys([name, *(f"{local}@{form}{dot}" for form in _forms(domain) for dot in ("", "."))]))


def _forms(domain: str) -> Iterator[str]:
    yield domain
    with contextlib.suppress(idna.IDNAError, UnicodeError):
        yield idna.decode(domain)


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
    def known(self) -> bool | None:
        """Tell whether the legacy store has an account of the person; None where it cannot be asked."""
        if (
            self.legacy is None
            and self.request.kind is Kind.REGISTRATION
            and not _can_be_looked_up(self.request.profile)
        ):
            return None
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


def names_of(request: ScreeningRequest) -> list[str]:
    """Give the names by which the store may know the person.

    Somebody who updates a profile is who Okta says they are, whatever they have typed into the form.
    """
    profile = request.user if request.kind is Kind.UPDATE else request.profile
    values = [profile.get(attribute) for attribute in ("login", "email")]
    return [value for value in values if isinstance(value, str) and value.strip()]


def _can_be_looked_up(profile: Mapping[str, object]) -> bool:
    """Tell whether no account can be missed because the names are no text, or the email is no address."""
    for attribute in ("login", "email"):
        value = profile.get(attribute)
        if not is_empty(value) and not isinstance(value, str):
            return False
    email = profile.get("email")
    return is_empty(email) or domain_of(str(email).strip()) is not None


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
    """Tell whether two values are the same; a number and a string that reads as that number are.

    Texts are compared in Unicode's normal form C: a letter may be sent with its accent in one character or in two.
    """
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, str) and isinstance(other, str):
        return _composed(one, ignore_case=ignore_case) == _composed(other, ignore_case=ignore_case)
    numbers = (_exact_number(one), _exact_number(other))
    return None not in numbers and numbers[0] == numbers[1]


def _composed(text: str, *, ignore_case: bool = False) -> str:
    if text.isascii():
        return text.lower() if ignore_case else text
    composed = unicodedata.normalize("NFC", text)
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", composed).casefold()) if ignore_case else composed


_BLANK = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0" + "".join(map(chr, range(0xFE00, 0xFE10)))
"""Fillers and variation selectors: shown as nothing, though Unicode calls them letters, marks or symbols."""


MAX_PLAIN = 4096
"""Characters of a text that is not ASCII and is still folded: longer ones would take milliseconds a test."""


def plain(text: str) -> str | None:
    """Give a text as it looks: compatibility forms folded (NFKC), invisible characters and outer blanks removed.

    None for a text that is too long to be folded.
    """
    if text.isascii() and text.isprintable():
        return text.strip()
    if len(text) > MAX_PLAIN:
        return None
    shown = (
        character
        for character in unicodedata.normalize("NFKC", text)
        if character not in _BLANK and unicodedata.category(character) not in ("Cc", "Cf")
    )
    return unicodedata.normalize("NFKC", "".join(shown)).strip()


def is_empty(value: object) -> bool:
    """Tell whether a value that was sent holds nothing: null, no visible character, an empty list or object."""
    if isinstance(value, str):
        return not value.strip() or plain(value) == ""
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

    def holds(self, value: object) -> bool | None:
        """Tell whether it is so; None where it cannot be told. Never raises."""
        ...


def _is_nested(value: object) -> bool:
    """Tell whether a value is a list or an object with something in it, which no test of text can read."""
    return isinstance(value, list | dict) and bool(value)


def _or_unclear(value: object, looks_so: Callable[[str], bool]) -> bool | None:
    """Say of a value that fails a test whether that is certain: not where it looks as if it passed, or is nested."""
    if _is_nested(value):
        return None
    seen = plain(value) if isinstance(value, str) else ""
    return None if seen is None or (seen and looks_so(seen)) else False


@immutable
class OneOf:
    """Whether the value is one of those given."""

    values: tuple[object, ...]
    ignore_case: bool = False

    def __str__(self) -> str:
        listed = ", ".join(map(repr, self.values))
        return (f"is one of {listed}" if len(self.values) > 1 else f"equals {listed}") + _case(self.ignore_case)

    def holds(self, value: object) -> bool | None:
        """Tell whether it is so."""
        return True if self._has(value) else _or_unclear(value, self._looks_had)

    def _has(self, value: object) -> bool:
        return any(same(value, given, ignore_case=self.ignore_case) for given in self.values)

    def _looks_had(self, text: str) -> bool:
        given = (plain(value) if isinstance(value, str) else value for value in self.values)
        return any(same(text, value, ignore_case=self.ignore_case) for value in given)


@immutable
class Pattern:
    """Whether the whole text matches, by RE2: in time linear in the text, whatever the pattern."""

    pattern: str
    compiled: Any = field(repr=False, compare=False)
    ignore_case: bool = False

    def __str__(self) -> str:
        return f"matches {self.pattern}" + _case(self.ignore_case)

    def holds(self, value: object) -> bool | None:
        """Tell whether it is so."""
        text = as_text(value)
        if text is not None and (self._matches(text) or self._matches(_composed(text))):
            return True
        return _or_unclear(value, self._matches)

    def _matches(self, text: str) -> bool:
        return self.compiled.fullmatch(text) is not None


@immutable
class Length:
    """Whether the text is so many characters long."""

    least: int = 0
    most: int | None = None

    def __str__(self) -> str:
        if self.least == self.most:
            return f"is {self.least} characters long"
        return "is " + _between(self.least or None, self.most) + " characters long"

    def holds(self, value: object) -> bool | None:
        """Tell whether it is so."""
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
        """Tell whether it is so; of what is no address it cannot be told."""
        if value is MISSING or is_empty(value):
            return False
        domain = domain_of(value) if isinstance(value, str) else None
        if domain is None:
            return None
        return any(is_within(domain, own) if self.subdomains else domain == own for own in self.domains)


@immutable
class Range:
    """Whether the value is a number between two others, both included."""

    least: Decimal | None = None
    most: Decimal | None = None

    def __str__(self) -> str:
        return f"is a number, {_between(self.least, self.most)}"

    def holds(self, value: object) -> bool | None:
        """Tell whether it is so."""
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
