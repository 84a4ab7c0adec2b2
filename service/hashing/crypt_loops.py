"""The digest loops of crypt(3) in Python, for machines without libxcrypt and passwords that it rejects as too long.

MD5: Poul-Henning Kamp, FreeBSD 1994, and Apache's variant apr1. SHA-2: https://www.akkadia.org/drepper/SHA-crypt.txt.
SHA-1: Simon Gerraty, NetBSD 2004 (PBKDF1 with HMAC-SHA1).
"""

import hashlib
import hmac
from collections.abc import Iterator

from service.hashing.digests import for_rounds
from service.hashing.encodings import CRYPT64

MD5_ROUNDS = 1000
_MD5_ORDER = (0, 6, 12, 1, 7, 13, 2, 8, 14, 3, 9, 15, 4, 10, 5, 11)


def encode(digest: bytes) -> str:
    """Encode bytes as crypt(3) does: three at a time, most significant first, least significant digit first."""
    text = ""
    for start in range(0, len(digest), 3):
        group = digest[start : start + 3]
        number = int.from_bytes(group, "big")
        text += "".join(CRYPT64[number >> (6 * i) & 63] for i in range(len(group) + 1))
    return text


def encode_little(digest: bytes) -> str:
    """Encode bytes as phpass and Cisco do: three at a time, least significant first, least significant digit first."""
    groups = (digest[start : start + 3][::-1] for start in range(0, len(digest), 3))
    return "".join(encode(group) for group in groups)


def md5_crypt(secret: bytes, salt: bytes, magic: bytes) -> str:
    """Return the 22 characters of the digest; `magic` is ``$1$`` or ``$apr1$``."""
    digest = md5_crypt_digest(secret, salt, magic)
    return encode(bytes(digest[i] for i in _MD5_ORDER))


def md5_crypt_digest(secret: bytes, salt: bytes, magic: bytes) -> bytes:
    """Return the 16 bytes of the digest."""
    hashed = for_rounds("md5")
    inner = hashed(secret + salt + secret)
    start = secret + magic + salt + _repeated(inner, len(secret))
    length = len(secret)
    while length:
        start += b"\0" if length & 1 else secret[:1]
        length >>= 1
    digest = hashed(start)
    for i in range(MD5_ROUNDS):
        data = (secret if i & 1 else digest) + (salt if i % 3 else b"") + (secret if i % 7 else b"")
        digest = hashed(data + (digest if i & 1 else secret))
    return digest


def sha2_crypt(algorithm: str, secret: bytes, salt: bytes, rounds: int) -> str:
    """Return the 43 or 86 characters of the digest; `algorithm` is ``sha256`` or ``sha512``."""
    hashed = for_rounds(algorithm)
    inner = hashed(secret + salt + secret)
    start = secret + salt + _repeated(inner, len(secret))
    length = len(secret)
    while length:
        start += inner if length & 1 else secret
        length >>= 1
    digest = hashed(start)
    p = _repeated(hashed(secret * len(secret)), len(secret))
    s = _repeated(hashed(salt * (16 + digest[0])), len(salt))
    for i in range(rounds):
        data = (p if i & 1 else digest) + (s if i % 3 else b"") + (p if i % 7 else b"")
        digest = hashed(data + (digest if i & 1 else p))
    return encode(bytes(digest[i] for i in _sha2_order(len(digest))))


def sha1_crypt(secret: bytes, salt: bytes, rounds: int) -> bytes:
    """Return the 20 bytes of the digest."""
    digest = hmac.digest(secret, b"%b$sha1$%d" % (salt, rounds), "sha1")
    for _ in range(rounds - 1):
        digest = hmac.digest(secret, digest, "sha1")
    return digest


def _repeated(digest: bytes, length: int) -> bytes:
    return (digest * (length // len(digest) + 1))[:length]


def _sha2_order(size: int) -> Iterator[int]:
    """Return Drepper's byte order: groups that step by a third of the digest and rotate, then the remaining bytes."""
    third = size // 3
    step = 2 if size == hashlib.sha256().digest_size else 1
    first = 0
    for _ in range(third):
        yield from ((first + third * i) % (3 * third) for i in range(3))
        first = (first + third * step + 1) % (3 * third)
    yield from reversed(range(3 * third, size))
