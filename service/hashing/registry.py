"""Look-up of formats by name or by hash text, and of the check for a stored hash."""

import difflib
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import filterfalse

from service.hashing import families, limits
from service.hashing.aliases import NAMES
from service.hashing.encodings import require_charset
from service.hashing.format import Check, Format, StoredHash, UnknownFormat
from service.hashing.formats import (
    applications,
    argon2,
    aspnet,
    bcrypt,
    cleartext,
    crypt,
    databases,
    devices,
    enterprise,
    frameworks,
    keycloak,
    kratos,
    ldap,
    node,
    pbkdf2,
    phpass,
    products,
    scram,
    scrypt,
    spring,
    windows,
)
from service.hashing.formats.multiple import Multiple, parse_with_peppers
from service.hashing.formats.product import as_typed
from service.hashing.formula import formula_check, formula_dummy_hash

# The list of the accepted formats, by module.
#
# Each module that holds formats is imported here by name; of formats that look alike, the likelier comes first.

LISTED: dict[str, tuple[Format, ...]] = {
    "bcrypt": bcrypt.FORMATS,
    "bcrypt_wrapped": bcrypt.WRAPPED_FORMATS,
    "argon2": argon2.FORMATS,
    "crypt": crypt.FORMATS,
    "scrypt": scrypt.FORMATS,
    "pbkdf2": pbkdf2.FORMATS,
    "django": frameworks.DJANGO_FORMATS,
    "werkzeug": frameworks.WERKZEUG_FORMATS,
    "ldap": ldap.FORMATS,
    "ldap_pbkdf2": ldap.LDAP_PBKDF2_FORMATS,
    "spring": spring.FORMATS,
    "aspnet": aspnet.FORMATS,
    "keycloak": keycloak.FORMATS,
    "firebase": scrypt.FIREBASE_FORMATS,
    "nextcloud": applications.NEXTCLOUD_FORMATS,
    "kratos": kratos.FORMATS,
    "symfony": frameworks.SYMFONY_FORMATS,
    "magento_argon2": argon2.MAGENTO_ARGON2_FORMATS,
    "mediawiki": applications.MEDIAWIKI_FORMATS,
    "scram": scram.FORMATS,
    "scram_layouts": scram.LAYOUTS,
    "pbkdf2_layouts": pbkdf2.LAYOUTS,
    "sspr": pbkdf2.SSPR_FORMATS,
    "scrypt_layouts": scrypt.LAYOUTS,
    "node": node.FORMATS,
    "fshp": applications.FSHP_FORMATS,
    "azure": aspnet.AZURE_FORMATS,
    "cleartext": cleartext.FORMATS,
    "families": families.FORMATS,
    "typo3": families.TYPO3_FORMATS,
    "yescrypt": crypt.YESCRYPT_FORMATS,
    "phpass": (*phpass.FORMATS, families.PHPBB_COMBINED_TYPED),
    "xenforo": applications.XENFORO_FORMATS,
    "products": products.FORMATS,
    "databases": (*databases.FORMATS, *databases.ZOPE_FORMATS),
    "enterprise": enterprise.FORMATS,
    "windows": windows.FORMATS,
    "domino": enterprise.DOMINO_FORMATS,
    "sap": enterprise.SAP_FORMATS,
    "cisco": devices.CISCO_FORMATS,
    "applications": applications.FORMATS,
    "cram_md5": scram.CRAM_MD5_FORMATS,
    "ibm": enterprise.IBM_FORMATS,
    "qnx": devices.QNX_FORMATS,
    "juniper": devices.JUNIPER_FORMATS,
    "devices": devices.OTHER_FORMATS,
}
"""The formats that do not depend on others, by the headings of docs/formats.md."""


OVERRULING = frozenset({"magento2_v0", "magento2_v1", "magento2_upgraded", "magento_argon2"})
"""The version after their digest and salt distinguishes them from other digest and salt pairs."""


def candidates(text: str) -> tuple[Format, ...]:
    """Return every format whose shape `text` has, the likeliest first. If several do, the format must be named."""
    bare = unpacked(text)
    found = tuple(each for each in FORMATS if each.recognises(bare))
    return tuple(each for each in found if each.name in OVERRULING) or found


def by_name(name: str) -> Format:
    """Return the format called `name`, ignoring case and separators.

    `UnknownFormat` lists similar names. It repeats `name` only if there are any, since it may be a misplaced hash.
    """
    found = find(name)
    if found is None:
        close = difflib.get_close_matches(_plain(name), _BY_NAME, n=3)
        raise UnknownFormat(f"no format is called {name!r}; close: {', '.join(close)}" if close else "no such format")
    return found


def find(name: str) -> Format | None:
    """Return the format called `name`, ignoring case and separators; None if there is none."""
    return _BY_NAME.get(name) or _title(name) or _BY_NAME.get(_plain(name)) or _BY_LETTERS.get(_letters(name))


def is_formula(text: str) -> bool:
    """Return whether `name` is a formula and not a format name.

    A formula calls a function or names a variable; no format name contains such syntax, except some hashcat titles.
    """
    return _is_marked(text) and _title(text) is None


def names_of(found: Format) -> tuple[str, ...]:
    """Return the aliases of a format."""
    return (*found.aliases, *NAMES.get(found.name, ()))


def check(stored: StoredHash) -> Check:
    """Parse a stored hash by the name or formula of its recipe. Raises `UnusableHash`."""
    require_charset(stored.recipe.charset)
    made = reader_of(stored.recipe.format)(stored)
    limits.require_affordable(made.work)
    return made


def reader_of(name: str) -> Callable[[StoredHash], Check]:
    """Return the parser of a format or formula, for any packaging. Raises `UnknownFormat`."""
    parse = parser_of(name)
    return lambda stored: parse_with_peppers(parse, _unpacked(stored))


def _unpacked(stored: StoredHash) -> StoredHash:
    text = unpacked(stored.hash)
    return stored if text is stored.hash else replace(stored, hash=text)


def parser_of(name: str) -> Callable[[StoredHash], Check]:
    """Return the parser of a format or formula, without multiple peppers. Raises `UnknownFormat`."""
    if (found := _BY_NAME.get(name)) is not None:  # the spelling in the store
        return found.parse
    return partial(formula_check, find=find) if is_formula(name) else by_name(name).parse


def dummy_hash(stored: StoredHash) -> StoredHash:
    """Return a dummy hash of the same cost. Raises `UnusableHash`."""
    bare = _unpacked(stored)
    if is_formula(stored.recipe.format):
        return formula_dummy_hash(bare, find)
    return by_name(stored.recipe.format).dummy_hash(bare)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _letters(name: str) -> str:
    """Return a name without separators: `Oracle 11` and `oracle_11` are `oracle11`."""
    return re.sub(r"[^a-z0-9]+", "", name.lower())


def _is_marked(text: str) -> bool:
    return "(" in text or "$" in text


def _is_whole(name: str) -> bool:
    """Return whether the name must match as written: `{SHA}` is a directory's scheme, and `sha` a bare digest."""
    return _is_marked(name) or name.startswith("{")


def _title(name: str) -> Format | None:
    return _BY_TITLE.get(" ".join(name.lower().split()))


GROUPS: dict[str, tuple[Format, ...]] = {
    **{group: tuple(map(as_typed, formats)) for group, formats in LISTED.items()},
    "multiple": (Multiple(by_name, candidates),),
}
"""The formats by the headings of docs/formats.md; of formats that look alike, the likelier first."""
FORMATS: tuple[Format, ...] = tuple(each for group in GROUPS.values() for each in group)


def _index() -> dict[str, Format]:
    """Index names before aliases, so that no alias hides a name. A test checks that none is used twice."""
    index = {_plain(each.name): each for each in FORMATS}
    for each in FORMATS:
        for alias in filterfalse(_is_whole, names_of(each)):
            index.setdefault(_plain(alias), each)
    return index


_BY_NAME = _index()
_BY_LETTERS = {_letters(name): found for name, found in reversed(_BY_NAME.items())}
_BY_TITLE = {title.lower(): each for each in FORMATS for title in filter(_is_whole, names_of(each))}
"""Titles with the syntax of a formula must match as written: without it, other formulas would look like them."""


# Hashes whose text was written as bytes or a literal: hex of a column of bytes, Python's `b'...'`, SQL's `N'...'`.
#
# A hex digest is not one of them: the decoded hex must be the printable text of a hash with a prefix.

_IN_HEX = re.compile(r"(?:\\\\?x|0[xX])?((?:[2-7][0-9A-Fa-f]){13,2048})|[xX]'((?:[2-7][0-9A-Fa-f]){13,2048})'")
SHORTEST = 24
"""Minimum characters: more than hex of MD5 and SHA-1, which must stay a digest."""
_LITERAL = re.compile(r"(?:bytearray\()?[bBeEnN]?(['\"])([ -~]{13,4096})\1\)?")
"""A literal of Python or SQL, or a cell that still has its quotes."""
_MARKED = re.compile(r"(?:[$_{]|[a-z0-9_]{2,20}[$:])[!-~ ]+[$}:*][!-~ ]*", re.IGNORECASE)
"""The start of a hash that is more than a digest: `$2b$`, `{SSHA}`, `pbkdf2_sha256$`."""


def unpacked(text: str) -> str:
    """Return the text of a hash that was exported as bytes; any other text unchanged."""
    bare = text.strip()
    if not bare or bare[0] not in "\\0bxX27'\"BeEnN":
        return text
    if match := _LITERAL.fullmatch(bare):
        found = re.sub(r"\\(['\"\\])", r"\1", match[2])
    elif match := _IN_HEX.fullmatch(bare):
        found = bytes.fromhex(match[1] or match[2]).decode("ascii")
    else:
        return text
    return found if len(found) >= SHORTEST and _MARKED.fullmatch(found) else text
