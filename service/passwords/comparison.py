"""The checks that almost every format ends in: derive a key from the password, compare it. Knows no format."""

import hmac
from collections.abc import Callable
from dataclasses import field

from service.immutable import immutable
from service.passwords.encodings import encode
from service.passwords.format import Executor


@immutable
class Comparison:
    """Derives a key from the password and compares it with the stored one in constant time."""

    derive: Callable[[bytes], bytes] = field(repr=False)
    """A function of a module, or a `functools.partial` of one, so that it can be pickled; raises for no password."""
    key: bytes = field(repr=False)
    cost: str
    executor: Executor = Executor.INLINE
    charset: str = "utf-8"
    padded: bool = False
    """True where NULs behind the password change nothing, as in the key of an HMAC: then it may not end in one."""

    def verify(self, password: str) -> bool:
        """Refuse also what the charset of the source cannot write."""
        if self.padded and password.endswith("\0"):
            return False
        secret = encode(password, self.charset)
        return secret is not None and hmac.compare_digest(self.derive(secret), self.key)


@immutable
class Either:
    """Two comparisons, where the text does not say which of two products wrote it; both are always made."""

    first: Comparison
    second: Comparison

    @property
    def executor(self) -> Executor:
        """The lane of the first: both are of one kind."""
        return self.first.executor

    @property
    def cost(self) -> str:
        """Both costs."""
        return f"{self.first.cost} or {self.second.cost}"

    def verify(self, password: str) -> bool:
        """Accept what either accepts."""
        return self.first.verify(password) | self.second.verify(password)
