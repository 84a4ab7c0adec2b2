"""The lanes of one worker thread: jobs whose checks are all bcrypt, interleaved with one another.

A job keeps its lane until one of its checks matches or all are done. The time of a step is charged to every job in it
as if all lanes had been in use, so that samples from idle and busy periods yield the same estimate.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from service.hashing.format import Check
from service.hashing.interleaved.engine import BcryptJob, Engine
from service.hashing.interleaved.interleaving import Interleavable, Interleaving
from service.hashing.interleaved.recheck import matches
from service.hashing.pool.job import CheckFailed, Job, Outcome, try_checks

Report = Callable[[Job, Outcome | None], None]
"""Receives a finished job and its outcome; the outcome is None if the caller had left."""


@dataclass(eq=False, slots=True)
class _Lane:
    job: Job
    remaining: Iterator[Check]
    outcome: Outcome = field(default_factory=Outcome)
    cost: str = ""
    bcrypt: BcryptJob | None = field(default=None, repr=False)
    """The current computation."""
    booked: float = 0.0
    """Its seconds, with all lanes in use."""


class Lanes:
    """Runs up to four jobs at once in the thread that created it. `report` is called once for each job."""

    def __init__(self, interleaving: Interleaving, report: Report) -> None:
        self._interleaving = interleaving
        self._report = report
        self._lanes: list[_Lane] = []
        self._engine: Engine[_Lane] | None = None
        """None once the kernel is no longer used; its memory is then wiped."""
        try:
            self._engine = interleaving.engine()
        except Exception as fault:  # noqa: BLE001 - the thread must survive
            interleaving.switch_off(f"{type(fault).__name__} while creating an engine")

    def __len__(self) -> int:
        return len(self._lanes)

    def add(self, job: Job) -> None:
        """Start `job` with the next step."""
        lane = _Lane(job, iter(job.checks))
        self._lanes.append(lane)
        if self._engine is None or not self._interleaving.usable:
            self._run_singly()
        elif not job.awaited:
            self._end(lane, None)
        elif not self._start_next(lane):
            self._end(lane, lane.outcome)

    def step(self) -> None:
        """Run all lanes for about 5 ms, report finished jobs, and drop jobs without a waiting caller."""
        width, began = len(self._lanes), time.perf_counter()
        try:
            done = self._engine.step() if self._engine is not None else []
        except Exception as fault:  # noqa: BLE001 - after any fault, the jobs run again by the package
            self._interleaving.switch_off(f"{type(fault).__name__} in a step")
            done = []
        seconds = self._interleaving.at_full_width(time.perf_counter() - began, width)
        for lane in self._lanes:
            lane.booked += seconds
        for lane, matched in done:
            self._take_verdict(lane, matched)
        if not self._interleaving.usable:
            self._run_singly()
        for lane in [lane for lane in self._lanes if not lane.job.awaited]:
            self._end(lane, None)

    def _start_next(self, lane: _Lane) -> bool:
        """Start the next check of the lane's job. Returns False if there is none."""
        for check in lane.remaining:
            try:
                lane.bcrypt = check.bcrypt_job(lane.job.password) if isinstance(check, Interleavable) else None
                lane.cost, lane.booked = check.cost, 0.0
                if lane.bcrypt is not None and self._engine is not None:
                    self._engine.add(lane, lane.bcrypt)
                    return True
            except Exception as fault:  # noqa: BLE001 - any exception of a check becomes a fault and never a verdict
                lane.outcome.fault = CheckFailed(check.cost, type(fault).__name__)
        return False

    def _take_verdict(self, lane: _Lane, matched: bool) -> None:  # noqa: FBT001 - the verdict itself
        matched = matched or self._recheck(lane)
        if not matched and not self._interleaving.usable:
            return  # a mismatch that is no longer trusted: the package decides
        lane.outcome.timings.append((lane.cost, 0, lane.booked))
        lane.outcome.matched = matched
        if matched or not self._start_next(lane):
            self._end(lane, lane.outcome)

    def _recheck(self, lane: _Lane) -> bool:
        """Return the package's verdict on a mismatch if it is sampled; no running job may be delayed by it."""
        recheck = self._interleaving.recheck
        deadline = min(other.job.deadline - (0 if other is lane else other.job.seconds) for other in self._lanes)
        if lane.bcrypt is None or not recheck.due(lane.booked, deadline):
            return False
        try:
            return recheck.confirm(matches(lane.bcrypt))
        except Exception as fault:  # noqa: BLE001 - any exception of a check becomes a fault and never a verdict
            lane.outcome.fault = CheckFailed(lane.cost, type(fault).__name__)
            return False

    def _run_singly(self) -> None:
        """Run all remaining jobs again without the kernel, from their first check."""
        self._engine = None
        for lane in list(self._lanes):
            wanted = lane.job.awaited
            self._end(lane, try_checks(lane.job.checks, lane.job.password) if wanted else None)

    def _end(self, lane: _Lane, outcome: Outcome | None) -> None:
        self._lanes.remove(lane)
        if self._engine is not None:
            self._engine.discard(lane)
        self._report(lane.job, outcome)
