"""The check that almost every format ends in: derive a key from the password, compare it with the stored one. Knows no format."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

from service.passwords.encodings import encode
from service.passwords.format import Lane


@dataclass(frozen=True, slots=True)
class Comparison:
    """Derives a key from the password and compares it with the stored one in constant time."""

    derive: Callable[[bytes], bytes] = field(repr=False)
    """A function of a module, or a `functools.partial` of one, so that the check can be pickled; raises for no password."""
    key: bytes = field(repr=False)
    cost: str
    lane: Lane = Lane.INLINE
    charset: str = "utf-8"

    def verify(self, password: str) -> bool:
        secret = encode(password, self.charset)
        return secret is not None and hmac.compare_digest(self.derive(secret), self.key)
