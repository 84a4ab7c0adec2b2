"""The server of one data folder, by its postmaster.pid: whether it lives, how it stops. As a script: the keeper. Knows no SQL.

The keeper is a small process that starts the server and then waits for one thing only: the exclusive lock on `users.lock`, which the kernel
grants once no process uses the database any more, however they ended. Then it stops the server. It is run as a file, with nothing of this
project imported, so that it stays small; that is why this module uses the standard library alone.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

SHORT_FOLDER = "password-import-"
"""What the names of socket folders begin with that lie in the temporary folder."""
STOPPING = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0))
"""Fast shutdown first, then immediate (recovery at the next start), with the seconds that each is given."""


class Postmaster(NamedTuple):
    """A live server: https://www.postgresql.org/docs/current/storage-file-layout.html names the lines of postmaster.pid."""

    pid: int
    socket_folder: Path
    ready: bool


def postmaster(data: Path) -> Postmaster | None:
    """Return the live server of `data`, or None; a stale postmaster.pid, even one whose pid lives on in another process, is None."""
    try:
        lines = (data / "postmaster.pid").read_text().split("\n") + [""] * 8
        pid = int(lines[0])
    except (FileNotFoundError, ValueError):
        return None
    if pid <= 0 or not _serves(pid, data):
        return None
    return Postmaster(pid, Path(lines[4]), lines[7].strip() == "ready")


def _serves(pid: int, data: Path) -> bool:
    """Whether `pid` is a postgres whose working folder is `data`. A zombie has no working folder, so it does not count."""
    if not Path("/proc/self/cwd").exists():
        shown = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return "postgres" in shown.stdout and str(data) in shown.stdout
    try:
        named = Path(f"/proc/{pid}/comm").read_text().strip() == "postgres"
        return named and os.path.samestat(os.stat(f"/proc/{pid}/cwd"), data.stat())
    except OSError:
        return False


def stop(data: Path) -> None:
    """Stop the server of `data` where one lives, and remove its socket folder where that lies outside. The caller holds `users.lock` alone."""
    server = postmaster(data)
    if server is None:
        return
    for number, seconds in STOPPING:
        for each in (number, signal.SIGCONT):
            with contextlib.suppress(ProcessLookupError):
                os.kill(server.pid, each)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and _serves(server.pid, data):
            time.sleep(0.01)
    remove_short_folder(server.socket_folder)


def remove_short_folder(folder: Path) -> None:
    """Remove a socket folder that was made in the temporary folder; any other stays."""
    if folder.name.startswith(SHORT_FOLDER):
        shutil.rmtree(folder, ignore_errors=True)


def _take_over(pid_file: Path) -> None:
    """Make a stale postmaster.pid harmless: PostgreSQL takes the pid of its own parent for no other server.

    The file is not removed, because its shared memory key is how a new server notices that processes of the old one still live.
    An empty file, left by a server killed as it made the file, holds no key and would be refused.
    """
    with contextlib.suppress(FileNotFoundError):
        lines = pid_file.read_text().split("\n")
        remove_short_folder(Path(lines[4] if len(lines) > 4 else ""))
        if not lines[0]:
            pid_file.unlink()
            return
        new, owner = pid_file.with_name("postmaster.pid.new"), pid_file.stat()
        new.write_text("\n".join([str(os.getpid()), *lines[1:]]))
        new.chmod(0o600)
        os.chown(new, owner.st_uid, owner.st_gid)
        new.replace(pid_file)


def _start(command: list[str], log: int) -> None:
    """Start the server as a child; when it ends, so does the keeper."""
    signal.signal(signal.SIGCHLD, _end)
    if os.fork() == 0:
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.execv(command[0], command)


def _end(*_: object) -> None:
    with contextlib.suppress(ChildProcessError):
        os.wait()
    sys.exit()


def main(data: Path, users: int, lock: int, log: int, command: list[str]) -> None:
    """Keep the server of `data`: start it where there is a command, and stop it when `users` is locked by nobody else."""
    for descriptor in (users, lock, log):
        os.set_inheritable(descriptor, False)
    if os.fork():
        os._exit(0)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    if command:
        _take_over(data / "postmaster.pid")
        _start(command, log)
    fcntl.flock(users, fcntl.LOCK_EX)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    stop(data)
    _end()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:])
