"""Django's own layouts, `algorithm$parameters$salt$digest`, whose salt is used as the text it is. Knows no others.

Source: django/contrib/auth/hashers.py. `md5$salt$digest` and `sha1$salt$digest` were also written by old Werkzeugs,
which compute HMAC(salt, password); the text does not say which, so both are tried.
"""

import re
from functools import partial

from service.passwords import crypt3, limits
from service.passwords.argon2 import ARGON2
from service.passwords.comparison import Comparison, Either
from service.passwords.digests import digest, keyed_digest
from service.passwords.encodings import to_bytes, unbase64, unhex
from service.passwords.format import Check, StoredHash
from service.passwords.pbkdf2 import pbkdf2_check
from service.passwords.scrypt import scrypt_check
from service.passwords.shape import Shape, Wrapped

SALT = r"(?P<salt>[^$]*)"
BASE64 = r"(?P<digest>[A-Za-z0-9+/]{16,}={0,2})"


def salted(name: str, salt: bytes, secret: bytes) -> bytes:
    """Digest of the salt and the password behind it."""
    return digest(name, salt + secret)


def read_pbkdf2(stored: StoredHash, match: re.Match[str]) -> Check:
    """`pbkdf2_sha256$iterations$salt$digest`, the digest in base64."""
    salt = to_bytes(match["salt"], "utf-8")
    return pbkdf2_check(stored, match["prf"], limits.number(match["iterations"]), salt, unbase64(match["digest"]))


def read_scrypt(stored: StoredHash, match: re.Match[str]) -> Check:
    """`scrypt$N$salt$r$p$digest`, the digest in base64."""
    n, r, p = (limits.number(match[name]) for name in ("n", "r", "p"))
    return scrypt_check(stored, (n, r, p), to_bytes(match["salt"], "utf-8"), unbase64(match["digest"]))


def read_salted(name: str, stored: StoredHash, match: re.Match[str]) -> Check:
    """`sha1$salt$digest`, the digest in hex; an empty salt is Django's unsalted hasher."""
    salt, key = to_bytes(match["salt"], stored.recipe.charset), unhex(match["digest"])
    django = Comparison(partial(salted, name, salt), key, f"{name}(salt.password)", charset=stored.recipe.charset)
    werkzeug = Comparison(partial(keyed_digest, name, salt), key, f"hmac-{name}", charset=stored.recipe.charset)
    return Either(django, werkzeug) if salt else django


def read_scrypt_package(stored: StoredHash, match: re.Match[str]) -> Check:
    """`scrypt$salt$log2 N$r$p$length$digest`, as the package django-scrypt wrote before Django had its own."""
    log_n, r, p = (limits.number(match[name]) for name in ("log_n", "r", "p"))
    return scrypt_check(stored, (1 << log_n, r, p), to_bytes(match["salt"], "utf-8"), unbase64(match["digest"]))


FORMATS = (
    Shape(
        "django_pbkdf2",
        re.compile(rf"pbkdf2_(?P<prf>md5|sha1|sha224|sha256|sha384|sha512)\$(?P<iterations>[0-9]+)\${SALT}\${BASE64}"),
        read_pbkdf2,
        aliases=("django_pbkdf2_sha256", "django_pbkdf2_sha1", "django_pbkdf2_sha512"),
    ),
    Shape(
        "django_scrypt",
        re.compile(rf"scrypt\$(?P<n>[0-9]+)\${SALT}\$(?P<r>[0-9]+)\$(?P<p>[0-9]+)\${BASE64}"),
        read_scrypt,
    ),
    Shape(
        "django_scrypt_package",
        re.compile(rf"scrypt\${SALT}\$(?P<log_n>[0-9]{{1,2}})\$(?P<r>[0-9]+)\$(?P<p>[0-9]+)\$[0-9]+\${BASE64}"),
        read_scrypt_package,
    ),
    Wrapped("django_des_crypt", re.compile(r"crypt\$[^$]*\$"), crypt3.FORMATS, ("django_crypt",)),
    Wrapped("django_argon2", re.compile(r"argon2(?=\$argon2)"), (ARGON2,)),
    Shape(
        "django_salted_md5",
        re.compile(rf"md5\${SALT}\$(?P<digest>[0-9A-Fa-f]{{32}})"),
        partial(read_salted, "md5"),
        aliases=("django_md5", "werkzeug_md5"),
    ),
    Shape(
        "django_salted_sha1",
        re.compile(rf"sha1\${SALT}\$(?P<digest>[0-9A-Fa-f]{{40}})"),
        partial(read_salted, "sha1"),
        aliases=("django_sha1", "django_unsalted_sha1", "werkzeug_sha1"),
    ),
)
