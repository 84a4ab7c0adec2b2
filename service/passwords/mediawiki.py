"""MediaWiki's hashes around bcrypt, argon2, and around its own older ones, `:type:…`. Knows no other product.

Source: mediawiki/core includes/password. `:bcrypt:cost$salt$digest` cuts bcrypt's text apart; `:argon2:` stands before
the PHC string. `:pbkdf2-legacyA:` and `:pbkdf2-legacyB:` (maintenance/wrapOldPasswords.php) are PBKDF2 over the hex of
the MD5 that was stored before: parameters of both layers, their salts and the digest, with `!` between.
"""

import re
from collections.abc import Callable
from functools import partial

from service.passwords import limits
from service.passwords.argon2 import ARGON2
from service.passwords.bcrypt import plain, read_bcrypt
from service.passwords.comparison import Comparison
from service.passwords.digests import digest
from service.passwords.encodings import to_bytes, unbase64
from service.passwords.format import Check, StoredHash
from service.passwords.pbkdf2 import pbkdf2_check
from service.passwords.shape import Shape, Wrapped

Derive = Callable[[bytes], bytes]


def wrapped(salt: bytes | None, derive: Derive, secret: bytes) -> bytes:
    """What is derived of the older hash: the MD5 in hex, or that behind a salt, again."""
    inner = digest("md5", secret).hex().encode("ascii")
    if salt is not None:
        inner = digest("md5", salt + b"-" + inner).hex().encode("ascii")
    return derive(inner)


def read_wrapped(stored: StoredHash, match: re.Match[str]) -> Check:
    """PBKDF2 around `:B:`, or around `:A:` with or without a salt."""
    salt = to_bytes(match["salt_inside"], "utf-8") if match["salt_inside"] else None
    key = unbase64(match["digest"])
    outer = pbkdf2_check(stored, match["prf"], limits.number(match["iterations"]), unbase64(match["salt"]), key)
    return Comparison(partial(wrapped, salt, outer.derive), key, outer.cost, outer.executor, stored.recipe.charset)


_B64 = r"[A-Za-z0-9+/]"
_BCRYPT = r":bcrypt:(?P<cost>[0-9]{1,2})\$(?P<salt>[./A-Za-z0-9]{22})\$(?P<digest>[./A-Za-z0-9]{31})"
_WRAPPED = (
    r":pbkdf2-legacy[AB]:!(?P<prf>md5|sha1|sha256|sha384|sha512):(?P<iterations>[0-9]+):[0-9]+"
    rf"!(?P<salt_inside>[^!:]*)!(?P<salt>{_B64}+={{0,2}})!(?P<digest>{_B64}{{16,}}={{0,2}})"
)

FORMATS = (
    Shape("mediawiki_bcrypt", re.compile(_BCRYPT), partial(read_bcrypt, plain)),
    Wrapped("mediawiki_argon2", re.compile(r":argon2:"), (ARGON2,)),
    Shape("mediawiki_wrapped", re.compile(_WRAPPED), read_wrapped, ("pbkdf2_legacyA", "pbkdf2_legacyB")),
)
