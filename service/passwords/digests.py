"""Message digests and HMACs by name, MD4 among them. Knows no format.

OpenSSL 3 hides MD4 in its legacy provider, which many machines do not load, so it comes from pycryptodome.
"""

import hashlib
import hmac

from Crypto.Hash import MD4

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
}
"""The bytes in each digest."""
MD4_BLOCK = 64
"""Bytes; hashlib gives the block size of the others."""


def digest(name: str, data: bytes) -> bytes:
    """Hash `data` with the digest called `name`, a key of `SIZES`."""
    if name == "md4":
        return MD4.new(data).digest()
    return hashlib.new(name, data, usedforsecurity=False).digest()


def keyed_digest(name: str, key: bytes, data: bytes) -> bytes:
    """HMAC (RFC 2104) of `data` under `key`."""
    if name == "md4":
        return _hmac_md4(key, data)
    return hmac.digest(key, data, name)


def _hmac_md4(key: bytes, data: bytes) -> bytes:
    block = (digest("md4", key) if len(key) > MD4_BLOCK else key).ljust(MD4_BLOCK, b"\0")
    inner = digest("md4", bytes(byte ^ 0x36 for byte in block) + data)
    return digest("md4", bytes(byte ^ 0x5C for byte in block) + inner)
