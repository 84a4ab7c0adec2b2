"""The fastest bcrypt of this machine that is proved equal to the bcrypt package. Knows no stored hash and no store.

libxcrypt's is faster than the package's on many machines. The package stays the reference, and the way for all that
libxcrypt cannot take.
"""

import logging
import time
from collections.abc import Callable

import bcrypt

from service.passwords import crypt_library

Hash = Callable[[bytes, bytes], bytes]
"""From a password and a salt (`$2b$`, cost and 22 characters) to the whole hash, like `bcrypt.hashpw`."""

SALT = b"$2b$04$abcdefghijklmnopqrstuu"
PROBES = (b"", b"a", b"U*U", "pässwörd Ω 😀".encode(), b"\xff\xff\xa3" * 11, bytes(range(1, 73)), b"x" * 71, b"x" * 72)
"""Passwords whose hashes tell a sound bcrypt from the historical faulty ones: 8-bit bytes, and the edge of the key."""


def by_libxcrypt(secret: bytes, salt: bytes) -> bytes:
    """Hash as the package does, by libxcrypt where it can take the password."""
    # C's strings end at a NUL, so "right\0junk" would be "right".
    if len(secret) > crypt_library.LONGEST or b"\0" in secret:
        return bcrypt.hashpw(secret, salt)
    return crypt_library.crypt(secret, salt) or bcrypt.hashpw(secret, salt)


class FastBcrypt:
    """bcrypt by the package, until `choose` has found a faster way."""

    def __init__(self) -> None:
        self._hash: Hash = bcrypt.hashpw

    def __call__(self, secret: bytes, salt: bytes) -> bytes:
        """Hash `secret`, at most 72 bytes, under `salt`."""
        return self._hash(secret, salt)

    def choose(self) -> str:
        """Prove and time what there is, take the fastest, and tell its name. Called at start; takes about 0.1 s."""
        if not crypt_library.supports(SALT):
            return "package"
        if not equal(by_libxcrypt):
            logging.getLogger(__name__).warning("libxcrypt's bcrypt differs from the bcrypt package's: not used")
            return "package"
        faster = _seconds(by_libxcrypt) < _seconds(bcrypt.hashpw)
        self._hash = by_libxcrypt if faster else bcrypt.hashpw
        return "libxcrypt" if faster else "package"


hash_bcrypt = FastBcrypt()
"""The one bcrypt of this process."""


def equal(other: Hash) -> bool:
    """Tell whether `other` agrees with the package on every probe."""
    return all(other(probe, SALT) == bcrypt.hashpw(probe, SALT) for probe in PROBES)


def _seconds(candidate: Hash) -> float:
    """Time `candidate` at a cost that takes a few milliseconds: the best of five, since noise only ever adds."""

    def once() -> float:
        began = time.perf_counter()
        candidate(b"password", SALT.replace(b"$04$", b"$06$"))
        return time.perf_counter() - began

    return min(once() for _ in range(5))
