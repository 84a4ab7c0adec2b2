"""How the embedded server is started, found by those who come later, and left by the last. Knows no SQL.

Every process that uses the database holds `users.lock` shared. Whoever gets it alone is the last one out and stops the server: the last
user itself as it leaves, or the keeper where the last user was killed. `start.lock` lets one process at a time start the server.
"""

import contextlib
import fcntl
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from service.postgres import keeper
from service.postgres.cluster import ENVIRONMENT, as_owner, find_binaries_for, make_cluster
from service.postgres.home import Home, PostgresDidNotStart
from service.postgres.keeper import Postmaster, postmaster

START_WITHIN = 300.0
"""Seconds: recovery after a crash under load takes a while; a server that failed is noticed at once."""
LONGEST_SOCKET_FOLDER = 80
"""Bytes: a socket's whole path ends at 103 to 107, by the system (sockaddr_un)."""
SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # What a failing statement holds can be a hash: neither it nor its row is logged.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    # The default keeps its segments in /dev/shm, outside DATA_DIR, and is too small in containers.
    "dynamic_shared_memory_type": "mmap",
}


@contextlib.contextmanager
def running(home: Home, settings: Mapping[str, str]) -> Iterator[Postmaster]:
    """Use the server, which is started where it does not run; leave it at the end. Raises `NoPostgres`, `PostgresDidNotStart`."""
    with home.locked("users.lock", fcntl.LOCK_SH) as users:
        try:
            yield _attach(home, users) or _start(home, users, settings)
        finally:
            _leave(home, users)


def _attach(home: Home, users: int) -> Postmaster | None:
    server = postmaster(home.data)
    return server if server and server.ready and _is_kept(home) else None


def _is_kept(home: Home) -> bool:
    """Whether a keeper lives. It holds its lock shared, so this asks for more than that."""
    with contextlib.suppress(BlockingIOError), home.locked("keeper.lock", fcntl.LOCK_EX | fcntl.LOCK_NB):
        return False
    return True


def _leave(home: Home, users: int) -> None:
    """Stop the server if nobody else uses it; where another is just stopping it, wait until that is done."""
    fcntl.flock(users, fcntl.LOCK_UN)
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        fcntl.flock(users, fcntl.LOCK_SH)
    else:
        keeper.stop(home.data)


def _start(home: Home, users: int, settings: Mapping[str, str]) -> Postmaster:
    with home.locked("start.lock", fcntl.LOCK_EX):
        server = _settled(home)
        if server is None:
            binaries = find_binaries_for(home)
            if not home.data.exists():
                make_cluster(home, binaries)
            program = str(binaries.folder / "postgres")
            options = SETTINGS | {"unix_socket_directories": str(_socket_folder(home))} | dict(settings)
            server = _keep(home, [*as_owner(home, program), program, "-D", str(home.data), *_flags(options)])
        elif not _is_kept(home):
            server = _keep(home, [])
        return server


def _flags(options: Mapping[str, str]) -> list[str]:
    return [part for name, value in options.items() for part in ("-c", f"{name}={value}")]


def _settled(home: Home) -> Postmaster | None:
    """Wait for a server that others are starting or stopping. Returns it, or None where there is none."""
    deadline = time.monotonic() + START_WITHIN
    while (server := postmaster(home.data)) and not server.ready:
        if time.monotonic() > deadline:
            raise PostgresDidNotStart(f"the server that runs (process {server.pid}) is not ready{_tail(home)}")
        time.sleep(0.01)
    return server


def _keep(home: Home, command: list[str]) -> Postmaster:
    """Start the keeper, with the server's command unless that already runs, and wait until the server is ready."""
    log = home.open("server.log", os.O_WRONLY | os.O_APPEND | (os.O_TRUNC if command else 0))
    users = home.open("users.lock")
    with home.locked("keeper.lock", fcntl.LOCK_SH) as lock:
        arguments = [str(home.data), str(users), str(lock), str(log), *command]
        keeping = subprocess.Popen(
            [sys.executable, "-I", "-S", keeper.__file__, *arguments],
            cwd=home.path, env=ENVIRONMENT, pass_fds=(users, lock, log), start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
        )  # fmt: skip
    os.close(users)
    os.close(log)
    with keeping:
        assert keeping.stdout is not None
        return _await_ready(home, keeping.stdout.fileno())


def _await_ready(home: Home, keeper_lives: int) -> Postmaster:
    """Wait for the server; the pipe ends when the keeper does, which is when its server failed."""
    deadline = time.monotonic() + START_WITHIN
    while time.monotonic() < deadline:
        server = postmaster(home.data)
        if server and server.ready:
            return server
        if select.select([keeper_lives], [], [], 0.01)[0]:
            raise PostgresDidNotStart(f"the server ended as it started{_tail(home)}")
    raise PostgresDidNotStart(f"the server was not ready within {START_WITHIN:.0f} seconds{_tail(home)}")


def _tail(home: Home) -> str:
    lines = home.log.read_text(errors="replace").splitlines()[-20:] if home.log.exists() else []
    return f"; the end of {home.log}:\n" + "\n".join(lines)


def _socket_folder(home: Home) -> Path:
    """Return `DATA_DIR/postgres/run`, or a new folder in the temporary folder where a socket's path can't be that long, or holds a comma."""
    folder = home.path / "run"
    if len(os.fsencode(folder)) > LONGEST_SOCKET_FOLDER or set(str(folder)) & set(",\"'\\"):
        folder = Path(tempfile.mkdtemp(prefix=keeper.SHORT_FOLDER))
    folder.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() == 0:
        os.chown(folder, *home.owner)
    return folder
