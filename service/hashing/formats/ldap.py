"""The userPassword schemes of directories (RFC 2307 and its successors): `{SCHEME}` and a value.

Schemes are case-insensitive. Salted digests are base64 of the digest followed by the salt (OpenLDAP, 389-DS, ForgeRock,
AD LDS); Dovecot may write them in hex, as its scheme states (`{SSHA256.HEX}`). `{CRYPT}` and Dovecot's names for it
contain a crypt(3) hash.
"""

import re
from functools import partial

from service.hashing import crypt_loops, limits
from service.hashing.check import Comparison, Either
from service.hashing.digests import SIZES, digest
from service.hashing.encodings import HEX_DIGEST, to_bytes, unbase64, undigest, unhex
from service.hashing.executor import Executor
from service.hashing.format import Check, Format, MalformedHash, StoredHash
from service.hashing.formats import bcrypt, crypt
from service.hashing.formats.argon2 import ARGON2
from service.hashing.formats.pbkdf2 import pbkdf2_check
from service.hashing.shape import Shape, Wrapped

# The directories' layouts of PBKDF2.
#
# OpenLDAP pw-pbkdf2 and newer 389-DS: `{PBKDF2-SHA256}iterations$salt$digest`, ab64 or base64; Elasticsearch too, but
# without the name of its function, SHA-512. Older 389-DS (FreeIPA): `{PBKDF2_SHA256}` and base64 of 4 bytes of
# iterations, 64 of salt, 256 of digest. OpenDJ: `{PBKDF2}iterations:` and base64 of digest and salt. Dovecot:
# `{PBKDF2}$1$salt$iterations$hex`. Atlassian (Jira, Confluence, Crowd): `{PKCS5S2}` and base64 of salt and digest.

ATLASSIAN_ITERATIONS = 10_000
ATLASSIAN_SALT = 16
ELASTIC_KEY = 32
"""Bytes; OpenLDAP's are the 20 of SHA-1."""
BINARY_SALT = slice(4, 68)
BINARY_KEY = slice(68, None)
BASE64 = r"[A-Za-z0-9+/._-]*={0,2}"
DIGEST = r"(?P<digest>[A-Za-z0-9+/._-]{16,}={0,2})"


def read_dollars(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse iterations, salt and digest. Without a function name it is SHA-1, or SHA-512 if Elasticsearch wrote it."""
    iterations, salt, key = limits.number(match["iterations"]), unbase64(match["salt"]), unbase64(match["digest"])
    named = (match["prf"] or "sha1").lower().replace("-", "")
    check = pbkdf2_check(stored, named, iterations, salt, key)
    if match["prf"] is None and len(key) == ELASTIC_KEY:
        return Either(check, pbkdf2_check(stored, "sha512", iterations, salt, key))
    return check


def read_binary(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse iterations (big-endian), salt and digest as one byte string."""
    raw = unbase64(match["header"] + match["digest"])
    return pbkdf2_check(stored, "sha256", int.from_bytes(raw[:4], "big"), raw[BINARY_SALT], raw[BINARY_KEY])


def read_opendj(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse the digest, of its function's length, followed by the salt."""
    prf = (match["prf"] or "sha1").lower().replace("-", "")
    raw = unbase64(match["digest"])
    key, salt = raw[: SIZES[prf]], raw[SIZES[prf] :]
    if len(key) < SIZES[prf] or not salt:
        raise MalformedHash("the digest is too short for its scheme")
    return pbkdf2_check(stored, prf, limits.number(match["iterations"]), salt, key)


def read_dovecot(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse SHA-1 with the salt used as text."""
    salt = to_bytes(match["salt"], "utf-8")
    return pbkdf2_check(stored, "sha1", limits.number(match["iterations"]), salt, unhex(match["digest"]))


def read_atlassian(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse 16 bytes of salt and 32 of digest."""
    raw = unbase64(match["digest"])
    return pbkdf2_check(stored, "sha1", ATLASSIAN_ITERATIONS, raw[:ATLASSIAN_SALT], raw[ATLASSIAN_SALT:])


PRF = r"(?P<prf>sha-?1|sha-?256|sha-?384|sha-?512)"
DOLLARS = rf"(?i)\{{PBKDF2(?:[-_]{PRF})?\}}(?P<iterations>[0-9]+)\$(?P<salt>{BASE64})\${DIGEST}"
BINARY = r"(?i)\{PBKDF2_SHA256\}(?P<header>[A-Za-z0-9+/]{6})(?P<digest>[A-Za-z0-9+/]{426}={0,2})"
OPENDJ = rf"(?i)\{{PBKDF2(?:[-_](?:HMAC[-_])?{PRF})?\}}(?P<iterations>[0-9]+):{DIGEST}"
DOVECOT = r"(?i)\{PBKDF2\}\$1\$(?P<salt>[^$]*)\$(?P<iterations>[0-9]+)\$(?P<digest>[0-9a-f]{40})"
ATLASSIAN = r"(?i)\{PKCS5S2\}(?P<digest>[A-Za-z0-9+/]{64})"

LDAP_PBKDF2_FORMATS = (
    Shape(
        "ldap_pbkdf2",
        re.compile(DOLLARS),
        read_dollars,
        aliases=("ldap_pbkdf2_sha1", "ldap_pbkdf2_sha256", "ldap_pbkdf2_sha512"),
    ),
    Shape("ldap_pbkdf2_binary", re.compile(BINARY), read_binary, aliases=("389ds_pbkdf2_sha256", "ldap_389ds")),
    Shape("opendj_pbkdf2", re.compile(OPENDJ), read_opendj),
    Shape("dovecot_pbkdf2", re.compile(DOVECOT), read_dovecot),
    Shape(
        "atlassian_pbkdf2_sha1",
        re.compile(ATLASSIAN),
        read_atlassian,
        aliases=("atlassian", "atlassian_pkcs5s2", "pkcs5s2"),
    ),
)


def salted(name: str, salt: bytes, secret: bytes) -> bytes:
    """Return the digest of the password followed by the salt."""
    return digest(name, secret + salt)


def read_digest(name: str, stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse a digest without salt, in base64 or hex."""
    key = undigest(match["digest"], SIZES[name])
    return Comparison(partial(digest, name), key, name, charset=stored.recipe.charset)


def read_salted(name: str, stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse a digest followed by a salt of any length."""
    in_hex = match.groupdict().get("hex") or HEX_DIGEST.fullmatch(match["digest"])
    raw = unhex(match["digest"]) if in_hex else unbase64(match["digest"])
    key, salt = raw[: SIZES[name]], raw[SIZES[name] :]
    if len(key) < SIZES[name]:
        raise MalformedHash("the digest is too short for its scheme")
    return Comparison(partial(salted, name, salt), key, f"{name}(password.salt)", charset=stored.recipe.charset)


def md5_crypt_order(magic: bytes, salt: bytes, secret: bytes) -> bytes:
    """Return MD5-crypt's digest in byte order, before crypt(3) permutes it."""
    return crypt_loops.md5_crypt_digest(secret, salt, magic)


def read_binary_crypt(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse OpenLDAP's contrib module apr1.c: base64 of MD5-crypt's digest followed by the salt."""
    raw = unbase64(match["digest"])
    key, salt = raw[: SIZES["md5"]], raw[SIZES["md5"] :]
    magic = b"$apr1$" if match["scheme"].upper() == "APR1" else b"$1$"
    return Comparison(
        partial(md5_crypt_order, magic, salt), key, "md5_crypt in Python", Executor.PROCESS, stored.recipe.charset
    )


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
CRYPT = re.compile(r"(?i)\{(?:CRYPT|(?:MD5|SHA256|SHA512|DES|BLF)-CRYPT|MD5(?=\}\$1\$)|GOST_YESCRYPT(?=\}\$gy\$))\}")
"""Dovecot writes MD5-crypt as `{MD5}$1$…` too; 389-DS has a scheme for `$gy$`."""
CRYPTS = (bcrypt.BCRYPT, *crypt.FORMATS, *crypt.YESCRYPT_FORMATS)
NOT_SPRING = r"(?!\{(?:bcrypt|argon2)\})"
"""Spring writes these two in lower case."""

FORMATS: tuple[Format, ...] = (
    *(_digest(scheme) for scheme in SCHEMES),
    *(_salted(scheme) for scheme in SCHEMES),
    Shape(
        "ldap_apr1",
        re.compile(r"(?i)\{(?P<scheme>APR1|BSDMD5)\}(?P<digest>[A-Za-z0-9+/]{22,44}={0,2})"),
        read_binary_crypt,
        ("ldap_bsdmd5",),
    ),
    Shape(
        "ldap_plain_md4",
        re.compile(r"(?i)\{PLAIN-MD4(?:\.(?:b64|base64|hex))?\}(?P<digest>[0-9a-f]{32}|[A-Za-z0-9+/]{22}={0,2})"),
        partial(read_digest, "md4"),
    ),
    Wrapped("ldap_crypt", CRYPT, CRYPTS, tuple(f"ldap_{each.name}" for each in CRYPTS if each.name != "bcrypt")),
    Wrapped("ldap_argon2", re.compile(NOT_SPRING + r"(?i:\{ARGON2(?:ID|I|D)?\})"), (ARGON2,)),
    Wrapped("ldap_bcrypt", re.compile(NOT_SPRING + r"(?i:\{BCRYPT\})"), (bcrypt.BCRYPT,)),
)
