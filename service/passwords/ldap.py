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
from service.passwords.encodings import HEX_DIGEST, unbase64, undigest, unhex
from service.passwords.format import Check, Format, MalformedHash, StoredHash
from service.passwords.shape import Shape, Wrapped


def salted(name: str, salt: bytes, secret: bytes) -> bytes:
    """Digest of the password and the salt behind it."""
    return digest(name, secret + salt)


def read_digest(name: str, stored: StoredHash, match: re.Match[str]) -> Check:
    """A digest without salt, base64 or hex."""
    key = undigest(match["digest"], SIZES[name])
    return Comparison(partial(digest, name), key, name, charset=stored.recipe.charset)


def read_salted(name: str, stored: StoredHash, match: re.Match[str]) -> Check:
    """A digest with the salt behind it, of any length."""
    in_hex = match.groupdict().get("hex") or HEX_DIGEST.fullmatch(match["digest"])
    raw = unhex(match["digest"]) if in_hex else unbase64(match["digest"])
    key, salt = raw[: SIZES[name]], raw[SIZES[name] :]
    if len(key) < SIZES[name]:
        raise MalformedHash("the digest is too short for its scheme")
    return Comparison(partial(salted, name, salt), key, f"{name}(password.salt)", charset=stored.recipe.charset)


def _digest(scheme: str) -> Shape:
    name = "sha1" if scheme == "SHA" else scheme.lower()
    letters = -(-4 * SIZES[name] // 3)
    text = rf"(?P<digest>[0-9a-f]{{{2 * SIZES[name]}}}|[A-Za-z0-9+/_-]{{{letters}}}={{0,2}})"
    pattern = rf"(?i)\{{(?:ldap-|plain-)?{_spelled(scheme)}(?:\.(?:b64|base64|hex))?\}}{text}"
    aliases = (f"ldap_hex_{name}", *(("ldap_sha",) if scheme == "SHA" else ()))
    return Shape(
        f"ldap_{name}", re.compile(pattern), partial(read_digest, name), aliases, bare=re.compile(f"(?i){text}")
    )


def _salted(scheme: str) -> Shape:
    name = "sha1" if scheme == "SHA" else scheme.lower()
    text = rf"(?P<digest>[A-Za-z0-9+/_-]{{{-(-4 * SIZES[name] // 3)},}}={{0,2}})"
    pattern = rf"(?i)\{{S{_spelled(scheme)}(?:\.(?:b64|base64|(?P<hex>hex)))?\}}{text}"
    aliases = (f"ldap_salted_{name}", f"s{scheme.lower()}")
    return Shape(
        f"ldap_s{scheme.lower()}", re.compile(pattern), partial(read_salted, name), aliases, bare=re.compile(text)
    )


def _spelled(scheme: str) -> str:
    return "SHA-?1?" if scheme == "SHA" else scheme.replace("SHA", "SHA-?")


SCHEMES = ("MD5", "SHA", "SHA224", "SHA256", "SHA384", "SHA512")
CRYPT = re.compile(r"(?i)\{(?:CRYPT|(?:MD5|SHA256|SHA512|DES|BLF)-CRYPT)\}")
CRYPTS = (bcrypt.BCRYPT, *crypt3.FORMATS, *yescrypt.FORMATS)
NOT_SPRING = r"(?!\{(?:bcrypt|argon2)\})"
"""Spring writes these two in lower case."""

FORMATS: tuple[Format, ...] = (
    *(_digest(scheme) for scheme in SCHEMES),
    *(_salted(scheme) for scheme in SCHEMES),
    Wrapped("ldap_crypt", CRYPT, CRYPTS, tuple(f"ldap_{each.name}" for each in CRYPTS if each.name != "bcrypt")),
    Wrapped("ldap_argon2", re.compile(NOT_SPRING + r"(?i:\{ARGON2(?:ID|I|D)?\})"), (ARGON2,)),
    Wrapped("ldap_bcrypt", re.compile(NOT_SPRING + r"(?i:\{BCRYPT\})"), (bcrypt.BCRYPT,)),
)
