"""The checks that most formats use: derive a key from the password, compare it."""

import abc
import hmac
from collections.abc import Callable, Sequence
from dataclasses import field

from service.hashing.encodings import encode
from service.hashing.format import Check, Executor
from service.hashing.limits import is_short
from service.immutable import immutable

# Checks that are made of several: of one for each interpretation of a password.


class Interpreted(abc.ABC):
    """A check that makes one attempt for each interpretation of a password that differs."""

    __slots__ = ()

    @property
    @abc.abstractmethod
    def most_attempts(self) -> int:
        """The number of attempts that some password may need."""

    @abc.abstractmethod
    def attempts(self, password: str) -> Sequence[Check]:
        """Give the checks that `password` needs, each of which has the cost of its own run. Takes microseconds."""


def attempts_at(check: Check, password: str) -> Sequence[Check]:
    """Give the checks to run for `password`: more than one where a product may have changed it in several ways."""
    return check.attempts(password) if isinstance(check, Interpreted) else (check,)


def most_attempts(check: Check) -> int:
    """Give the number of attempts that the dearest password needs, for bounds on cost."""
    return check.most_attempts if isinstance(check, Interpreted) else 1


# The check of formats that change letters before they hash, so need the password as text.


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
    work: float = 0.0
    """Its share of what one sign-in may cost; 0 for microseconds."""
    looped: bool = False

    def takes(self, password: str) -> bool:
        """Measure the password in UTF-8: formats of characters have charsets of their own."""
        return is_short(password, "utf-8", looped=self.looped)

    def verify(self, password: str) -> bool:
        """Refuse also what the charset cannot write."""
        if self.padded and "\0" in password:
            return False
        try:
            return hmac.compare_digest(self.derive(password), self.key)
        except UnicodeError:
            return False


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
    work: float = 0.0
    """Its share of what one sign-in may cost; 0 for microseconds."""
    looped: bool = False
    """Whether each round hashes the password again."""

    def takes(self, password: str) -> bool:
        """Measure the password in the charset of the source."""
        return is_short(password, self.charset, looped=self.looped)

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

    @property
    def work(self) -> float:
        """Both are made."""
        return self.first.work + self.second.work

    @property
    def looped(self) -> bool:
        """Whether either is."""
        return self.first.looped or self.second.looped

    def takes(self, password: str) -> bool:
        """Tell whether both do: they are of one kind."""
        return self.first.takes(password) and self.second.takes(password)

    def verify(self, password: str) -> bool:
        """Accept what either accepts."""
        return self.first.verify(password) | self.second.verify(password)
