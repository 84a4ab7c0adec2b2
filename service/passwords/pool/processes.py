"""A worker process for checks that are loops in Python, driven by one thread. Knows pipes; knows no queue.

Its own interpreter, started afresh (never forked: the service has threads) and without the service's environment,
so that it holds no secret but the hash and the password in hand. Not `concurrent.futures`: there one killed worker
breaks the pool for every call.
"""

import os
import subprocess
import sys
from multiprocessing.connection import Connection, Pipe
from pathlib import Path

from service.passwords.format import Check
from service.passwords.pool.job import Answer, CheckFailed

RECYCLE_AFTER = 10_000
"""Checks after which a process is replaced, so that a slow leak in one stays small."""

HUNG_AFTER = 30.0
"""Seconds after which a process that does not answer is killed: ten times what Okta waits."""

INHERITED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "PYTHONUTF8")
"""What a process may know of our environment: nothing secret."""


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
        command = [sys.executable, "-m", "service.passwords.pool.child", str(theirs.fileno())]
        known = {name: os.environ[name] for name in INHERITED if name in os.environ}
        path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
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
