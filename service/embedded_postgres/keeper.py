"""The keeper: a small process that starts the server and stops it after its last user. Run as a script.

It waits for the exclusive lock on `users.lock`, which the kernel grants when no process uses the database any more,
however the processes ended. A server that was killed meanwhile is restarted. Only the standard library and `postmaster`
are imported, so that it stays small (11 MB).
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
    from service.embedded_postgres.postmaster import postmaster, stop
else:
    from postmaster import postmaster, stop  # a script imports modules from its own folder

LINGER_WITHIN = 20.0
"""Seconds that the processes of a killed server get to end: each one finishes its statement first."""


def _take_over(pid_file: Path) -> None:
    """Make a stale postmaster.pid harmless: PostgreSQL never treats the pid of its own parent as another server.

    The file is not removed: its shared memory key lets a new server detect that processes of the old one still run.
    An empty file, from a server that was killed while creating the file, has no key and would be rejected.
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
    """The server as the keeper's child.

    `server.lock` is inherited by every process of the server: while any of them lives, even one that has not created
    postmaster.pid yet, or whose postmaster was killed, no other server is started.
    """

    def __init__(self, home: Path, sockets: Path, command: list[str]) -> None:
        self.home, self.data, self.sockets, self.command = home, home / "data", sockets, command
        self.starting, self.leaving = threading.Lock(), False
        self.server: subprocess.Popen[bytes] | None = None

    def serve(self) -> None:
        """Run the server, restarting it if it was killed, until it ends or all users have left."""
        while self._start():
            if self.server and self.server.wait() >= 0 and not self.leaving:
                os._exit(0)

    def _start(self) -> bool:
        """Start the server and wait until it is ready; False if another has started it, or all users have left."""
        deadline = time.monotonic() + LINGER_WITHIN
        while not (self.leaving or postmaster(self.data)):
            if self._try():
                _signal_started()
                return True
            if time.monotonic() > deadline:
                sys.stderr.write("processes of the killed server are still running\n")
                os._exit(1)
            time.sleep(0.02)
        _signal_started()
        return False

    def _try(self) -> bool:
        """Start the server unless processes of the last one still run. Exits if the server ends first."""
        lock = os.open(self.home / "server.lock", os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with self.starting:
                if self.leaving:
                    return False
                _take_over(self.data / "postmaster.pid")
                (self.sockets / ".s.PGSQL.5432.lock").unlink(missing_ok=True)  # contains only a pid
                self.server = subprocess.Popen(self.command, stdin=0, stdout=2, stderr=2, pass_fds=(lock,))
        except BlockingIOError:
            return False
        finally:
            os.close(lock)
        while not ((server := postmaster(self.data)) and server.ready):
            if self.server.poll() is not None:
                os._exit(1)
            time.sleep(0.005)
        return True

    def leave(self) -> None:
        """Stop the server, even one that is still starting or whose data folder was removed."""
        with self.starting:
            self.leaving = True
        stop(self.data)
        if self.server and self.server.poll() is None:
            self.server.send_signal(signal.SIGQUIT)
            self.server.wait()


def _signal_started() -> None:
    """Close the pipe, whose end the starting process waits for."""
    os.dup2(0, 1)


def main(home: Path, sockets: Path, command: list[str]) -> None:
    """Supervise the server of `home`, which is started by `command` unless that is empty."""
    if os.fork():
        os._exit(0)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    keeper = Keeper(home, sockets, command)
    users = os.open(home / "users.lock", os.O_RDWR)
    if command:
        threading.Thread(target=keeper.serve, daemon=True).start()
    else:
        _signal_started()
    fcntl.flock(users, fcntl.LOCK_EX)
    keeper.leave()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
