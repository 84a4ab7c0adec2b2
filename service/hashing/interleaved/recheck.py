"""Recheck of refusals by the bcrypt package: a rate-limited sample of the kernel's mismatches."""

import hmac
import threading
import time
from collections.abc import Callable

import bcrypt

from service.hashing.interleaved.engine import BcryptJob, decode64, encode64

SHARE = 0.01
"""Of one core, at most, spent on rechecks: one in 7 s at bcrypt 10 with 70 ms, one in 28 s at bcrypt 12."""


class Recheck:
    """Decides which refusals are rechecked, and switches the kernel off where the package disagrees.

    A wrong match is not possible short of a collision, since the digest is compared with the stored one. A wrong
    refusal would lock a person out, so refusals are sampled. Shared by the worker threads of one process.
    """

    def __init__(
        self, on_disagreement: Callable[[], None], *, share: float = SHARE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Call `on_disagreement` once, in the thread that found it; `clock` gives the time of the deadlines."""
        self._on_disagreement = on_disagreement
        self._share = share
        self._clock = clock
        self._next = float("-inf")
        self._lock = threading.Lock()
        self._sound = True

    @property
    def sound(self) -> bool:
        """True until the package has disagreed once; then the kernel must not be used in this process any more."""
        return self._sound

    def due(self, seconds: float, deadline: float) -> bool:
        """Tell whether a refusal is to be rechecked, which takes `seconds` of a core and must end by `deadline`.

        True once for each time that the share of a core allows: follow it by the recheck and `confirm`.
        """
        with self._lock:
            now = self._clock()
            if not self._sound or now < self._next or now + seconds > deadline:
                return False
            self._next = now + seconds / self._share
            return True

    def confirm(self, package_matched: bool) -> bool:  # noqa: FBT001 - the verdict itself
        """Take the package's verdict on a refusal and return it: it is the answer, whatever the kernel said."""
        if package_matched:
            with self._lock:
                first, self._sound = self._sound, False
            if first:
                self._on_disagreement()
        return package_matched


def compute(key: bytes, salt: bytes, cost: int) -> bytes:
    """Return the 23 bytes of digest, as the bcrypt package computes them."""
    return decode64(bcrypt.hashpw(key, b"$2b$%02d$" % cost + encode64(salt))[29:])


def matches(job: BcryptJob) -> bool:
    """Tell whether the package finds the digest of `job`, compared in constant time."""
    return hmac.compare_digest(compute(job.key, job.salt, job.cost), job.digest)
