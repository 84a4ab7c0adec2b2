"""The checks that most formats use: derive a key from the password and compare it."""

import abc
import hmac
from collections.abc import Callable, Sequence
from dataclasses import field

from service.hashing.encodings import encode
from service.hashing.executor import Executor
from service.hashing.format import Check
from service.hashing.limits import is_short
from service.immutable import immutable

# Checks composed of several: one for each interpretation of a password.


class Interpreted(abc.ABC):
    """A check that makes one attempt for each distinct interpretation of a password."""

    __slots__ = ()

    @property
    @abc.abstractmethod
    def most_attempts(self) -> int:
        """The largest number of attempts that any password may need."""

    @abc.abstractmethod
    def attempts(self, password: str) -> Sequence[Check]:
        """Return the checks that `password` needs, each with the cost of its own run. Takes microseconds."""


def attempts_at(check: Check, password: str) -> Sequence[Check]:
    """Return the checks to run for `password`: several if a product may have changed it in different ways."""
    return check.attempts(password) if isinstance(check, Interpreted) else (check,)


def most_attempts(check: Check) -> int:
    """Return the largest number of attempts that any password needs, for bounds on cost."""
    return check.most_attempts if isinstance(check, Interpreted) else 1


# The check of formats that change characters before they hash, and so need the password as text.


@immutable
class TextComparison:
    """Derives a key from the password's characters and compares it with the stored one in constant time."""

    derive: Callable[[str], bytes] = field(repr=False)
    """A function of a module, or a `partial` of one, so that it can be pickled; may raise only `UnicodeError`."""
    key: bytes = field(repr=False)
    cost: str
    executor: Executor = Executor.INLINE
    padded: bool = False
    """True if the format pads with NUL: a password that contains NUL is then rejected, since none was ever accepted."""
    work: float = 0.0
    """The share of what one sign-in may cost; 0 for microseconds."""
    looped: bool = False

    def takes(self, password: str) -> bool:
        """Measure the password in UTF-8: character-based formats have charsets of their own."""
        return is_short(password, "utf-8", looped=self.looped)

    def verify(self, password: str) -> bool:
        """Return whether `password` is right; one that the charset cannot encode is not."""
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
    """A function of a module, or a `functools.partial` of one, so that it can be pickled; must not raise."""
    key: bytes = field(repr=False)
    cost: str
    executor: Executor = Executor.INLINE
    charset: str = "utf-8"
    padded: bool = False
    """True if trailing NULs do not change the key, as in HMAC: a password that ends in NUL is then rejected."""
    work: float = 0.0
    """The share of what one sign-in may cost; 0 for microseconds."""
    looped: bool = False
    """Whether each round hashes the password again."""

    def takes(self, password: str) -> bool:
        """Measure the password in the charset of the source."""
        return is_short(password, self.charset, looped=self.looped)

    def verify(self, password: str) -> bool:
        """Return whether `password` is right; one that the source's charset cannot encode is not."""
        if self.padded and password.endswith("\0"):
            return False
        secret = encode(password, self.charset)
        return secret is not None and hmac.compare_digest(self.derive(secret), self.key)


@immutable
class Either:
    """Two comparisons, for a text that two products may have written; both always run."""

    first: Comparison
    second: Comparison

    @property
    def executor(self) -> Executor:
        """The executor of the first; both use the same one."""
        return self.first.executor

    @property
    def cost(self) -> str:
        """Both costs."""
        return f"{self.first.cost} or {self.second.cost}"

    @property
    def work(self) -> float:
        """The sum: both always run."""
        return self.first.work + self.second.work

    @property
    def looped(self) -> bool:
        """Return whether either is looped."""
        return self.first.looped or self.second.looped

    def takes(self, password: str) -> bool:
        """Return whether the first accepts the length; both have the same limit."""
        return self.first.takes(password) and self.second.takes(password)

    def verify(self, password: str) -> bool:
        """Return whether either accepts the password."""
        return self.first.verify(password) | self.second.verify(password)
