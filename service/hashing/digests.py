"""Message digests and HMACs by name, including MD4.

OpenSSL 3 has MD4, RIPEMD-160 and Whirlpool only in its legacy provider, which many machines do not load. It may be
built without SM3, and it never had Keccak (SHA-3 with the original padding). These are computed without hashlib.
"""

import functools
import hashlib
import hmac
from collections.abc import Callable
from functools import partial

from Crypto.Hash import MD4, RIPEMD160, keccak
from cryptography.hazmat.primitives import hashes

# The Whirlpool digest (ISO/IEC 10118-3) in Python, since no library that installs on every platform still has it.
#
# The tables are computed as the authors' paper defines them, from two boxes of four bits and a circulant matrix.

ROUNDS = 10
BLOCK = 64
E = (1, 11, 9, 12, 13, 6, 15, 3, 14, 8, 7, 4, 10, 2, 5, 0)
R = (7, 12, 11, 13, 14, 4, 9, 15, 6, 3, 8, 10, 2, 5, 1, 0)
ROW = (1, 1, 4, 1, 8, 5, 2, 9)
"""The first row of the matrix."""
POLYNOMIAL = 0x11D


def _box() -> list[int]:
    inverse = [E.index(i) for i in range(16)]
    made = []
    for byte in range(256):
        high, low = E[byte >> 4], inverse[byte & 15]
        middle = R[high ^ low]
        made.append(E[high ^ middle] << 4 | inverse[low ^ middle])
    return made


def _times(a: int, b: int) -> int:
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a, b = a << 1, b >> 1
        a ^= POLYNOMIAL if a & 0x100 else 0
    return product


@functools.cache
def _tables() -> tuple[list[list[int]], list[int]]:
    """Return, per column, the contribution of each byte value to a row of eight bytes; and the round constants."""
    box = _box()
    first = [int.from_bytes(bytes(_times(box[byte], factor) for factor in ROW), "big") for byte in range(256)]
    tables = [[value >> 8 * i | value << 64 - 8 * i & (1 << 64) - 1 for value in first] for i in range(8)]
    return tables, [int.from_bytes(bytes(box[8 * i : 8 * i + 8]), "big") for i in range(ROUNDS)]


def _round(rows: list[int], key: list[int]) -> list[int]:
    tables, _ = _tables()
    made = list(key)
    for i in range(8):
        for column, table in enumerate(tables):
            made[i] ^= table[rows[i - column & 7] >> 56 - 8 * column & 0xFF]
    return made


def _compress(state: list[int], block: list[int]) -> list[int]:
    key, rows = state, [a ^ b for a, b in zip(state, block, strict=True)]
    for constant in _tables()[1]:
        key = _round(key, [constant, 0, 0, 0, 0, 0, 0, 0])
        rows = _round(rows, key)
    return [a ^ b ^ c for a, b, c in zip(rows, state, block, strict=True)]


def whirlpool(data: bytes) -> bytes:
    """Return the digest of `data`, 64 bytes."""
    padded = data + b"\x80"
    padded += bytes(-(len(padded) + 32) % BLOCK) + (8 * len(data)).to_bytes(32, "big")
    state = [0] * 8
    for start in range(0, len(padded), BLOCK):
        words = [int.from_bytes(padded[i : i + 8], "big") for i in range(start, start + BLOCK, 8)]
        state = _compress(state, words)
    return b"".join(word.to_bytes(8, "big") for word in state)


SIZES = {
    "md4": 16,
    "md5": 16,
    "sha1": 20,
    "sha224": 28,
    "sha256": 32,
    "sha384": 48,
    "sha512": 64,
    "sha3_224": 28,
    "sha3_256": 32,
    "sha3_384": 48,
    "sha3_512": 64,
    "blake2s": 32,
    "blake2b": 64,
    "ripemd160": 20,
    "sm3": 32,
    "whirlpool": 64,
    "keccak_224": 28,
    "keccak_256": 32,
    "keccak_384": 48,
    "keccak_512": 64,
}
"""The size of each digest in bytes."""
_KECCAK = frozenset(name for name in SIZES if name.startswith("keccak"))
_WEIGHTS = {"md4": 10, "ripemd160": 10, "sm3": 5, "whirlpool": 1000, **dict.fromkeys(_KECCAK, 10)}
"""The duration of each digest that hashlib lacks, relative to SHA-256."""
_CONSTRUCTORS = {name: getattr(hashlib, name) for name in SIZES if hasattr(hashlib, name)}
"""Called directly, since `hashlib.new` takes three times as long."""
NOT_IN_HASHLIB = frozenset({"md4", "ripemd160", "sm3", "whirlpool"})
"""The digests that hashlib may lack; OpenSSL's PBKDF2 lacks them too."""


"""Their block size in bytes."""


def digest(name: str, data: bytes) -> bytes:
    """Hash `data` with the digest called `name`, a key of `SIZES`."""
    if name in _CONSTRUCTORS:
        made: bytes = _CONSTRUCTORS[name](data, usedforsecurity=False).digest()
        return made
    if name == "md4":
        return MD4.new(data).digest()  # noqa: S303 (what old stores hold)
    if name == "ripemd160":
        return RIPEMD160.new(data).digest()
    if name == "sm3":
        hasher = hashes.Hash(hashes.SM3())
        hasher.update(data)
        return hasher.finalize()
    if name == "whirlpool":
        return whirlpool(data)
    return keccak.new(digest_bytes=SIZES[name], data=data).digest()


def weight(name: str) -> int:
    """Return how many hashlib digests one digest counts for, in bounds on rounds that bound time."""
    return _WEIGHTS.get(name, 1)


def for_rounds(name: str) -> Callable[[bytes], bytes]:
    """Return the digest as a function of the data alone, so that a loop does not look the name up each time."""
    constructor = _CONSTRUCTORS.get(name)
    if constructor is None:
        return partial(digest, name)
    return lambda data: constructor(data, usedforsecurity=False).digest()


def keyed_digest(name: str, key: bytes, data: bytes) -> bytes:
    """Return the HMAC (RFC 2104) of `data` under `key`."""
    if name in NOT_IN_HASHLIB:
        return _hmac(name, key, data)
    return hmac.digest(key, data, name)


def _hmac(name: str, key: bytes, data: bytes) -> bytes:
    """Compute HMAC with a digest that hashlib may lack; both of these have blocks of 64 bytes."""
    block = (digest(name, key) if len(key) > BLOCK else key).ljust(BLOCK, b"\0")
    inner = digest(name, bytes(byte ^ 0x36 for byte in block) + data)
    return digest(name, bytes(byte ^ 0x5C for byte in block) + inner)
