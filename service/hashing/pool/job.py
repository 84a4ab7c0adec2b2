"""A call's checks on their way through the pool, and their outcome."""

import asyncio
import math
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

from service.hashing.format import Check

Answer = tuple[bool, float] | str
"""What a worker process says: whether the check matched and the seconds it took, or the name of the fault."""


class CheckFailed(Exception):
    """A check broke down, so there is no verdict."""

    def __init__(self, cost: str, fault: str) -> None:
        # The words of the original exception are left behind: they might quote the hash or the password.
        super().__init__(f"a check of {cost} broke down: {fault}")
        self.cost = cost
        self.fault = fault


@dataclass(eq=False, slots=True)
class Job:
    """A call that waits for a worker."""

    checks: Sequence[Check]
    password: str = field(repr=False)
    account: Hashable = field(repr=False)
    seconds: float
    """The estimated time of all its checks, with all places of its core taken."""
    future: asyncio.Future[bool] = field(repr=False)
    share: float = 1.0
    """Of a core, while it runs: 1, or one lane's where its checks are interleaved with others."""
    deadline: float = math.inf
    """On the loop's clock."""
    handed_over: float = 0.0
    """When a worker was told of it, on the loop's clock."""

    @property
    def interleaved(self) -> bool:
        """Tell whether it shares a core with others."""
        return self.share < 1

    @property
    def work(self) -> float:
        """The estimated seconds of a core."""
        return self.seconds * self.share

    @property
    def awaited(self) -> bool:
        """Tell whether somebody still waits: hanging up, or running out of time, ends the future."""
        return not self.future.done()


@dataclass(slots=True)
class Outcome:
    """What trying a password against some checks brought."""

    matched: bool = False
    fault: CheckFailed | None = None
    timings: list[tuple[str, float]] = field(default_factory=list)
    """The cost and the seconds of each check that ran to its end."""

    def verdict(self) -> bool:
        """Tell whether any check matched.

        Raises `CheckFailed` where none did and one broke down: that one might have matched.
        """
        if self.fault is not None and not self.matched:
            raise self.fault
        return self.matched


def run_here(check: Check, password: str) -> tuple[bool, float]:
    """Run a check in this thread: whether it matched, and the seconds it took."""
    began = time.perf_counter()
    matched = check.verify(password)
    return matched, time.perf_counter() - began


def try_checks(
    checks: Sequence[Check], password: str, run: Callable[[Check, str], tuple[bool, float]] = run_here
) -> Outcome:
    """Try `password` against each check until one matches, whether or not another one breaks down."""
    outcome = Outcome()
    for check in checks:
        try:
            outcome.matched, seconds = run(check, password)
        except CheckFailed as fault:
            outcome.fault = fault
        except Exception as fault:  # noqa: BLE001 - whatever a check raises, it must become a fault and never a verdict
            outcome.fault = CheckFailed(check.cost, type(fault).__name__)
        else:
            outcome.timings.append((check.cost, seconds))
            if outcome.matched:
                break
    return outcome
