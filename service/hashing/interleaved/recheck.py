"""Recheck of mismatches with the bcrypt package: a rate-limited sample of the kernel's mismatches."""

import hmac
import threading
import time
from collections.abc import Callable

import bcrypt

from service.hashing.interleaved.engine import BcryptJob, decode64, encode64

SHARE = 0.01
"""The largest share of one core used for rechecks: one in 7 s at bcrypt 10 (70 ms each), one in 28 s at bcrypt 12."""


class Recheck:
    """Decides which mismatches are rechecked, and disables the kernel if the package disagrees.

    A wrong match would need a collision, since the digest is compared with the stored one. A wrong mismatch would lock
    a person out, so mismatches are sampled. Shared by the worker threads of one process.
    """

    def __init__(
        self, on_disagreement: Callable[[], None], *, share: float = SHARE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Call `on_disagreement` once, in the thread that found it; `clock` must be the clock of the deadlines."""
        self._on_disagreement = on_disagreement
        self._share = share
        self._clock = clock
        self._next = float("-inf")
        self._lock = threading.Lock()
        self._sound = True

    @property
    def sound(self) -> bool:
        """True until the package first disagrees; after that the kernel must not be used in this process."""
        return self._sound

    def due(self, seconds: float, deadline: float) -> bool:
        """Return whether to recheck a mismatch, which takes `seconds` of a core and must end by `deadline`.

        Returns True only as often as the share of a core allows: the caller must then recheck and call `confirm`.
        """
        with self._lock:
            now = self._clock()
            if not self._sound or now < self._next or now + seconds > deadline:
                return False
            self._next = now + seconds / self._share
            return True

    def confirm(self, package_matched: bool) -> bool:  # noqa: FBT001 - the verdict itself
        """Record the package's verdict on a mismatch and return it: it overrides the kernel's."""
        if package_matched:
            with self._lock:
                first, self._sound = self._sound, False
            if first:
                self._on_disagreement()
        return package_matched


def compute(key: bytes, salt: bytes, cost: int) -> bytes:
    """Return the 23 bytes of the digest, as computed by the bcrypt package."""
    return decode64(bcrypt.hashpw(key, b"$2b$%02d$" % cost + encode64(salt))[29:])


def matches(job: BcryptJob) -> bool:
    """Return whether the package computes the digest of `job`; the comparison takes constant time."""
    return hmac.compare_digest(compute(job.key, job.salt, job.cost), job.digest)
