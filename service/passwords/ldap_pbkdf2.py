"""The directories' layouts of PBKDF2. Knows no scheme without PBKDF2.

OpenLDAP pw-pbkdf2 and newer 389-DS: `{PBKDF2-SHA256}iterations$salt$digest`, ab64 or base64;
so Elasticsearch, without the name of its function, SHA-512. Older 389-DS (FreeIPA):
`{PBKDF2_SHA256}` and base64 of 4 bytes of iterations, 64 of salt, 256 of digest. OpenDJ: `{PBKDF2}iterations:` and
base64 of digest and salt. Dovecot: `{PBKDF2}$1$salt$iterations$hex`. Atlassian (Jira, Confluence, Crowd): `{PKCS5S2}`
and base64 of salt and digest.
"""

import re

from service.passwords import limits
from service.passwords.comparison import Either
from service.passwords.digests import SIZES
from service.passwords.encodings import to_bytes, unbase64, unhex
from service.passwords.format import Check, MalformedHash, StoredHash
from service.passwords.pbkdf2 import pbkdf2_check
from service.passwords.shape import Shape

ATLASSIAN_ITERATIONS = 10_000
ATLASSIAN_SALT = 16
ELASTIC_KEY = 32
"""Bytes; OpenLDAP's are the 20 of SHA-1."""
BINARY_SALT = slice(4, 68)
BINARY_KEY = slice(68, None)
BASE64 = r"[A-Za-z0-9+/._-]*={0,2}"
DIGEST = r"(?P<digest>[A-Za-z0-9+/._-]{16,}={0,2})"


def read_dollars(stored: StoredHash, match: re.Match[str]) -> Check:
    """Iterations, salt and digest in text. Without a function it is SHA-1, but SHA-512 where Elasticsearch wrote it."""
    iterations, salt, key = limits.number(match["iterations"]), unbase64(match["salt"]), unbase64(match["digest"])
    named = (match["prf"] or "sha1").lower().replace("-", "")
    check = pbkdf2_check(stored, named, iterations, salt, key)
    if match["prf"] is None and len(key) == ELASTIC_KEY:
        return Either(check, pbkdf2_check(stored, "sha512", iterations, salt, key))
    return check


def read_binary(stored: StoredHash, match: re.Match[str]) -> Check:
    """Iterations (big-endian), salt and digest in one run of bytes."""
    raw = unbase64(match["header"] + match["digest"])
    return pbkdf2_check(stored, "sha256", int.from_bytes(raw[:4], "big"), raw[BINARY_SALT], raw[BINARY_KEY])


def read_opendj(stored: StoredHash, match: re.Match[str]) -> Check:
    """The digest as long as its hash function's, then the salt."""
    prf = (match["prf"] or "sha1").lower().replace("-", "")
    raw = unbase64(match["digest"])
    key, salt = raw[: SIZES[prf]], raw[SIZES[prf] :]
    if len(key) < SIZES[prf] or not salt:
        raise MalformedHash("the digest is too short for its scheme")
    return pbkdf2_check(stored, prf, limits.number(match["iterations"]), salt, key)


def read_dovecot(stored: StoredHash, match: re.Match[str]) -> Check:
    """SHA-1, the salt used as text."""
    salt = to_bytes(match["salt"], "utf-8")
    return pbkdf2_check(stored, "sha1", limits.number(match["iterations"]), salt, unhex(match["digest"]))


def read_atlassian(stored: StoredHash, match: re.Match[str]) -> Check:
    """16 bytes of salt, 32 of digest."""
    raw = unbase64(match["digest"])
    return pbkdf2_check(stored, "sha1", ATLASSIAN_ITERATIONS, raw[:ATLASSIAN_SALT], raw[ATLASSIAN_SALT:])


PRF = r"(?P<prf>sha-?1|sha-?256|sha-?384|sha-?512)"
DOLLARS = rf"(?i)\{{PBKDF2(?:[-_]{PRF})?\}}(?P<iterations>[0-9]+)\$(?P<salt>{BASE64})\${DIGEST}"
BINARY = r"(?i)\{PBKDF2_SHA256\}(?P<header>[A-Za-z0-9+/]{6})(?P<digest>[A-Za-z0-9+/]{426}={0,2})"
OPENDJ = rf"(?i)\{{PBKDF2(?:[-_](?:HMAC[-_])?{PRF})?\}}(?P<iterations>[0-9]+):{DIGEST}"
DOVECOT = r"(?i)\{PBKDF2\}\$1\$(?P<salt>[^$]*)\$(?P<iterations>[0-9]+)\$(?P<digest>[0-9a-f]{40})"
ATLASSIAN = r"(?i)\{PKCS5S2\}(?P<digest>[A-Za-z0-9+/]{64})"

FORMATS = (
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
