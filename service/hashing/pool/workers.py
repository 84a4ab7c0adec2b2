"""The workers: threads that run checks, each with a process for checks written in Python.

A thread that waits for its process uses no core, so threads and processes together never compute on more cores than
there are workers. If bcrypt is interleaved, a worker runs up to four such jobs in steps of about 5 ms and takes waiting
jobs between steps. Any other job has a worker to itself, so that it never stalls running lanes: the worker finishes its
lanes first. Only jobs of a few milliseconds run between two steps.
"""

import asyncio
import math
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from pathlib import Path, PurePosixPath

from service.hashing.executor import Executor
from service.hashing.format import Check
from service.hashing.interleaved.engine import LANES
from service.hashing.interleaved.interleaving import Interleaving
from service.hashing.pool.interleaved_lanes import Lanes
from service.hashing.pool.job import Answer, CheckFailed, Job, Outcome, run_here, try_checks

# The number of cores that this process may use: its affinity and its cgroups' quotas. All cores outside Linux.
#
# A container that may use two of sixty-four cores would be stopped by the kernel for most of each period if
# sixty-four threads hashed at once. Sources: https://docs.kernel.org/admin-guide/cgroup-v2.html (`cpu.max`),
# https://docs.kernel.org/scheduler/sched-bwc.html (`cpu.cfs_quota_us`).


def usable_cores(proc: Path = Path("/proc/self/cgroup"), mounts: Path = Path("/sys/fs/cgroup")) -> int:
    """Count the cores that the scheduler and every enclosing cgroup allow; a fraction counts as a whole core."""
    quotas = [quota for directory in _directories(proc, mounts) if (quota := _quota(directory)) is not None]
    return max(1, math.ceil(min([float(_affinity()), *quotas])))


def _affinity() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _directories(proc: Path, mounts: Path) -> Iterator[Path]:
    """Yield the directories that may hold a quota: those of this cgroup and its parents, for both cgroup versions."""
    for line in _text(proc).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        own = PurePosixPath(path.lstrip("/"))
        # Version 2 is mounted at the top, or at `unified` next to version 1. The path may be one of the host's,
        # which a container cannot see: its own cgroup is then the top.
        for mount in [controllers] if controllers else ["", "unified"]:
            for group in {own, *own.parents}:
                yield mounts / mount / group


def _quota(directory: Path) -> float | None:
    words = _text(directory / "cpu.max").split() or [
        *_text(directory / "cpu.cfs_quota_us").split(),
        *_text(directory / "cpu.cfs_period_us").split(),
    ]
    match words:
        case [quota, period] if quota not in {"max", "-1"}:
            return int(quota) / int(period)
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


# A worker process for checks that are loops in Python, driven by one thread.
#
# It runs its own interpreter, spawned (never forked: the service has threads) and without the service's environment,
# so that its only secrets are the current hash and password. `concurrent.futures` is not used: one killed worker would
# break its pool for every call.
# breaks the pool for every call.

RECYCLE_AFTER = 10_000
"""Checks after which a process is replaced, so that a slow leak stays small."""

HUNG_AFTER = 30.0
"""Seconds after which an unresponsive process is killed: ten times Okta's timeout."""

INHERITED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "PYTHONUTF8")
"""The environment variables that a process inherits: nothing secret."""


ROOT = str(Path(__file__).parents[3])
"""The folder that contains this package."""


class WorkerProcess:
    """One worker process: started when first needed, replaced when it dies. Used by one thread only."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None
        self._checks = 0

    @property
    def pid(self) -> int | None:
        """The process id, or None if no process runs."""
        return self._process.pid if self._process else None

    def run(self, check: Check, password: str) -> tuple[bool, float]:
        """Run `check` in the process; return whether it matched and the seconds it took.

        Raises `CheckFailed` if the check failed with an error or the process died; the next call starts a new process.
        """
        try:
            answer = self._ask(check, password)
        except (OSError, EOFError) as fault:
            self.close()
            raise CheckFailed(check.cost, f"its process died ({type(fault).__name__})") from None
        if isinstance(answer, str):
            raise CheckFailed(check.cost, answer)
        return answer

    def close(self) -> None:
        """Kill the process: it keeps no state."""
        if self._process is None or self._pipe is None:
            return
        self._pipe.close()
        self._process.kill()
        self._process.wait()
        self._process = self._pipe = None

    def _ask(self, check: Check, password: str) -> Answer:
        pipe = self._connect()
        self._checks += 1
        pipe.send((check, password))
        if not pipe.poll(HUNG_AFTER):
            raise TimeoutError
        answer: Answer = pipe.recv()
        return answer

    def _connect(self) -> Connection:
        """Return the pipe to a living process, starting a new one if there is none or the old one is used up."""
        if self._checks >= RECYCLE_AFTER or (self._process and self._process.poll() is not None):
            self.close()
        if self._pipe is None:
            self._start()
        assert self._pipe is not None  # noqa: S101 - for mypy: _start has just set it
        return self._pipe

    def _start(self) -> None:
        ours, theirs = Pipe()
        command = [sys.executable, "-P", "-m", "service.hashing.pool.worker_main", str(theirs.fileno())]
        known = {name: os.environ[name] for name in INHERITED if name in os.environ}
        # Without the current directory: a file there could have the name of a module.
        path = os.pathsep.join([ROOT, *(entry for entry in sys.path if entry and Path(entry) != Path.cwd())])
        # A process group of its own: Ctrl-C in the terminal must not end checks that the service has to finish.
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env={**known, "PYTHONPATH": path},
            process_group=0,
        )
        theirs.close()
        self._pipe, self._checks = ours, 0


Run = Callable[[Check, str], tuple[bool, float]]

BRIEF = 0.004
"""Seconds: a job of at most this duration runs between two steps; it is the duration of one step."""


@dataclass(eq=False, slots=True)
class _Worker:
    """A worker's state that other threads read; protected by the inbox's lock."""

    lanes: int = 0
    alone: Job | None = None
    """A job that runs alone, or will when the lanes are free."""


class Workers:
    """A fixed number of threads that take jobs in the order they are handed over."""

    def __init__(
        self, count: int, done: Callable[[Job, Outcome | None], None], interleaving: Interleaving | None = None
    ) -> None:
        """Call `done` on the loop for each job, with its outcome, or None if its caller had left."""
        self._interleaved: deque[Job] = deque()
        self._others: deque[Job] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._done = done
        self._interleaving = interleaving
        self._workers = [_Worker() for _ in range(count)]
        self._threads = [
            threading.Thread(target=self._work, args=(worker,), name=f"hashing-{n}", daemon=True)
            for n, worker in enumerate(self._workers)
        ]

    def start(self) -> None:
        """Start the threads; `done` is called on the running loop."""
        self._loop = asyncio.get_running_loop()
        for thread in self._threads:
            thread.start()

    def hand_over(self, job: Job) -> None:
        """Return `job` to the worker with the fewest jobs."""
        with self._changed:
            (self._interleaved if job.interleaved else self._others).append(job)
            self._changed.notify()

    def stop(self) -> None:
        """Stop the threads when all handed-over jobs are done, and join them. Blocks."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self, me: _Worker) -> None:
        companion = WorkerProcess()
        lanes = Lanes(self._interleaving, self._report) if self._interleaving else None

        def run(check: Check, password: str) -> tuple[bool, float]:
            return companion.run(check, password) if check.executor is Executor.PROCESS else run_here(check, password)

        while (joining := self._take(me)) is not None:
            for job in joining:
                assert lanes is not None  # noqa: S101 - for mypy: only then is a job interleaved
                lanes.add(job)
            if not lanes:
                self._run_alone(me, run, math.inf)
            else:
                self._run_alone(me, run, BRIEF)
                lanes.step()
            me.lanes = len(lanes) if lanes is not None else 0
        companion.close()

    def _run_alone(self, me: _Worker, run: Run, most: float) -> None:
        """Run this worker's single job, and brief ones queued after it, for at most `most` seconds."""
        while (job := me.alone) is not None and job.seconds <= most:
            self._report(job, try_checks(job.checks, job.password, run) if job.awaited else None)
            most = min(most, BRIEF) - job.seconds
            with self._changed:
                me.alone = self._others.popleft() if self._others and self._others[0].seconds <= most else None

    def _take(self, me: _Worker) -> list[Job] | None:
        """Take the waiting jobs that this worker should run; block if it has none at all. None stops the worker."""
        with self._changed:
            while True:
                joining = self._take_waiting(me)
                if joining or me.lanes or me.alone:
                    return joining
                if self._stopping:
                    return None
                self._changed.wait()

    def _take_waiting(self, me: _Worker) -> list[Job]:
        joining: list[Job] = []
        while self._interleaved and self._is_next(me):
            joining.append(self._interleaved.popleft())
            me.lanes += 1
        if self._others and me.alone is None and (self._others[0].seconds <= BRIEF or self._is_next(me, LANES + 1)):
            me.alone = self._others.popleft()
        return joining

    def _is_next(self, me: _Worker, most: int = LANES) -> bool:
        """Return whether no other worker that could take a job has fewer."""
        able = [worker.lanes for worker in self._workers if worker.alone is None and worker.lanes < most]
        return me.alone is None and me.lanes < most and me.lanes == min(able)

    def _report(self, job: Job, outcome: Outcome | None) -> None:
        try:
            self._loop.call_soon_threadsafe(self._done, job, outcome)
        except RuntimeError:  # the loop was closed without closing the pool: there are no callers
            return
