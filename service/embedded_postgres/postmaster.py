"""The server of one data folder, by its postmaster.pid: whether it runs, and how it is stopped.

Only the standard library is imported, because the keeper loads this file by itself.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

SHORT_FOLDER = "password-import-"
"""Prefix of the socket folders in the temporary folder."""
STOPPING = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0))
"""Fast shutdown first, then immediate (recovery at the next start), with the timeout of each in seconds."""
SOCKET_LINE, STATUS_LINE = 4, 7
"""Lines of postmaster.pid: https://www.postgresql.org/docs/current/storage-file-layout.html"""


class Postmaster(NamedTuple):
    """A running server."""

    pid: int
    socket_folder: Path
    ready: bool


def postmaster(data: Path) -> Postmaster | None:
    """Return the running server of `data`; None if postmaster.pid is missing or stale (the pid may be reused)."""
    lines = _lines(data)
    pid = int(lines[0]) if lines[0].isdigit() else 0
    if not pid or not _serves(pid, data):
        return None
    return Postmaster(pid, Path(lines[SOCKET_LINE]), lines[STATUS_LINE].strip() == "ready")


def _lines(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text().split("\n") + [""] * STATUS_LINE
    except FileNotFoundError:
        return [""] * (STATUS_LINE + 1)


def _serves(pid: int, data: Path) -> bool:
    """Return whether `pid` is a postgres that works in `data`. A zombie has no working folder, so it does not count."""
    if not Path("/proc/self/cwd").exists():
        shown = subprocess.run(
            ["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        return "postgres" in shown.stdout and str(data) in shown.stdout
    try:
        named = Path(f"/proc/{pid}/comm").read_text().strip() == "postgres"
        return named and Path(f"/proc/{pid}/cwd").samefile(data)
    except OSError:
        return False


def stop(data: Path) -> None:
    """Stop the server of `data` if it runs. The caller must hold `users.lock` exclusively."""
    server = postmaster(data)
    if server is None:
        return
    for number, seconds in STOPPING:
        for each in (number, signal.SIGCONT):
            with contextlib.suppress(ProcessLookupError):
                os.kill(server.pid, each)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and _serves(server.pid, data):
            time.sleep(0.005)
    _remove_short(server.socket_folder)


def remove_left_folder(data: Path) -> None:
    """Remove the temporary socket folder of a killed server. The caller must ensure that no server runs."""
    _remove_short(Path(_lines(data)[SOCKET_LINE]))


def _remove_short(folder: Path) -> None:
    if folder.name.startswith(SHORT_FOLDER):
        shutil.rmtree(folder, ignore_errors=True)
