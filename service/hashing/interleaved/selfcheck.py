"""Self-check of the interleaved kernel: correctness against the bcrypt package, speed against the alternative."""

import itertools
import string
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import bcrypt

from service.hashing.interleaved.engine import (
    KEY_BYTES,
    LANES,
    BcryptJob,
    Engine,
    EngineFault,
    Kernel,
    MakeKernel,
    job_of,
)

Hash = Callable[[bytes, bytes], bytes]
"""Computes the whole hash from a password and a setting (`$2b$`, cost, 22 characters of salt), like `bcrypt.hashpw`."""

MIN_SPEEDUP = 1.2
"""Minimum speedup per core second over the alternative; a smaller gain does not justify a second implementation."""
PROBES = (
    b"",
    b"a",
    b"U*U",
    "pässwörd Ω 😀".encode(),
    b"\xff\xff\xa3" * 11,  # the sign extension of `$2x$`, and the safety measure of crypt_blowfish's `$2a$`
    b"\xff" * KEY_BYTES,
    bytes(range(1, 73)),
    b"x" * 71,  # the longest password after which bcrypt appends a NUL
    (b"y" * 80)[:KEY_BYTES],
    b"a\0b",
    b"\0",
)
VARIANTS = (b"$2a$", b"$2b$", b"$2y$")
"""Three prefixes for the same computation."""
COSTS = (4, 4, 4, 5)
SHORTEST = 1e-9
"""Seconds: avoids a division by zero if the clock did not advance."""
DROPPED = -1
TIMED_COST = 5
TIMED_ROUNDS = 3
"""Runs per measurement, of which the fastest counts: noise only adds."""


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """The result of the self-check, for the log and the status page."""

    passed: bool
    """True if every digest agreed with the package's. Otherwise the kernel must not be used."""
    reason: str
    """Why the kernel is used or not, in one sentence."""
    speedup: float | None = None
    """Checks per core second with all lanes in use, as a multiple of the alternative's; None if not measured."""
    stretch: tuple[float, ...] = ()
    """By number of lanes: the time of a run with all lanes in use, as a multiple of its time with this many."""
    seconds: float = 0.0
    """The duration of the self-check."""

    @property
    def fast_enough(self) -> bool:
        """Return whether the kernel passed and is worth using."""
        return self.passed and self.speedup is not None and self.speedup >= MIN_SPEEDUP


def check_kernel(
    load: Callable[[], MakeKernel], alternative: Hash, *, cpu_clock: Callable[[], float] = time.thread_time
) -> SelfCheck:
    """Verify the kernel and time it against `alternative`. Took 81 ms of CPU time when measured; never raises."""
    began = time.perf_counter()
    try:
        make = load()
        fault = prove(make)
        found = SelfCheck(passed=False, reason=fault) if fault else _timed(make, alternative, cpu_clock)
    except ImportError as missing:
        found = SelfCheck(passed=False, reason=f"The C extension is not built or cannot be loaded ({missing}).")
    except Exception as fault:  # noqa: BLE001 - the service must start without its optional code, for any fault
        found = SelfCheck(passed=False, reason=f"The C extension failed its self-check ({type(fault).__name__}).")
    return replace(found, seconds=time.perf_counter() - began)


def prove(make: MakeKernel) -> str | None:
    """Compare every width, mixed costs, and jobs that join, leave and are dropped with the bcrypt package.

    Returns the fault, or None.
    """
    jobs = list(_probes())
    for width in range(1, LANES + 1):
        try:
            wrong = _wrong(Engine(make()), jobs, width)
        except EngineFault as fault:
            return f"The C extension failed its self-check with {width} lanes: {fault}."
        if wrong:
            return f"The C extension disagrees with the bcrypt package with {width} lanes ({wrong} of {len(jobs)})."
    return None


def _probes() -> Iterator[BcryptJob]:
    salts = (letter.encode("ascii") * 21 + b"u" for letter in string.ascii_letters)
    for key, variant, cost, salt in zip(PROBES, itertools.cycle(VARIANTS), itertools.cycle(COSTS), salts, strict=False):
        yield job_of(key, bcrypt.hashpw(key, variant + b"%02d$" % cost + salt))


def _wrong(engine: Engine[int], jobs: list[BcryptJob], width: int) -> int:
    """Count the jobs that do not match; dropping one while it runs must not disturb the others."""
    waiting = list(enumerate(jobs))
    matched = 0
    if width > 1:
        engine.add(DROPPED, replace(jobs[0], cost=10))
    while waiting or len(engine):
        while waiting and len(engine) < width:
            engine.add(*waiting.pop())
        done = engine.step()
        matched += sum(did for _, did in done)
        if done:
            engine.discard(DROPPED)
    return len(jobs) - matched


def _timed(make: MakeKernel, alternative: Hash, cpu_clock: Callable[[], float]) -> SelfCheck:
    """Time both alternately, in CPU seconds of this thread, so that other processes do not count."""
    setting = b"$2b$%02d$" % TIMED_COST + b"." * 22
    job = job_of(b"password", bcrypt.hashpw(b"password", setting))
    widths = range(1, LANES + 1)
    runs: list[Callable[[], object]] = [
        partial(alternative, b"password", setting),
        *(partial(_run, make, job, width) for width in widths),
    ]
    rounds = [[_seconds(run, cpu_clock) for run in runs] for _ in range(TIMED_ROUNDS)]
    theirs, *ours = (max(min(each), SHORTEST) for each in zip(*rounds, strict=True))
    speedup = theirs * LANES / ours[-1]
    reason = f"{LANES} interleaved checks are {speedup:.1f} times as fast as the alternative (needed: {MIN_SPEEDUP})."
    return SelfCheck(passed=True, reason=reason, speedup=speedup, stretch=tuple(ours[-1] / each for each in ours))


def _run(make: MakeKernel, job: BcryptJob, width: int) -> None:
    kernel: Kernel = make()
    for ticket in range(width):
        kernel.add(ticket, job.key, job.salt, job.cost)
    while len(kernel):
        kernel.step()


def _seconds(work: Callable[[], object], clock: Callable[[], float]) -> float:
    began = clock()
    work()
    return clock() - began
