"""The notations of Ory Kratos and Zitadel's passwap for plain digests.

Source: ory/kratos hash/hash_comparator.go, zitadel/passwap. `$sha256$pf=template$salt$digest`: the template, in base64,
contains `{SALT}` and `{PASSWORD}`. `$md5$digest` has no salt. `$hmac-sha256$digest$key`: base64 of the digest's hex.
`$md5salted-suffix$salt$digest` uses the salt as text. `$sha256-crypt$` is crypt(3)'s `$5$`.
"""

import re
from functools import partial

from service.hashing.check import Comparison
from service.hashing.digests import SIZES, digest, keyed_digest
from service.hashing.encodings import to_bytes, unbase64, undigest
from service.hashing.format import Check, MalformedHash, StoredHash
from service.hashing.formats import crypt
from service.hashing.shape import Shape, Wrapped

MARKS = re.compile(rb"(\{SALT\}|\{PASSWORD\})")
B64 = r"[A-Za-z0-9+/]*={0,2}"


def templated(name: str, parts: tuple[bytes | None, ...], secret: bytes) -> bytes:
    """Return the digest of the parts, with the password in place of None."""
    return digest(name, b"".join(secret if part is None else part for part in parts))


def hex_hmac(name: str, key: bytes, secret: bytes) -> bytes:
    """Return the HMAC in lower-case hex."""
    return keyed_digest(name, key, secret).hex().encode("ascii")


def read_template(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse a template; one without the password would accept every password, so it is rejected."""
    salt = unbase64(match["salt"])
    marks: dict[bytes, bytes | None] = {b"{SALT}": salt, b"{PASSWORD}": None}
    parts = tuple(marks.get(part, part) for part in MARKS.split(unbase64(match["template"])))
    if None not in parts:
        raise MalformedHash("the template does not contain the password")
    return _check(stored, match, partial(templated, match["name"], parts))


def read_md5(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse a digest without salt."""
    return _check(stored, match, partial(digest, "md5"))


def read_md5_salted(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse a digest with the salt before or after the password."""
    salt = to_bytes(match["salt"], "utf-8")
    parts = (salt, None) if match["place"] == "prefix" else (None, salt)
    return _check(stored, match, partial(templated, "md5", parts))


def read_hmac(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parse base64 of the digest's hex."""
    key = unbase64(match["digest"]).lower()
    if len(key) != 2 * SIZES[match["name"]]:
        raise MalformedHash("the digest has the wrong length")
    derive = partial(hex_hmac, match["name"], unbase64(match["salt"]))
    return Comparison(derive, key, f"hmac-{match['name']}", charset=stored.recipe.charset)


def _check(stored: StoredHash, match: re.Match[str], derive: partial[bytes]) -> Check:
    name = match.groupdict().get("name") or "md5"
    key = undigest(match["digest"], SIZES[name])
    return Comparison(derive, key, f"{name}(template)", charset=stored.recipe.charset)


TEMPLATE = rf"\$(?P<name>md5|sha1|sha256|sha512)\$pf=(?P<template>{B64})\$(?P<salt>{B64})\$(?P<digest>{B64})"
HMAC = rf"\$hmac-(?P<name>md4|md5|sha1|sha224|sha256|sha384|sha512)\$(?P<digest>{B64})\$(?P<salt>{B64})"

FORMATS = (
    Wrapped("kratos_sha256_crypt", re.compile(r"\$sha256-crypt(?=\$)"), crypt.FORMATS, inner_prefix="$5"),
    Wrapped("kratos_sha512_crypt", re.compile(r"\$sha512-crypt(?=\$)"), crypt.FORMATS, inner_prefix="$6"),
    Shape("kratos_template", re.compile(TEMPLATE), read_template, aliases=("kratos_pf", "kratos_pf_template")),
    Shape("kratos_md5", re.compile(r"\$md5\$(?P<digest>[A-Za-z0-9+/]{22}==)"), read_md5),
    Shape("kratos_hmac", re.compile(HMAC), read_hmac),
    Shape(
        "passwap_md5salted",
        re.compile(rf"\$md5salted-(?P<place>prefix|suffix)\$(?P<salt>[^$]*)\$(?P<digest>{B64})"),
        read_md5_salted,
        aliases=("md5salted", "zitadel_md5salted"),
    ),
)
