"""The search over PBKDF2, scrypt and argon2 with common parameters.

The first block of PBKDF2 does not depend on the length of the key, and neither do the first bytes of scrypt: one
computation decides for all lengths. One chain of PBKDF2 rounds covers every iteration count up to its end.
"""

import hashlib
from collections.abc import Iterator, Sequence

from service.hashing.diagnosis.case import Budget
from service.hashing.diagnosis.terms import Term
from service.hashing.digests import SIZES
from service.hashing.formats.argon2 import ARGON2_VERSION, MIN_SALT, TYPES, argon2_key

ARGON2_LENGTH = 32
"""Bytes of a key if the formula states no length."""
PRFS = ("sha256", "sha1", "sha512", "md5", "sha384", "sha224", "sha3_256", "sha3_512")
HIGH = (
    600_000,
    120_000,
    210_000,
    260_000,
    310_000,
    100_100,
    131_072,
    150_000,
    180_000,
    185_000,
    200_000,
    216_000,
    220_000,
    250_000,
    262_144,
    300_000,
    320_000,
    350_000,
    390_000,
    400_000,
    480_000,
    500_000,
    650_000,
    720_000,
    870_000,
    1_000_000,
    1_200_000,
    1_300_000,
    1_500_000,
)
"""Iteration counts above 100,000 of products and recommendations, the likeliest first."""
SCRYPT = (
    (16384, 8, 1),
    (32768, 8, 1),
    (65536, 8, 1),
    (16384, 8, 2),
    (131072, 8, 1),
    (1024, 8, 1),
    (4096, 8, 1),
    (8192, 8, 1),
    (2048, 8, 1),
    (16384, 16, 1),
    (16384, 8, 5),
    (1024, 8, 16),
    (16384, 1, 1),
    (32768, 8, 2),
    (16384, 8, 16),
    (16384, 8, 3),
    (32768, 8, 3),
)
"""N, r, p: Node's and OWASP's, then others."""
ARGON2 = (
    ("id", 3, 65536, 4),
    ("id", 2, 19456, 1),
    ("id", 4, 65536, 1),
    ("id", 2, 65536, 1),
    ("id", 3, 4096, 1),
    ("i", 3, 4096, 1),
    ("id", 3, 65536, 1),
    ("id", 1, 65536, 4),
    ("id", 3, 12288, 1),
    ("id", 1, 47104, 1),
    ("id", 4, 9216, 1),
    ("id", 2, 15360, 1),
    ("i", 3, 65536, 4),
    ("id", 1, 65536, 1),
    ("id", 3, 32768, 4),
    ("id", 2, 102400, 8),
    ("id", 3, 262144, 1),
)
"""Kind, passes, KiB and lanes: defaults of libraries (argon2-cffi, PHP, libsodium, Node's argon2, Spring) and OWASP."""


def chained(
    passwords: Sequence[Term], salts: Sequence[Term], key: bytes, iterations: int, budget: Budget, prfs: Sequence[str]
) -> Iterator[str]:
    """Yield the formula of every PBKDF2 with up to `iterations` iterations that yields `key`."""
    for password in passwords:
        for salt in salts:
            for prf in prfs:
                found = _chain(prf, password.value, salt.value, key, iterations, budget)
                if found is not None:
                    yield pbkdf2(prf, password, salt, found, len(key))


def _chain(prf: str, password: bytes, salt: bytes, key: bytes, iterations: int, budget: Budget) -> int | None:
    """Return the iteration count at which the first block is that of `key` (RFC 8018 section 5.2, F)."""
    size = SIZES[prf]
    length = min(size, len(key))
    shift, wanted = 8 * (size - length), int.from_bytes(key[:length], "big")
    block = hashlib.new(prf).block_size
    secret = hashlib.new(prf, password).digest() if len(password) > block else password
    padded = secret.ljust(block, b"\0")
    inner = hashlib.new(prf, bytes(byte ^ 0x36 for byte in padded))
    outer = hashlib.new(prf, bytes(byte ^ 0x5C for byte in padded))
    last, total = salt + b"\0\0\0\1", 0
    for number in range(1, iterations + 1):
        first, second = inner.copy(), outer.copy()
        first.update(last)
        second.update(first.digest())
        last = second.digest()
        total ^= int.from_bytes(last, "big")
        if total >> shift == wanted:
            return number
        if not number & 0x3FF:
            budget.spend(1024)
    budget.spend(iterations & 0x3FF)
    return None


def counted(
    passwords: Sequence[Term], salts: Sequence[Term], key: bytes, counts: Sequence[int], budget: Budget
) -> Iterator[str]:
    """Yield the formula of every PBKDF2 with one of `counts` iterations that yields `key`."""
    for count in counts:
        for prf in PRFS[:3]:
            length = min(SIZES[prf], len(key))
            for password, salt in ((password, salt) for password in passwords for salt in salts):
                if hashlib.pbkdf2_hmac(prf, password.value, salt.value, count, length) == key[:length]:
                    yield pbkdf2(prf, password, salt, count, len(key))
                budget.spend()


def pbkdf2(prf: str, password: Term, salt: Term, iterations: int, length: int) -> str:
    """Return the formula of a PBKDF2."""
    size = "" if length == SIZES[prf] else f", {length}"
    return f"pbkdf2_{prf}({password.formula}, {salt.formula}, {iterations}{size})"


def scrypts(
    passwords: Sequence[Term],
    salts: Sequence[Term],
    key: bytes,
    budget: Budget,
    parameters: Sequence[tuple[int, int, int]],
) -> Iterator[str]:
    """Yield the formula of every scrypt with one of `parameters` (N, r, p) that yields `key`."""
    for n, r, p in parameters:
        memory = 128 * r * (n + p + 2) + (1 << 20)  # bytes; OpenSSL fails without extra room
        for password, salt in ((password, salt) for password in passwords for salt in salts):
            made = hashlib.scrypt(
                password.value, salt=salt.value, n=n, r=r, p=p, maxmem=memory, dklen=min(len(key), 64)
            )
            if made == key[: len(made)]:
                size = "" if len(key) == len(made) == 64 else f", {len(key)}"  # noqa: PLR2004 (the formula's default)
                yield f"scrypt({password.formula}, {salt.formula}, {n}, {r}, {p}{size})"
            budget.spend()


def argon2s(
    passwords: Sequence[Term],
    salts: Sequence[Term],
    key: bytes,
    budget: Budget,
    parameters: Sequence[tuple[str, int, int, int]],
) -> Iterator[str]:
    """Yield the formula of every argon2 with one of `parameters` (kind, t, m, p) that yields `key`."""
    usable = [salt for salt in salts if len(salt.value) >= MIN_SALT]
    for kind, passes, memory, lanes in parameters:
        for password, salt in ((password, salt) for password in passwords for salt in usable):
            cost = (memory, passes, lanes)
            made = argon2_key(TYPES[kind], ARGON2_VERSION, cost, salt.value, len(key), password.value)
            if made == key:
                size = "" if len(key) == ARGON2_LENGTH else f", {len(key)}"
                numbers = f"{passes}, {memory}, {lanes}{size}"
                yield f"argon2{kind}({password.formula}, {salt.formula}, {numbers})"
            budget.spend()
