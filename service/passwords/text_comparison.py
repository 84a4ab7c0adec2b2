"""The check of formats that change letters before they hash, so need the password as text. Knows no format."""

import hmac
from collections.abc import Callable
from dataclasses import field

from service.immutable import immutable
from service.passwords.format import Executor


@immutable
class TextComparison:
    """Derives a key from the password's characters and compares it with the stored one in constant time."""

    derive: Callable[[str], bytes] = field(repr=False)
    """A function of a module, or a `partial` of one, so that it can be pickled; may raise `UnicodeError` only."""
    key: bytes = field(repr=False)
    cost: str
    executor: Executor = Executor.INLINE
    padded: bool = False
    """True where the format pads with NUL: then no password that holds one is right, as none was ever taken."""

    def verify(self, password: str) -> bool:
        """Refuse also what the charset cannot write."""
        if self.padded and "\0" in password:
            return False
        try:
            return hmac.compare_digest(self.derive(password), self.key)
        except UnicodeError:
            return False
