"""The check of a crypt(3) hash: hashed again under itself, by libxcrypt or in Python. Knows no layout of any method.

A password with a NUL is never right: in C it ends there, so that no store of this kind ever took one, and to cut it
would accept `right`, NUL, `junk`. libxcrypt refuses 512 bytes and more: MD5, SHA-1 and SHA-2 then run in Python, DES
reads only eight anyway, and for the others no store can have taken such a password.
"""

import hmac
from collections.abc import Callable
from dataclasses import field

from service.immutable import immutable
from service.passwords import crypt_library
from service.passwords.encodings import encode
from service.passwords.format import Executor, MalformedHash, StoredHash

Loop = Callable[[bytes], bytes]


@immutable
class CryptCheck:
    """A hash of crypt(3) that is hashed again under itself."""

    setting: bytes = field(repr=False)
    """What the library takes: the whole hash."""
    digest: bytes = field(repr=False)
    """The end of what it must give."""
    cost: str
    executor: Executor = Executor.THREAD
    charset: str = "utf-8"
    longest: int | None = None
    """Bytes that count; the rest is cut, where the method has always ignored it."""
    loop: Loop | None = field(default=None, repr=False)
    """The method in Python, which gives the digest alone."""

    def verify(self, password: str) -> bool:
        """Tell whether the hash of `password` ends in the digest."""
        secret = encode(password, self.charset)
        if secret is None or b"\0" in secret:
            return False
        made = self._hash(secret[: self.longest])
        return hmac.compare_digest(made[-len(self.digest) :] if self.longest is None else made, self.digest)

    def _hash(self, secret: bytes) -> bytes:
        by_library = self.executor is Executor.THREAD and len(secret) <= crypt_library.LONGEST
        if by_library or self.loop is None:
            return crypt_library.crypt(secret, self.setting) if len(secret) <= crypt_library.LONGEST else b""
        return self.loop(secret)


def check(
    stored: StoredHash,
    setting: str,
    digest: str,
    cost: str,
    loop: Loop | None = None,
    longest: int | None = None,
) -> CryptCheck:
    """A check by the library where it can, else by `loop`."""
    raw = setting.encode()
    supported = crypt_library.supports(raw)
    if not supported and loop is None:
        raise MalformedHash("this machine has no libxcrypt that knows the method of this hash")
    executor = Executor.THREAD if supported else Executor.PROCESS
    return CryptCheck(raw, digest.encode(), cost, executor, stored.recipe.charset, longest, loop)
