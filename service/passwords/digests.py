"""Message digests and HMACs by name, MD4 among them. Knows no format.

OpenSSL 3 hides MD4, RIPEMD-160 and Whirlpool in its legacy provider, which many machines do not load, may be built
without SM3, and never had Keccak (SHA-3 before its padding was changed), so these come from elsewhere.
"""

import hashlib
import hmac
from collections.abc import Callable
from functools import partial

from Crypto.Hash import MD4, RIPEMD160, keccak
from cryptography.hazmat.primitives import hashes

from service.passwords.whirlpool import whirlpool

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
"""The bytes in each digest."""
_KECCAK = frozenset(name for name in SIZES if name.startswith("keccak"))
_WEIGHTS = {"md4": 10, "ripemd160": 10, "sm3": 5, "whirlpool": 1000, **dict.fromkeys(_KECCAK, 10)}
"""How many times as long as SHA-256 those take that hashlib does not compute."""
_CONSTRUCTORS = {name: getattr(hashlib, name) for name in SIZES if hasattr(hashlib, name)}
"""Called directly, since `hashlib.new` takes three times as long."""
BY_OTHERS = frozenset({"md4", "ripemd160", "sm3", "whirlpool"})
"""What hashlib may lack; OpenSSL's PBKDF2 lacks them too."""
BLOCK = 64
"""Bytes that these take at a time."""


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
    """How many digests by hashlib one of these counts for, where a bound on rounds is a bound on time."""
    return _WEIGHTS.get(name, 1)


def for_rounds(name: str) -> Callable[[bytes], bytes]:
    """The same as a function of the data alone, which a loop calls without looking the name up each time."""
    constructor = _CONSTRUCTORS.get(name)
    if constructor is None:
        return partial(digest, name)
    return lambda data: constructor(data, usedforsecurity=False).digest()


def keyed_digest(name: str, key: bytes, data: bytes) -> bytes:
    """HMAC (RFC 2104) of `data` under `key`."""
    if name in BY_OTHERS:
        return _hmac(name, key, data)
    return hmac.digest(key, data, name)


def _hmac(name: str, key: bytes, data: bytes) -> bytes:
    """HMAC for the digests that hashlib may lack; both have blocks of 64 bytes."""
    block = (digest(name, key) if len(key) > BLOCK else key).ljust(BLOCK, b"\0")
    inner = digest(name, bytes(byte ^ 0x36 for byte in block) + data)
    return digest(name, bytes(byte ^ 0x5C for byte in block) + inner)
