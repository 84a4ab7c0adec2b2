"""Calls of libxcrypt's crypt(3) through ctypes, which releases the GIL for the whole call.

The standard library's `crypt` (removed in Python 3.13) and the packages that replace it hold the GIL, which stalls the
event loop. The crypt of glibc, musl and macOS lacks `crypt_rn` and most methods, so it is treated as absent.
https://github.com/besser82/libxcrypt, crypt(3), crypt_checksalt(3)
"""

import ctypes
import ctypes.util
import errno
import functools

WORKSPACE = 32768
"""Bytes: `sizeof (struct crypt_data)`, fixed by libxcrypt's ABI."""
LONGEST = 511
"""Bytes of a password: libxcrypt's CRYPT_MAX_PASSPHRASE_SIZE is 512 including the NUL; longer passwords fail."""
_NAMES = ("libcrypt.so.2", "libcrypt.so.1")
"""Tried before `find_library`, which starts a compiler or ldconfig and does not work everywhere."""
_REFUSED = frozenset({1, 2})
"""CRYPT_SALT_INVALID and CRYPT_SALT_METHOD_DISABLED."""


@functools.cache
def library() -> ctypes.CDLL | None:
    """Return the library, or None if the machine has no libxcrypt."""
    for name in (*_NAMES, ctypes.util.find_library("crypt")):
        try:
            found = ctypes.CDLL(name, use_errno=True) if name else None
        except OSError:
            continue
        if found is not None and hasattr(found, "crypt_rn") and hasattr(found, "crypt_checksalt"):
            found.crypt_rn.restype = ctypes.c_char_p
            found.crypt_rn.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int]
            return found
    return None


def supports(setting: bytes) -> bool:
    """Return whether the library is installed and its build supports the method of `setting`."""
    found = library()
    return found is not None and found.crypt_checksalt(setting) not in _REFUSED


def crypt(secret: bytes, setting: bytes) -> bytes:
    """Hash `secret`, which has no NUL and at most `LONGEST` bytes; return empty if the setting is rejected after all.

    Raises `MemoryError` if yescrypt cannot get its memory, which must not count as a wrong password.
    """
    found = library()
    if found is None:
        return b""
    made: bytes | None = found.crypt_rn(secret, setting, ctypes.create_string_buffer(WORKSPACE), WORKSPACE)
    if made is None and ctypes.get_errno() == errno.ENOMEM:
        raise MemoryError
    return made or b""
