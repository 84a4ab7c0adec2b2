"""Engine for interleaved bcrypt checks: jobs join and leave between steps; digests are compared in constant time."""

import base64
import hmac
import importlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar, cast

LANES = 4
"""Checks that one engine runs at once; equal to the constant of the kernel, which the self-check compares."""
KEY_BYTES = 72
"""Bytes of a password that bcrypt uses."""

T = TypeVar("T")


class EngineFault(Exception):
    """The kernel violated its contract. Its lanes have no verdict: check them again with the bcrypt package."""


class Kernel(Protocol):
    """The C extension's `Engine`, one for each thread. A ticket names a job in the results."""

    def __len__(self) -> int:
        """Return the number of lanes that are taken."""
        ...

    def add(self, ticket: int, key: bytes, salt: bytes, cost: int, /) -> None:
        """Start a computation. Raises `ValueError` for wrong lengths, a wrong cost, a used ticket or full lanes."""
        ...

    def discard(self, ticket: int, /) -> bool:
        """Stop a computation and wipe its lane. Returns whether there was one."""
        ...

    def step(self, iterations: int = ..., /) -> list[tuple[int, bytes]]:
        """Run all lanes for about 5 ms without the GIL. Returns the tickets and digests (23 bytes) of finished jobs."""
        ...


MakeKernel = Callable[[], Kernel]


def load_kernel() -> MakeKernel:
    """Import the C extension. Raises `ImportError` if it was not built or does not fit this platform."""
    return cast("MakeKernel", importlib.import_module("service.hashing.interleaved._kernel").Engine)


@dataclass(frozen=True, slots=True)
class BcryptJob:
    """One bcrypt check in binary form."""

    key: bytes = field(repr=False)
    """The password, at most 72 bytes, without the NUL that bcrypt appends."""
    salt: bytes = field(repr=False)
    """16 bytes."""
    cost: int
    """4 to 31, the logarithm of the iterations."""
    digest: bytes = field(repr=False)
    """The 23 bytes of the stored hash."""


_STANDARD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_BCRYPT64 = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def decode64(text: bytes) -> bytes:
    """Decode bcrypt's own base64 alphabet."""
    return base64.b64decode(text.translate(bytes.maketrans(_BCRYPT64, _STANDARD)) + b"=" * (-len(text) % 4))


def encode64(data: bytes) -> bytes:
    """Encode in bcrypt's own base64 alphabet."""
    return base64.b64encode(data).rstrip(b"=").translate(bytes.maketrans(_STANDARD, _BCRYPT64))


def job_of(key: bytes, hashed: bytes) -> BcryptJob:
    """Return the check of `key` against a whole bcrypt hash: `$2b$`, two digits of cost, `$`, 53 characters."""
    return BcryptJob(key, decode64(hashed[7:29]), int(hashed[4:6]), decode64(hashed[29:]))


class Engine(Generic[T]):
    """Up to `LANES` checks in the calling thread. Each thread has its own engine."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._tickets = itertools.count()  # never used twice, so a late result can't belong to another job
        self._lanes: dict[int, tuple[T, bytes]] = {}
        """The item of each ticket with its expected digest: a mixed-up lane causes a mismatch, never a match."""

    def __len__(self) -> int:
        return len(self._lanes)

    @property
    def free(self) -> int:
        """Lanes that are free."""
        return LANES - len(self._lanes)

    @property
    def items(self) -> list[T]:
        """The items being checked."""
        return [item for item, _ in self._lanes.values()]

    def add(self, item: T, job: BcryptJob) -> None:
        """Start `job` with the next step; `item` identifies it in the results. Raises `ValueError` like the kernel."""
        ticket = next(self._tickets)
        self._kernel.add(ticket, job.key, job.salt, job.cost)
        self._lanes[ticket] = (item, job.digest)

    def discard(self, item: T) -> bool:
        """Stop the check of `item` and wipe its lane. Returns whether it was still running."""
        for ticket, (other, _) in self._lanes.items():
            if other is item:
                del self._lanes[ticket]
                self._kernel.discard(ticket)
                return True
        return False

    def step(self) -> list[tuple[T, bool]]:
        """Run all checks for about 5 ms, or until one is done. Returns the finished items and whether each matched.

        Raises `EngineFault` if the kernel returns the result of an unknown job, or loses one.
        """
        done = [self._verdict(ticket, digest) for ticket, digest in self._kernel.step()]
        if len(self._kernel) != len(self._lanes):
            raise EngineFault("the kernel has lost a job")
        return done

    def _verdict(self, ticket: int, digest: bytes) -> tuple[T, bool]:
        try:
            item, expected = self._lanes.pop(ticket)
        except KeyError:
            raise EngineFault("the kernel returned the result of no job") from None
        return item, hmac.compare_digest(digest, expected)
