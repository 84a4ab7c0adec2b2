"""A call's checks as the pool processes them, and their outcome."""

import asyncio
import math
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

from service.hashing.executor import Executor
from service.hashing.format import Check

Answer = tuple[bool, float] | str
"""A worker process's reply: whether the check matched and the seconds it took, or the name of the fault."""


class CheckFailed(Exception):
    """A check failed with an error, so there is no verdict."""

    def __init__(self, cost: str, fault: str) -> None:
        # The original exception's message is dropped: it might quote the hash or the password.
        super().__init__(f"a check of {cost} broke down: {fault}")
        self.cost = cost
        self.fault = fault


SIZES = (64, 128, 256, 512, 1024, 2048, 4096)
"""Long passwords are timed in groups of this many bytes in UTF-8."""


def timed_size(check: Check, password: str) -> int:
    """Return the size of a long password if the time of `check` depends on it; otherwise 0."""
    if 4 * len(password) <= SIZES[0] or not (check.looped or check.executor is Executor.PROCESS):
        return 0
    size = len(password.encode("utf-8", "surrogatepass"))
    return 0 if size <= SIZES[0] else next((each for each in SIZES if size <= each), SIZES[-1])


LONG = 0.5
"""Core seconds from which a call is long: half of the default QUEUE_TIMEOUT. Calls below it, even on every core, delay
no other call beyond that. It is a boundary of the queue's bands."""


@dataclass(eq=False, slots=True)
class Job:
    """A call that waits for a worker."""

    checks: Sequence[Check]
    password: str = field(repr=False)
    account: Hashable = field(repr=False)
    seconds: float
    """The estimated time of all its checks with all lanes of its core in use."""
    future: asyncio.Future[bool] = field(repr=False)
    share: float = 1.0
    """The share of a core while it runs: 1, or that of one lane if its checks are interleaved with others."""
    deadline: float = math.inf
    """Time on the loop's clock."""
    submitted: float = 0.0
    """When it was admitted, on the loop's clock."""
    handed_over: float = 0.0
    """When it was handed to a worker, on the loop's clock."""
    waited: float = 0.0
    """Seconds from its admission to its outcome in which none of its checks ran."""

    @property
    def interleaved(self) -> bool:
        """Return whether it shares a core with others."""
        return self.share < 1

    @property
    def work(self) -> float:
        """The estimated core seconds."""
        return self.seconds * self.share

    @property
    def is_long(self) -> bool:
        """Return whether it keeps a core from other calls for longer than they may wait."""
        return self.work >= LONG

    @property
    def awaited(self) -> bool:
        """Return whether a caller still waits: a closed connection or a timeout ends the future."""
        return not self.future.done()


@dataclass(slots=True)
class Outcome:
    """The result of trying a password against some checks."""

    matched: bool = False
    fault: CheckFailed | None = None
    timings: list[tuple[str, int, float]] = field(default_factory=list)
    """The cost, the size of a long password and the seconds of each completed check."""

    def verdict(self) -> bool:
        """Return whether any check matched.

        Raises `CheckFailed` if none matched and one failed with an error, since that one might have matched.
        """
        if self.fault is not None and not self.matched:
            raise self.fault
        return self.matched


def run_here(check: Check, password: str) -> tuple[bool, float]:
    """Run a check in this thread; return whether it matched and the seconds it took."""
    began = time.perf_counter()
    matched = check.verify(password)
    return matched, time.perf_counter() - began


def try_checks(
    checks: Sequence[Check], password: str, run: Callable[[Check, str], tuple[bool, float]] = run_here
) -> Outcome:
    """Try `password` against each check until one matches, even if another check fails with an error."""
    outcome = Outcome()
    for check in checks:
        try:
            outcome.matched, seconds = run(check, password)
        except CheckFailed as fault:
            outcome.fault = fault
        except Exception as fault:  # noqa: BLE001 - any exception of a check becomes a fault and never a verdict
            outcome.fault = CheckFailed(check.cost, type(fault).__name__)
        else:
            outcome.timings.append((check.cost, timed_size(check, password), seconds))
            if outcome.matched:
                break
    return outcome
