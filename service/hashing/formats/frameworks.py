"""Hashes of web frameworks: Django, Werkzeug and Symfony."""

import re
from functools import partial

from service.hashing import limits
from service.hashing.check import Comparison, Either
from service.hashing.columns import DIGEST, iterations_of, option, salt_of, separated
from service.hashing.digests import SIZES, digest, keyed_digest, weight
from service.hashing.encodings import to_bytes, unbase64, undigest, undigest_column, unhex
from service.hashing.executor import Executor
from service.hashing.format import Check, MalformedHash, StoredHash
from service.hashing.formats import crypt
from service.hashing.formats.argon2 import ARGON2
from service.hashing.formats.pbkdf2 import PRFS, pbkdf2_check
from service.hashing.formats.scrypt import scrypt_check
from service.hashing.shape import Shape, Wrapped

# Symfony's encoders before PHP's password_hash (FOSUserBundle), with the salt in a column.
#
# MessageDigestPasswordEncoder: a digest of `password{salt}`, then iterated over the digest and `password{salt}`;
# SHA-512 and 5,000 rounds unless the option `algorithm` or the iterations of the source state others.
# Pbkdf2PasswordEncoder: SHA-512, 1,000 iterations, 40 bytes. Both in base64 or hex.

DIGEST_ROUNDS = 5000
PBKDF2_ITERATIONS = 1000


def message_digest(name: str, salt: bytes, rounds: int, secret: bytes) -> bytes:
    """Hash the first round and those after it; an empty salt omits its braces too."""
    salted = secret + (b"{" + salt + b"}" if salt else b"")
    key = digest(name, salted)
    for _ in range(rounds - 1):
        key = digest(name, key + salted)
    return key


def read_message_digest(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse the digest; a missing salt column is an empty salt."""
    name, rounds = option(stored, "algorithm", "sha512").lower(), iterations_of(stored, DIGEST_ROUNDS)
    if name not in SIZES:
        raise MalformedHash("the option algorithm names an unknown digest")
    work = limits.check_rounds(rounds * weight(name))
    row = separated(stored, match)
    salt = salt_of(row) if row.salt else b""
    return Comparison(
        derive=partial(message_digest, name, salt, rounds),
        key=undigest(match["digest"], SIZES[name]),
        cost=f"symfony {name} x{rounds}",
        executor=Executor.PROCESS,
        charset=stored.recipe.charset,
        work=work,
        looped=True,
    )


def read_symfony_pbkdf2(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse the digest; its length is the length of the key."""
    name = option(stored, "algorithm", "sha512").lower()
    if name not in PRFS:
        raise MalformedHash("the option algorithm names a digest that is not supported with PBKDF2")
    key = undigest_column(match["digest"])
    return pbkdf2_check(stored, name, iterations_of(stored, PBKDF2_ITERATIONS), salt_of(separated(stored, match)), key)


SYMFONY_FORMATS = (
    Shape(
        "symfony_message_digest",
        re.compile(DIGEST),
        read_message_digest,
        aliases=("symfony_sha512", "fosuserbundle"),
        names_itself=False,
    ),
    Shape("symfony_pbkdf2", re.compile(DIGEST), read_symfony_pbkdf2, names_itself=False),
)


# Werkzeug's layouts (Flask), `method$salt$hex`, with the salt used as text.
#
# Source: werkzeug/security.py. The plain methods, removed in Werkzeug 3, are HMACs keyed with the salt, not salted
# digests; those of MD5 and SHA-1 look like Django's and are parsed there. web2py's CRYPT validator writes a similar
# layout.

SALT = r"(?P<salt>[^$]*)"
HEX = r"(?P<digest>[0-9A-Fa-f]{24,})"
PRF = r"(?P<prf>md5|sha1|sha224|sha256|sha384|sha512)"


def read_werkzeug_pbkdf2(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse PRF, iterations, salt and digest."""
    salt = to_bytes(match["salt"], "utf-8")
    return pbkdf2_check(stored, match["prf"], limits.number(match["iterations"]), salt, unhex(match["digest"]))


def read_werkzeug_scrypt(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse N, r, p, salt and digest."""
    n, r, p = (limits.number(match[name]) for name in ("n", "r", "p"))
    return scrypt_check(stored, (n, r, p), to_bytes(match["salt"], "utf-8"), unhex(match["digest"]))


def read_plain(name: str, stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse an HMAC of the password keyed with the salt."""
    salt = to_bytes(match["salt"], "utf-8")
    derive = partial(keyed_digest, name, salt)
    return Comparison(derive, unhex(match["digest"]), f"hmac-{name}", charset=stored.recipe.charset)


def _plain(name: str, digits: int) -> Shape:
    pattern = re.compile(rf"{name}\${SALT}\$(?P<digest>[0-9A-Fa-f]{{{digits}}})")
    return Shape(f"werkzeug_{name}", pattern, partial(read_plain, name))


WERKZEUG_FORMATS = (
    Shape("werkzeug_pbkdf2", re.compile(rf"pbkdf2:{PRF}:(?P<iterations>[0-9]+)\${SALT}\${HEX}"), read_werkzeug_pbkdf2),
    Shape(
        "werkzeug_scrypt",
        re.compile(rf"scrypt:(?P<n>[0-9]+):(?P<r>[0-9]+):(?P<p>[0-9]+)\${SALT}\${HEX}"),
        read_werkzeug_scrypt,
    ),
    _plain("sha224", 56),
    _plain("sha256", 64),
    _plain("sha384", 96),
    _plain("sha512", 128),
    Shape(
        "web2py_pbkdf2",
        re.compile(rf"pbkdf2\((?P<iterations>[0-9]+),[0-9]+,{PRF}\)\${SALT}\${HEX}"),
        read_werkzeug_pbkdf2,
        aliases=("web2py",),
    ),
)


BASE64 = r"(?P<digest>[A-Za-z0-9+/]{16,}={0,2})"


def salted(name: str, salt: bytes, secret: bytes) -> bytes:
    """Return the digest of the salt followed by the password."""
    return digest(name, salt + secret)


def read_django_pbkdf2(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse `pbkdf2_sha256$iterations$salt$digest`, the digest in base64."""
    salt = to_bytes(match["salt"], "utf-8")
    return pbkdf2_check(stored, match["prf"], limits.number(match["iterations"]), salt, unbase64(match["digest"]))


def read_django_scrypt(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse `scrypt$N$salt$r$p$digest`, the digest in base64."""
    n, r, p = (limits.number(match[name]) for name in ("n", "r", "p"))
    return scrypt_check(stored, (n, r, p), to_bytes(match["salt"], "utf-8"), unbase64(match["digest"]))


def read_salted(name: str, stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse `sha1$salt$digest`, the digest in hex; an empty salt is Django's unsalted hasher."""
    salt, key = to_bytes(match["salt"], stored.recipe.charset), unhex(match["digest"])
    django = Comparison(partial(salted, name, salt), key, f"{name}(salt.password)", charset=stored.recipe.charset)
    werkzeug = Comparison(partial(keyed_digest, name, salt), key, f"hmac-{name}", charset=stored.recipe.charset)
    return Either(django, werkzeug) if salt else django


def read_scrypt_package(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse `scrypt$salt$log2 N$r$p$length$digest`, as the package django-scrypt wrote before Django had its own."""
    log_n, r, p = (limits.number(match[name]) for name in ("log_n", "r", "p"))
    return scrypt_check(stored, (1 << log_n, r, p), to_bytes(match["salt"], "utf-8"), unbase64(match["digest"]))


DJANGO_FORMATS = (
    Shape(
        "django_pbkdf2",
        re.compile(rf"pbkdf2_(?P<prf>md5|sha1|sha224|sha256|sha384|sha512)\$(?P<iterations>[0-9]+)\${SALT}\${BASE64}"),
        read_django_pbkdf2,
        aliases=("django_pbkdf2_sha256", "django_pbkdf2_sha1", "django_pbkdf2_sha512"),
    ),
    Shape(
        "django_scrypt",
        re.compile(rf"scrypt\$(?P<n>[0-9]+)\${SALT}\$(?P<r>[0-9]+)\$(?P<p>[0-9]+)\${BASE64}"),
        read_django_scrypt,
    ),
    Shape(
        "django_scrypt_package",
        re.compile(rf"scrypt\${SALT}\$(?P<log_n>[0-9]{{1,2}})\$(?P<r>[0-9]+)\$(?P<p>[0-9]+)\$[0-9]+\${BASE64}"),
        read_scrypt_package,
    ),
    Wrapped("django_des_crypt", re.compile(r"crypt\$[^$]*\$"), crypt.FORMATS, ("django_crypt",)),
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
