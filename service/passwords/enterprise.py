"""AIX's user database, SAP's code version H and Sybase ASE. Knows layouts; PBKDF2, MD5 and SHA are others'.

AIX's loadable algorithms: `{smd5}` is md5_crypt without its mark, `{ssha1}` and its like are PBKDF2 of 2 ** n
iterations in the digits of crypt(3). SAP H (`{x-issha, 1024}`): each round hashes the password and the last digest.
Sybase: SHA-256 of the password in UTF-16, padded to 510 bytes, and the salt.
"""

import hashlib
import re
from functools import partial

from service.passwords import crypt_loops, limits
from service.passwords.comparison import Comparison
from service.passwords.digests import SIZES, digest, for_rounds
from service.passwords.encodings import HEX_DIGIT, unbase64, unhex
from service.passwords.format import Check, Executor, MalformedHash, StoredHash
from service.passwords.shape import Shape
from service.passwords.text_comparison import TextComparison

SYBASE_LENGTH = 510
"""Bytes: 255 characters, the longest password."""
SAP_DIGESTS = {"": "sha1", "256": "sha256", "384": "sha384", "512": "sha512"}
_DIGIT = r"[./0-9A-Za-z]"


def aix_pbkdf2(name: str, salt: bytes, iterations: int, secret: bytes) -> bytes:
    """The derived key in the digits of crypt(3)."""
    key = hashlib.pbkdf2_hmac(name, secret, salt, iterations)
    digits = -(-len(key) * 8 // 6)
    return crypt_loops.encode(key + bytes(-len(key) % 3))[:digits].encode("ascii")


def aix_smd5(salt: bytes, secret: bytes) -> bytes:
    """md5_crypt with no mark."""
    return crypt_loops.md5_crypt(secret, salt, b"").encode("ascii")


def sap_h(name: str, salt: bytes, rounds: int, secret: bytes) -> bytes:
    """Each round hashes the password and the last digest, the first one password and salt."""
    hashed, value = for_rounds(name), salt
    for _ in range(rounds):
        value = hashed(secret + value)
    return value


def sybase(salt: bytes, password: str) -> bytes:
    """SHA-256 of the padded password and the salt."""
    return digest("sha256", password.encode("utf-16-be").ljust(SYBASE_LENGTH, b"\0") + salt)


def _aix_pbkdf2(stored: StoredHash, match: re.Match[str]) -> Check:
    name = match["name"]
    iterations = 1 << int(match["cost"])
    limits.check_pbkdf2(iterations, SIZES[name], SIZES[name])
    return Comparison(
        partial(aix_pbkdf2, name, match["salt"].encode(), iterations),
        match["digest"].encode("ascii"),
        f"pbkdf2-{name} {iterations}",
        Executor.THREAD,
        stored.recipe.charset,
        padded=True,
    )


def _aix_smd5(stored: StoredHash, match: re.Match[str]) -> Check:
    derive = partial(aix_smd5, match["salt"].encode())
    return Comparison(derive, match["digest"].encode("ascii"), "aix_smd5", Executor.PROCESS, stored.recipe.charset)


def _sap_h(stored: StoredHash, match: re.Match[str]) -> Check:
    name, raw = SAP_DIGESTS[match["name"] or ""], unbase64(match["digest"])
    rounds = limits.number(match["rounds"])
    limits.check_rounds(rounds)
    key, salt = raw[: SIZES[name]], raw[SIZES[name] :]
    if len(key) < SIZES[name]:
        raise MalformedHash("the digest is too short")
    derive = partial(sap_h, name, salt, rounds)
    return Comparison(derive, key, f"sap_h {name} {rounds}", Executor.PROCESS, stored.recipe.charset)


def _sybase(_: StoredHash, match: re.Match[str]) -> Check:
    return TextComparison(partial(sybase, unhex(match["salt"])), unhex(match["digest"]), "sybase", padded=True)


_AIX = (
    r"\{s(?P<name>sha1|sha256|sha512)\}(?P<cost>[0-9]{2})"
    rf"\$(?P<salt>{_DIGIT}{{8,48}})\$(?P<digest>{_DIGIT}{{27,86}})"
)
_SAP = r"\{x-is(?:sha|SHA(?P<name>256|384|512)), ?(?P<rounds>[0-9]{1,9})\}(?P<digest>[A-Za-z0-9+/]{28,200}={0,2})"
FORMATS = (
    Shape("aix_ssha", re.compile(_AIX), _aix_pbkdf2, ("aix_ssha1", "aix_ssha256", "aix_ssha512")),
    Shape(
        "aix_smd5",
        re.compile(rf"\{{smd5\}}(?P<salt>{_DIGIT}{{1,8}})\$(?P<digest>{_DIGIT}{{22}})"),
        _aix_smd5,
    ),
    Shape("sap_h", re.compile(_SAP), _sap_h, ("sap_codvn_h", "sap_issha")),
    Shape(
        "sybase_ase",
        re.compile(rf"0xc007(?P<salt>{HEX_DIGIT}{{16}})(?P<digest>{HEX_DIGIT}{{64}})", re.IGNORECASE),
        _sybase,
        ("sybase",),
    ),
)
