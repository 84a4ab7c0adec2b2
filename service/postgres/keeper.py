"""The keeper: a small process that starts the server, and stops it once nobody uses it. A script; knows no SQL.

It waits for the exclusive lock on `users.lock`, which the kernel grants once no process uses the database any more,
however they ended. A server that was killed meanwhile is started again. Nothing but the standard library and
`postmaster` is imported, so that it stays small (13 MB).
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.postgres.postmaster import postmaster, stop
else:
    from postmaster import postmaster, stop  # a script finds what lies beside it

LINGER_WITHIN = 20.0
"""Seconds that processes of a killed server are given to end: each one finishes its statement first."""


def _take_over(pid_file: Path) -> None:
    """Make a stale postmaster.pid harmless: PostgreSQL takes the pid of its own parent for no other server.

    The file is not removed: its shared memory key is how a new server notices that processes of the old one still live.
    An empty file, left by a server that was killed as it made the file, holds no key and would be refused.
    """
    with contextlib.suppress(FileNotFoundError):
        lines = pid_file.read_text().split("\n")
        if not lines[0]:
            pid_file.unlink()
            return
        new, old = pid_file.with_name("postmaster.pid.new"), pid_file.stat()
        new.write_text("\n".join([str(os.getpid()), *lines[1:]]))
        new.chmod(0o600)
        os.chown(new, old.st_uid, old.st_gid)
        new.replace(pid_file)


class Keeper:
    """The server as the keeper's child."""

    def __init__(self, home: Path, command: list[str]) -> None:
        self.home, self.data, self.command = home, home / "data", command
        self.leaving = threading.Event()
        self.server: subprocess.Popen[bytes] | None = None

    def serve(self, start_lock: int) -> None:
        """Run the server, again where it was killed, until it ends. `start.lock` is held while it starts."""
        while self._start(start_lock):
            if self.server and self.server.wait() >= 0 and not self.leaving.is_set():
                os._exit(0)
            start_lock = os.open(self.home / "start.lock", os.O_RDWR)
            fcntl.flock(start_lock, fcntl.LOCK_EX)

    def _start(self, start_lock: int) -> bool:
        """Start the server and wait until it is ready; False where that is not to be done any more."""
        try:
            if self.leaving.is_set() or postmaster(self.data):
                return False
            deadline = time.monotonic() + LINGER_WITHIN
            while not self._try():
                if time.monotonic() > deadline or not self._lingers():
                    os._exit(1)
                time.sleep(0.1)
            return True
        finally:
            os.close(start_lock)
            os.dup2(0, 1)  # whoever waits for the start reads the end of this pipe

    def _try(self) -> bool:
        _take_over(self.data / "postmaster.pid")
        self.server = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=2, stderr=2)
        while self.server.poll() is None:
            server = postmaster(self.data)
            if server and server.ready:
                return True
            time.sleep(0.005)
        return False

    def _lingers(self) -> bool:
        """Whether the start failed because processes of a killed server still live."""
        return "pre-existing shared memory block" in (self.home / "server.log").read_text(errors="replace")[-1000:]

    def leave(self) -> None:
        """Stop the server, even one whose data folder was removed under it."""
        self.leaving.set()
        stop(self.data)
        if self.server and self.server.poll() is None:
            self.server.send_signal(signal.SIGQUIT)


def main(home: Path, start_lock: int, command: list[str]) -> None:
    """Keep the server of `home`, which is started by `command` unless that is empty."""
    if os.fork():
        os._exit(0)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    keeper = Keeper(home, command)
    users = os.open(home / "users.lock", os.O_RDWR)
    if command:
        threading.Thread(target=keeper.serve, args=(start_lock,), daemon=True).start()
    else:
        os.close(start_lock)
        os.dup2(0, 1)
    fcntl.flock(users, fcntl.LOCK_EX)
    keeper.leave()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
