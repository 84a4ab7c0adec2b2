"""scrypt (RFC 7914) with its parameters in text, and as plain columns. Knows no product.

Columns: a digest in hex or base64, a salt column, and the options `n`, `r`, `p` of the source (where it names none,
16384, 8 and 1, the defaults of Node's `crypto.scrypt`).
"""

import hashlib
import math
import re
from functools import partial

from service.passwords import limits
from service.passwords.columns import DIGEST, number_option, other_interpretation, salt_of, separated
from service.passwords.comparison import Comparison, Either
from service.passwords.encodings import MIN_DIGEST, unbase64, undigest_column
from service.passwords.format import Check, Executor, MalformedHash, StoredHash
from service.passwords.shape import Shape

SPARE = 2**20
"""Bytes that OpenSSL wants beyond the memory of the algorithm before it agrees to run."""
MAX_LOG = 63
"""A larger `ln` is N itself, as Kratos writes it."""


def scrypt(n: int, r: int, p: int, salt: bytes, length: int, secret: bytes) -> bytes:
    """Compute scrypt; OpenSSL's own bound on memory is raised to what our limits allow."""
    memory = 128 * r * (n + p + 2) + SPARE
    return hashlib.scrypt(secret, salt=salt, n=n, r=r, p=p, maxmem=memory, dklen=length)


USUAL_KEY = 64
"""Bytes, where nothing says otherwise, as in Node's guides."""


def scrypt_check(stored: StoredHash, cost: tuple[int, int, int], salt: bytes, key: bytes) -> Comparison:
    """Check against `key` with `cost` = N, r, p; raises `MalformedHash` or `TooCostly`."""
    n, r, p = cost
    limits.check_scrypt(n, r, p)
    if len(key) < MIN_DIGEST:
        raise MalformedHash("the digest is too short")
    return Comparison(
        derive=partial(scrypt, n, r, p, salt, len(key)),
        key=key,
        cost=f"scrypt N={n} r={r} p={p}",
        executor=Executor.THREAD,
        charset=stored.recipe.charset,
        padded=True,
    )


def power_of_two(log: int) -> int:
    """N of its logarithm; an absurd one is left to the limits."""
    return 1 << min(log, MAX_LOG)


def read_mcf(stored: StoredHash, match: re.Match[str]) -> Check:
    """`ln` is the logarithm of N, or N itself where Kratos wrote it."""
    ln, r, p = (limits.number(match[name]) for name in ("ln", "r", "p"))
    n = ln if ln > MAX_LOG else power_of_two(ln)
    return scrypt_check(stored, (n, r, p), unbase64(match["salt"]), unbase64(match["digest"]))


def read_packed(stored: StoredHash, match: re.Match[str]) -> Check:
    """Parameters as one hex number, as Java's SCryptUtil and Spring write them: log2 N, a byte of r, one of p."""
    packed = int(match["packed"], 16)
    cost = (power_of_two(packed >> 16), packed >> 8 & 0xFF, packed & 0xFF)
    return scrypt_check(stored, cost, unbase64(match["salt"]), unbase64(match["digest"]))


def read_colons(stored: StoredHash, match: re.Match[str]) -> Check:
    """N, r and p in decimal, as hashcat has them."""
    n, r, p = (limits.number(match[name]) for name in ("n", "r", "p"))
    return scrypt_check(stored, (n, r, p), unbase64(match["salt"]), unbase64(match["digest"]))


def read_columns(stored: StoredHash, match: re.Match[str]) -> Check:
    """A bare digest beside a salt column, or behind a salt, in both ways where it may mean either."""
    cost, key = cost_of(stored), undigest_column(match["digest"])
    check = scrypt_check(stored, cost, salt_of(separated(stored, match)), key)
    other = other_interpretation(stored, match, USUAL_KEY)
    # Where there is no time for both, it is what the documentation says first.
    if other is None or 2 * 128 * math.prod(cost) > limits.MAX_SCRYPT_WORK:
        return check
    return Either(check, scrypt_check(stored, cost, *other))


def cost_of(stored: StoredHash) -> tuple[int, int, int]:
    """The options n, r and p of the source."""
    return number_option(stored, "n", 16384), number_option(stored, "r", 8), number_option(stored, "p", 1)


BASE64 = r"[A-Za-z0-9+/._-]*={0,2}"
ENDING = rf"\$(?P<salt>{BASE64})\$(?P<digest>[A-Za-z0-9+/._-]{{16,}}={{0,2}})"
MCF = re.compile(r"\$scrypt\$ln=(?P<ln>[0-9]+),r=(?P<r>[0-9]+),p=(?P<p>[0-9]+)" + ENDING)
PACKED = re.compile(r"\$s0\$(?P<packed>[0-9a-f]{5,6})" + ENDING)
SPRING = re.compile(r"\$(?P<packed>[0-9a-f]{5,6})" + ENDING)
COLONS = re.compile(
    rf"SCRYPT:(?P<n>[0-9]+):(?P<r>[0-9]+):(?P<p>[0-9]+):(?P<salt>{BASE64}):(?P<digest>[A-Za-z0-9+/]{{16,}}={{0,2}})"
)
COLUMN = re.compile(DIGEST)

SPRING_SCRYPT = Shape("spring_scrypt", SPRING, read_packed, bare=re.compile(r"\{scrypt[^}]*\}" + SPRING.pattern))
COLUMNS = Shape("scrypt_columns", COLUMN, read_columns, aliases=("scrypt_raw",), names_itself=False)

FORMATS = (
    Shape("scrypt_mcf", MCF, read_mcf, aliases=("kratos_scrypt", "passlib_scrypt")),
    Shape("java_scrypt", PACKED, read_packed, aliases=("scrypt_s0",)),
    Shape("hashcat_scrypt", COLONS, read_colons),
    SPRING_SCRYPT,
    COLUMNS,
)
