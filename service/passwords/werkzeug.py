"""Werkzeug's layouts (Flask), `method$salt$hex`, whose salt is used as the text it is. Knows no other product.

Source: werkzeug/security.py. The plain methods, removed in Werkzeug 3, are HMACs under the salt, not salted digests;
those of MD5 and SHA-1 look like Django's and are read there. web2py's CRYPT validator writes a layout of the same kin.
"""

import re
from functools import partial

from service.passwords import limits
from service.passwords.comparison import Comparison
from service.passwords.digests import keyed_digest
from service.passwords.encodings import to_bytes, unhex
from service.passwords.format import Check, StoredHash
from service.passwords.pbkdf2 import pbkdf2_check
from service.passwords.scrypt import scrypt_check
from service.passwords.shape import Shape

SALT = r"(?P<salt>[^$]*)"
HEX = r"(?P<digest>[0-9A-Fa-f]{24,})"
PRF = r"(?P<prf>md5|sha1|sha224|sha256|sha384|sha512)"


def read_pbkdf2(stored: StoredHash, match: re.Match[str]) -> Check:
    """Read PRF, iterations, salt and digest."""
    salt = to_bytes(match["salt"], "utf-8")
    return pbkdf2_check(stored, match["prf"], limits.number(match["iterations"]), salt, unhex(match["digest"]))


def read_scrypt(stored: StoredHash, match: re.Match[str]) -> Check:
    """Read N, r, p, salt and digest."""
    n, r, p = (limits.number(match[name]) for name in ("n", "r", "p"))
    return scrypt_check(stored, (n, r, p), to_bytes(match["salt"], "utf-8"), unhex(match["digest"]))


def read_plain(name: str, stored: StoredHash, match: re.Match[str]) -> Check:
    """HMAC of the password under the salt."""
    salt = to_bytes(match["salt"], "utf-8")
    derive = partial(keyed_digest, name, salt)
    return Comparison(derive, unhex(match["digest"]), f"hmac-{name}", charset=stored.recipe.charset)


def _plain(name: str, digits: int) -> Shape:
    pattern = re.compile(rf"{name}\${SALT}\$(?P<digest>[0-9A-Fa-f]{{{digits}}})")
    return Shape(f"werkzeug_{name}", pattern, partial(read_plain, name))


FORMATS = (
    Shape("werkzeug_pbkdf2", re.compile(rf"pbkdf2:{PRF}:(?P<iterations>[0-9]+)\${SALT}\${HEX}"), read_pbkdf2),
    Shape(
        "werkzeug_scrypt",
        re.compile(rf"scrypt:(?P<n>[0-9]+):(?P<r>[0-9]+):(?P<p>[0-9]+)\${SALT}\${HEX}"),
        read_scrypt,
    ),
    _plain("sha224", 56),
    _plain("sha256", 64),
    _plain("sha384", 96),
    _plain("sha512", 128),
    Shape(
        "web2py_pbkdf2",
        re.compile(rf"pbkdf2\((?P<iterations>[0-9]+),[0-9]+,{PRF}\)\${SALT}\${HEX}"),
        read_pbkdf2,
        aliases=("web2py",),
    ),
)
