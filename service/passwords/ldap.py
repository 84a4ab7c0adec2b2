"""The userPassword schemes of directories (RFC 2307 and its descendants): `{SCHEME}` and what follows. Knows no LDAP.

Schemes are read in any case. Salted digests are base64 of the digest and the salt behind it (OpenLDAP, 389-DS,
ForgeRock, AD LDS); Dovecot may write them in hex and say so (`{SSHA256.HEX}`). `{CRYPT}` and Dovecot's names for it
hold a crypt(3) hash.
"""

import re
from functools import partial

from service.passwords import bcrypt, crypt3, yescrypt
from service.passwords.argon2 import ARGON2
from service.passwords.comparison import Comparison
from service.passwords.digests import SIZES, digest
from service.passwords.encodings import unbase64, undigest, unhex
from service.passwords.format import Check, MalformedHash, StoredHash
from service.passwords.shape import Shape, Wrapped

NAMES = "md5|sha1|sha-1|sha224|sha-224|sha256|sha-256|sha384|sha-384|sha512|sha-512|sha"
HEX = re.compile(r"[0-9A-Fa-f]+")


def salted(name: str, salt: bytes, secret: bytes) -> bytes:
    """Digest of the password and the salt behind it."""
    return digest(name, secret + salt)


def read_digest(stored: StoredHash, match: re.Match[str]) -> Check:
    """A digest without salt, base64 or hex."""
    name = _name(match["name"])
    key = undigest(match["digest"], SIZES[name])
    return Comparison(partial(digest, name), key, name, charset=stored.recipe.charset)


def read_salted(stored: StoredHash, match: re.Match[str]) -> Check:
    """A digest with the salt behind it, of any length."""
    name = _name(match["name"])
    raw = unhex(match["digest"]) if match["hex"] else unbase64(match["digest"])
    key, salt = raw[: SIZES[name]], raw[SIZES[name] :]
    if len(key) < SIZES[name]:
        raise MalformedHash("the digest is too short for its scheme")
    return Comparison(partial(salted, name, salt), key, f"{name}(password.salt)", charset=stored.recipe.charset)


def _name(scheme: str) -> str:
    name = scheme.lower().replace("-", "")
    return "sha1" if name == "sha" else name


CRYPT = re.compile(r"(?i)\{(?:CRYPT|(?:MD5|SHA256|SHA512|DES|BLF)-CRYPT)\}")
PLAIN = re.compile(
    rf"(?i)\{{(?:(?:ldap|plain)-)?(?P<name>{NAMES})(?:\.(?:b64|base64|hex))?\}}(?P<digest>[A-Za-z0-9+/_-]{{20,}}={{0,2}})"
)
SALTED = re.compile(
    rf"(?i)\{{s(?P<name>{NAMES})(?:\.(?:b64|base64|(?P<hex>hex)))?\}}(?P<digest>[A-Za-z0-9+/_-]{{22,}}={{0,2}})"
)
ALIASES = tuple(f"ldap_{name}" for name in ("md5", "sha1", "sha256", "sha384", "sha512"))
SALTED_ALIASES = (
    *(f"ldap_{name}" for name in ("smd5", "ssha", "ssha256", "ssha384", "ssha512")),
    *(f"ldap_salted_{name}" for name in ("md5", "sha1", "sha256", "sha384", "sha512")),
    *("smd5", "ssha", "ssha256", "ssha384", "ssha512"),
)

CRYPTS = (bcrypt.BCRYPT, *crypt3.FORMATS, *yescrypt.FORMATS)

FORMATS = (
    Shape("ldap_digest", PLAIN, read_digest, aliases=(*ALIASES, "ldap_sha")),
    Shape("ldap_salted_digest", SALTED, read_salted, aliases=SALTED_ALIASES),
    Wrapped("ldap_crypt", CRYPT, CRYPTS),
    Wrapped("ldap_argon2", re.compile(r"(?i)\{ARGON2(?:ID|I|D)?\}"), (ARGON2,)),
    Wrapped("ldap_bcrypt", re.compile(r"(?i)\{BCRYPT\}"), (bcrypt.BCRYPT,)),
)
