"""PBKDF2 (RFC 8018) with its parameters in text, and as plain columns. Knows no product but passlib and Kratos.

`$pbkdf2-sha256$29000$salt$digest` is passlib's (salt and digest in ab64; `$pbkdf2$` is SHA-1); with `i=100000,l=32` it
is Kratos's and the PHC's. `pbkdf2_sha256_columns` and its like read a bare digest, hex or base64, with a salt column
and the iterations of the source or row; the length of the digest is then the length of the key.
"""

import hashlib
import re
from collections.abc import Callable
from functools import partial

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from service.passwords import limits
from service.passwords.columns import DIGEST, iterations_of, option, other_interpretation, salt_of, separated
from service.passwords.comparison import Comparison, Either
from service.passwords.digests import BY_OTHERS, SIZES
from service.passwords.encodings import unbase64, undigest_column
from service.passwords.format import Check, Executor, MalformedHash, StoredHash
from service.passwords.shape import Shape

PRFS = frozenset(SIZES) - BY_OTHERS - {name for name in SIZES if name.startswith("keccak")}
"""The digests that OpenSSL computes PBKDF2 with."""
CHEAP = 50
"""Blocks that take less than a hop to a thread does."""
FAST: dict[str, Callable[[], hashes.HashAlgorithm]] = {"sha256": hashes.SHA256, "sha512": hashes.SHA512}
"""Where the OpenSSL inside cryptography took 0.6 of the time of the one inside Python 3.11 (both free the GIL)."""


def pbkdf2(prf: str, salt: bytes, iterations: int, length: int, secret: bytes) -> bytes:
    """Compute PBKDF2-HMAC with the digest called `prf`."""
    if prf in FAST:
        return PBKDF2HMAC(FAST[prf](), length, salt, iterations).derive(secret)
    return hashlib.pbkdf2_hmac(prf, secret, salt, iterations, length)


def pbkdf2_check(stored: StoredHash, prf: str, iterations: int, salt: bytes, key: bytes) -> Comparison:
    """Check against `key`, whose length is the length derived; raises `MalformedHash` or `TooCostly`."""
    limits.check_pbkdf2(iterations, len(key), SIZES[prf])
    blocks = -(-len(key) // SIZES[prf])
    return Comparison(
        derive=partial(pbkdf2, prf, salt, iterations, len(key)),
        key=key,
        cost=f"pbkdf2-{prf.replace('_', '-')} {iterations}" + (f" x{blocks}" if blocks > 1 else ""),
        executor=Executor.INLINE if iterations * blocks <= CHEAP else Executor.THREAD,
        charset=stored.recipe.charset,
        padded=True,
    )


def read_mcf(stored: StoredHash, match: re.Match[str]) -> Check:
    """Read passlib's, the PHC's or Kratos's string. Kratos computes SHA-3 where it writes sha224 and sha384."""
    prf = match["prf"] or "sha1"
    if match["length"] and prf in ("sha224", "sha384"):
        prf = prf.replace("sha", "sha3_")
    return pbkdf2_check(
        stored, prf, limits.number(match["iterations"]), unbase64(match["salt"]), unbase64(match["digest"])
    )


def read_any(stored: StoredHash, match: re.Match[str]) -> Check:
    """Read a string that names its parameters, or a bare digest whose source or row names the hash function."""
    if "iterations" in match.re.groupindex:
        return read_mcf(stored, match)
    prf = option(stored, "digest").lower().replace("-", "")
    if prf not in COLUMNS:
        raise MalformedHash("the option digest names no hash function that PBKDF2 is known with")
    return read_columns(prf, stored, match)


def read_columns(prf: str, stored: StoredHash, match: re.Match[str]) -> Check:
    """Read a bare digest beside a salt column, or behind a salt, in both ways where it may mean either."""
    key, iterations = undigest_column(match["digest"]), iterations_of(stored)
    check = pbkdf2_check(stored, prf, iterations, salt_of(separated(stored, match)), key)
    other = other_interpretation(stored, match, SIZES[prf])
    # Where there is no time for both, it is what the documentation says first.
    if other is None or 2 * iterations * -(-len(other[1]) // SIZES[prf]) > limits.MAX_PBKDF2_BLOCKS:
        return check
    return Either(check, pbkdf2_check(stored, prf, iterations, *other))


BASE64 = r"[A-Za-z0-9+/._-]*={0,2}"
MCF = (
    r"\$pbkdf2(?:-(?P<prf>md5|sha1|sha224|sha256|sha384|sha512))?\$(?:i=)?(?P<iterations>[0-9]+)(?:,l=(?P<length>[0-9]+))?"
    rf"\$(?P<salt>{BASE64})\$(?P<digest>[A-Za-z0-9+/._-]{{16,}}={{0,2}})"
)
COLUMN = re.compile(DIGEST)
COLUMNS = {
    prf: Shape(f"pbkdf2_{prf}_columns", COLUMN, partial(read_columns, prf), names_itself=False)
    for prf in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
}
ALIASES = ("pbkdf2_mcf", "kratos_pbkdf2", "passlib_pbkdf2", "pbkdf2_columns", "pbkdf2_raw_columns")
PBKDF2 = Shape("pbkdf2", re.compile(MCF), read_any, ALIASES, bare=COLUMN)

FORMATS = (PBKDF2, *COLUMNS.values())
