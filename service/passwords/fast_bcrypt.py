"""The fastest bcrypt of this machine that is proved equal to the bcrypt package. Knows no stored hash and no store.

libxcrypt's (`crypt_rn`, https://manpages.debian.org/crypt_rn.3) is faster than the package's on many machines. It is
called through ctypes, which lets go of the GIL meanwhile, as the standard library's `crypt` and the wrappers on PyPI
do not. The package stays the reference, and the way for all that libxcrypt cannot take.
"""

import ctypes
import logging
import threading
import time
from collections.abc import Callable

import bcrypt

Hash = Callable[[bytes, bytes], bytes]
"""From a password and a salt (`$2b$`, cost and 22 characters) to the whole hash, like `bcrypt.hashpw`."""

LIBRARIES = ("libcrypt.so.2", "libcrypt.so.1")
"""What distributions call libxcrypt; glibc's own library of the second name has no `crypt_rn`."""
DATA_SIZE = 32768
"""`sizeof(struct crypt_data)` in libxcrypt's crypt.h, a constant of its interface."""
LONGEST = 511
"""CRYPT_MAX_PASSPHRASE_SIZE less one: libxcrypt fails on 512 bytes and more."""

SALT = b"$2b$04$abcdefghijklmnopqrstuu"
PROBES = (b"", b"a", b"U*U", "pässwörd Ω 😀".encode(), b"\xff\xff\xa3" * 11, bytes(range(1, 73)), b"x" * 71, b"x" * 72)
"""Passwords whose hashes tell a sound bcrypt from the historical faulty ones: 8-bit bytes, and the edge of the key."""


class Libxcrypt:
    """bcrypt by libxcrypt. Raises OSError or AttributeError where the library is not there."""

    def __init__(self) -> None:
        self._crypt = _library().crypt_rn
        self._crypt.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int]
        self._crypt.restype = ctypes.c_char_p
        self._thread = threading.local()

    def __call__(self, secret: bytes, salt: bytes) -> bytes:
        """Hash `secret` under `salt`, as `bcrypt.hashpw` does."""
        # C's strings end at a NUL, so "right\0junk" would be "right".
        if len(secret) > LONGEST or b"\0" in secret:
            return bcrypt.hashpw(secret, salt)
        hashed: bytes | None = self._crypt(secret, salt, self._data(), DATA_SIZE)
        return bcrypt.hashpw(secret, salt) if hashed is None else hashed

    def _data(self) -> "ctypes.Array[ctypes.c_char]":
        if not hasattr(self._thread, "data"):
            self._thread.data = ctypes.create_string_buffer(DATA_SIZE)
        data: ctypes.Array[ctypes.c_char] = self._thread.data
        return data


class FastBcrypt:
    """bcrypt by the package, until `choose` has found a faster way."""

    def __init__(self) -> None:
        self._hash: Hash = bcrypt.hashpw

    def __call__(self, secret: bytes, salt: bytes) -> bytes:
        """Hash `secret`, at most 72 bytes, under `salt`."""
        return self._hash(secret, salt)

    def choose(self) -> str:
        """Prove and time what there is, take the fastest, and tell its name. Called at start; takes about 0.1 s."""
        try:
            other = Libxcrypt()
        except (OSError, AttributeError):
            return "package"
        if not equal(other):
            logging.getLogger(__name__).warning("libxcrypt's bcrypt differs from the bcrypt package's: not used")
            return "package"
        faster = _seconds(other) < _seconds(bcrypt.hashpw)
        self._hash = other if faster else bcrypt.hashpw
        return "libxcrypt" if faster else "package"


hash_bcrypt = FastBcrypt()
"""The one bcrypt of this process."""


def equal(other: Hash) -> bool:
    """Tell whether `other` agrees with the package on every probe."""
    return all(other(probe, SALT) == bcrypt.hashpw(probe, SALT) for probe in PROBES)


def _library() -> ctypes.CDLL:
    for name in LIBRARIES[:-1]:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return ctypes.CDLL(LIBRARIES[-1])


def _seconds(candidate: Hash) -> float:
    """Time `candidate` at a cost that takes a few milliseconds: the best of five, since noise only ever adds."""

    def once() -> float:
        began = time.perf_counter()
        candidate(b"password", SALT.replace(b"$04$", b"$06$"))
        return time.perf_counter() - began

    return min(once() for _ in range(5))
