"""The workers: threads that run checks, each with a process at hand for those in Python. Knows no turn and no deadline.

A thread that waits for its process uses no core, so threads and processes together never compute on more cores than
there are workers.
"""

import asyncio
import math
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, Pipe
from pathlib import Path, PurePosixPath
from queue import SimpleQueue

from service.hashing.format import Check, Executor
from service.hashing.pool.job import Answer, CheckFailed, Job, Outcome, run_here, try_checks

# How many cores this process may really use: its affinity and its cgroups' quotas. Elsewhere than on Linux, all.
#
# A container that may use two of sixty-four cores would be stopped by the kernel for most of each period if
# sixty-four threads hashed at once. Sources: https://docs.kernel.org/admin-guide/cgroup-v2.html (`cpu.max`),
# https://docs.kernel.org/scheduler/sched-bwc.html (`cpu.cfs_quota_us`).


def usable_cores(proc: Path = Path("/proc/self/cgroup"), mounts: Path = Path("/sys/fs/cgroup")) -> int:
    """Count the cores that the scheduler and every cgroup around us allow; a fraction counts as a whole one."""
    quotas = [quota for directory in _directories(proc, mounts) if (quota := _quota(directory)) is not None]
    return max(1, math.ceil(min([float(_affinity()), *quotas])))


def _affinity() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _directories(proc: Path, mounts: Path) -> Iterator[Path]:
    """Yield the directories that may hold a quota: our group's and its parents', in both versions of cgroups."""
    for line in _text(proc).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        own = PurePosixPath(path.lstrip("/"))
        # Version 2 is mounted at the top, or at `unified` beside version 1. The path may be one of the host's,
        # which a container does not see: its own group is then the top.
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


# A worker process for checks that are loops in Python, driven by one thread. Knows pipes; knows no queue.
#
# Its own interpreter, started afresh (never forked: the service has threads) and without the service's environment,
# so that it holds no secret but the hash and the password in hand. Not `concurrent.futures`: there one killed worker
# breaks the pool for every call.

RECYCLE_AFTER = 10_000
"""Checks after which a process is replaced, so that a slow leak in one stays small."""

HUNG_AFTER = 30.0
"""Seconds after which a process that does not answer is killed: ten times what Okta waits."""

INHERITED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "PYTHONUTF8")
"""What a process may know of our environment: nothing secret."""


ROOT = str(Path(__file__).parents[3])
"""The folder that holds this package."""


class Companion:
    """One worker process: started when first needed, replaced when it dies. Belongs to one thread."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None
        self._checks = 0

    @property
    def pid(self) -> int | None:
        """Tell the process id, or None where none runs."""
        return self._process.pid if self._process else None

    def run(self, check: Check, password: str) -> tuple[bool, float]:
        """Run `check` in the process: whether it matched, and the seconds.

        Raises `CheckFailed` where the check broke down or the process died; the next call finds a new process.
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
        """End the process, at once: it keeps nothing."""
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
        """Tell the pipe to a living process; a new one where there is none or the old one has done enough."""
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
        # Not the folder that the service was started in: a file there could have the name of a module.
        path = os.pathsep.join([ROOT, *(entry for entry in sys.path if entry and Path(entry) != Path.cwd())])
        # A process group of its own: a Ctrl-C in the terminal must not end checks that the service has to finish.
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env={**known, "PYTHONPATH": path},
            process_group=0,
        )
        theirs.close()
        self._pipe, self._checks = ours, 0


class Workers:
    """A fixed number of threads that take jobs in the order they are handed over."""

    def __init__(self, count: int, done: Callable[[Job, Outcome | None], None]) -> None:
        """Call `done` on the loop for each job, with its outcome, or None where nobody wanted it any more."""
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._done = done
        self._threads = [threading.Thread(target=self._work, name=f"hashing-{n}", daemon=True) for n in range(count)]

    def start(self) -> None:
        """Start the threads; `done` is called on the loop that runs now."""
        self._loop = asyncio.get_running_loop()
        for thread in self._threads:
            thread.start()

    def hand_over(self, job: Job) -> None:
        """Give `job` to the next thread that is free."""
        self._jobs.put(job)

    def stop(self) -> None:
        """End the threads after all they were given, and wait for them. Blocks."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        companion = Companion()

        def run(check: Check, password: str) -> tuple[bool, float]:
            return companion.run(check, password) if check.executor is Executor.PROCESS else run_here(check, password)

        while (job := self._jobs.get()) is not None:
            outcome = try_checks(job.checks, job.password, run) if job.awaited else None
            self._report(job, outcome)
        companion.close()

    def _report(self, job: Job, outcome: Outcome | None) -> None:
        try:
            self._loop.call_soon_threadsafe(self._done, job, outcome)
        except RuntimeError:  # the loop was closed without closing the pool: nobody waits
            return
