"""The comparable forms of addresses, texts and numbers. Pure."""

import contextlib
import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal

import idna

# The domain of an e-mail address, and its comparison. Pure; never a substring test.
#
# Local parts by RFC 5321, section 4.1.2; internationalised domains by IDNA 2008 with the mapping of UTS #46.

MAX_DOMAIN = 253
"""Characters (RFC 1035, section 2.3.4). Longer ones also make the IDNA mapping slow."""

_UNQUOTED = re.compile(r"""[^\s"(),:;<>@\[\\\]\x00-\x1f\x7f]+""")
_QUOTED = re.compile(r'"(?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*"')
_HOST = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*")


def domain_of(address: str) -> str | None:
    """Return the domain of an address in its comparable form; None if the text is not a single address.

    A quoted local part may contain `@`; an unquoted one may not, so `jo@a.example@b.example` has no domain.
    """
    local, at, domain = address.rpartition("@")
    if not at or not (_UNQUOTED.fullmatch(local) or _QUOTED.fullmatch(local)):
        return None
    return comparable(domain)


def comparable(domain: str) -> str | None:
    """Return a domain in lower case, as ASCII, without the root's dot; None if it is invalid."""
    if not domain or len(domain) > MAX_DOMAIN:
        return None
    try:
        name = domain if domain.isascii() else idna.encode(unicodedata.normalize("NFC", domain), uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        return None
    name = name.lower().removesuffix(".")
    return name if _HOST.fullmatch(name) else None


def is_within(domain: str, parent: str) -> bool:
    """Return whether `domain` is `parent` or one of its subdomains; both in their comparable form."""
    return domain == parent or domain.endswith("." + parent)


def spellings(name: str) -> list[str]:
    """Return the forms in which the store may have a login or an address: unchanged, and with each form of the domain.

    The forms of the domain are ASCII and Unicode, with and without the root's dot.
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


# The equality of two attribute values, and their conversion to texts and numbers. Pure.
#
# Okta sends an employee number as `"1234"` or as `1234`, depending on the schema and the engine; both are equal
# here.

# As JSON writes a number, without exponents: "0042" and "1e3" are texts that consist of digits only by chance.
_NUMERIC = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_DIGITS = re.compile(r"-?[0-9]+(\.[0-9]+)?")

MAX_DIGITS = 64
"""Maximum characters of a string that is parsed as a number; Okta's own numbers have at most 17 digits."""


def as_text(value: object) -> str | None:
    """Return a string unchanged, and a number as its digits; None for everything else."""
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
    """Return a number, or a string of digits as a number, including leading zeros; None for everything else."""
    if isinstance(value, str):
        return Decimal(value) if len(value) <= MAX_DIGITS and _DIGITS.fullmatch(value) else None
    # Of any size: no number must escape a range test.
    return Decimal(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else None


def same(one: object, other: object, *, ignore_case: bool = False) -> bool:
    """Return whether two values are equal; a number equals a string that represents it.

    Texts are compared in Unicode's normal form C: an accented letter may be sent as one character or as two.
    """
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, str) and isinstance(other, str):
        return composed(one, ignore_case=ignore_case) == composed(other, ignore_case=ignore_case)
    numbers = (_exact_number(one), _exact_number(other))
    return None not in numbers and numbers[0] == numbers[1]


def composed(text: str, *, ignore_case: bool = False) -> str:
    """Return a text in normal form C, optionally case-folded."""
    if text.isascii():
        return text.lower() if ignore_case else text
    composed = unicodedata.normalize("NFC", text)
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", composed).casefold()) if ignore_case else composed


_BLANK = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0" + "".join(map(chr, range(0xFE00, 0xFE10)))
"""Fillers and variation selectors: invisible, although Unicode classifies them as letters, marks or symbols."""


_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
MAX_PLAIN = 4096
"""Maximum characters of a non-ASCII text that is folded: longer ones would take milliseconds per test."""


def plain(text: str) -> str | None:
    """Return a text as it appears: compatibility forms folded (NFKC), invisible characters and outer blanks removed.

    None for a text that is too long for this.
    """
    if text.isascii():
        return _CONTROLS.sub("", text).strip()
    if len(text) > MAX_PLAIN:
        return None
    shown = (
        character
        for character in unicodedata.normalize("NFKC", text)
        if character not in _BLANK and unicodedata.category(character) not in ("Cc", "Cf")
    )
    return unicodedata.normalize("NFKC", "".join(shown)).strip()


def is_empty(value: object) -> bool:
    """Return whether a sent value is empty: null, no visible character, an empty list or object."""
    if isinstance(value, str):
        return not value.strip() or plain(value) == ""
    return value is None or (isinstance(value, list | dict) and not value)


def _exact_number(value: object) -> Decimal | None:
    if isinstance(value, str) and not _NUMERIC.fullmatch(value):
        return None
    return as_number(value)
