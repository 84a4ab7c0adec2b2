"""SCRAM (RFC 5802), as PostgreSQL keeps it and as passlib does. Knows no exchange of messages.

Both hash the password by PBKDF2 after SASLprep (RFC 4013); PostgreSQL takes one that SASLprep refuses as it is.
"""

import hmac
import re
import stringprep
import unicodedata
from dataclasses import field
from functools import partial

from service.immutable import immutable
from service.passwords import limits
from service.passwords.comparison import Comparison
from service.passwords.digests import SIZES, digest
from service.passwords.encodings import unbase64
from service.passwords.format import Check, Executor, MalformedHash, StoredHash
from service.passwords.pbkdf2 import pbkdf2, pbkdf2_check
from service.passwords.shape import Shape

KEY = 32
"""Bytes of SHA-256."""
PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
    stringprep.in_table_a1,
)


def saslprep(password: str) -> str:
    """Prepare a password, or give it back as it is where it is prohibited."""
    mapped = "".join(
        " " if stringprep.in_table_c12(character) else character
        for character in password
        if not stringprep.in_table_b1(character)
    )
    prepared = unicodedata.normalize("NFKC", mapped)
    return prepared if prepared and not _is_prohibited(prepared) else password


def _is_prohibited(text: str) -> bool:
    if any(table(character) for character in text for table in PROHIBITED):
        return True
    right_to_left = [stringprep.in_table_d1(character) for character in text]
    if not any(right_to_left):
        return False
    mixed = any(stringprep.in_table_d2(character) for character in text)
    return mixed or not (right_to_left[0] and right_to_left[-1])


@immutable
class Prepared:
    """A check of the password after SASLprep."""

    inner: Comparison = field(repr=False)

    @property
    def executor(self) -> Executor:
        """The lane of PBKDF2."""
        return self.inner.executor

    @property
    def cost(self) -> str:
        """The cost of PBKDF2."""
        return self.inner.cost

    def verify(self, password: str) -> bool:
        """Prepare, then compare."""
        return self.inner.verify(saslprep(password))


def stored_key(salt: bytes, iterations: int, secret: bytes) -> bytes:
    """What PostgreSQL stores: the digest of the client key."""
    salted = pbkdf2("sha256", salt, iterations, KEY, secret)
    return digest("sha256", hmac.digest(salted, b"Client Key", "sha256"))


def read_postgres(_stored: StoredHash, match: re.Match[str]) -> Check:
    """Iterations, salt, stored key; the server key proves nothing more."""
    iterations, key = limits.number(match["iterations"]), unbase64(match["digest"])
    limits.check_pbkdf2(iterations, KEY, KEY)
    if len(key) != KEY:
        raise MalformedHash("the stored key has the wrong length")
    derive = partial(stored_key, unbase64(match["salt"]), iterations)
    return Prepared(Comparison(derive, key, f"pbkdf2-sha256 {iterations}", Executor.THREAD, padded=True))


def read_passlib(stored: StoredHash, match: re.Match[str]) -> Check:
    """Salted passwords under several digests; the strongest that is known decides."""
    keys = {match[f"name{i}"]: match[f"digest{i}"] for i in range(1, MAX_KEYS + 1)}
    found = next((name for name in ("sha-512", "sha-256", "sha-1") if name in keys), None)
    if found is None:
        raise MalformedHash("none of the digests is known")
    name, key = found.replace("-", ""), unbase64(keys[found])
    if len(key) != SIZES[name]:
        raise MalformedHash("the digest has the wrong length")
    return Prepared(pbkdf2_check(stored, name, limits.number(match["iterations"]), unbase64(match["salt"]), key))


MAX_KEYS = 6
B64 = r"[A-Za-z0-9+/]+={0,2}"
POSTGRES = rf"SCRAM-SHA-256\$(?P<iterations>[0-9]+):(?P<salt>{B64})=*\$(?P<digest>{B64}):(?P<digest_of_server>{B64})"
KEYS = "(?:,".join(rf"(?P<name{i}>[a-z0-9-]+)=(?P<digest{i}>[A-Za-z0-9./]+)" for i in range(1, MAX_KEYS + 1))
PASSLIB = r"\$scram\$(?P<iterations>[0-9]+)\$(?P<salt>[A-Za-z0-9./]*)\$" + KEYS + ")?" * (MAX_KEYS - 1)

FORMATS = (
    Shape("postgres_scram_sha256", re.compile(POSTGRES), read_postgres, ("scram_sha_256", "postgres_scram")),
    Shape("passlib_scram", re.compile(PASSLIB), read_passlib, aliases=("scram",)),
)
