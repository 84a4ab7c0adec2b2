"""Starting, sharing and stopping the embedded server.

Every process that uses the database holds a shared lock on `users.lock`. A process that can lock it exclusively is the
last user and stops the server: the last user itself as it leaves, or the keeper if the last user was killed.
`start.lock` lets one process at a time create the cluster and start the server; initdb inherits it, so the lock
survives if the starting process is killed.
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

from service.embedded_postgres.cluster import ENVIRONMENT, as_owner, find_binaries_for, make_cluster
from service.embedded_postgres.home import Home, PostgresDidNotStart
from service.embedded_postgres.postmaster import SHORT_FOLDER, Postmaster, postmaster, remove_left_folder, stop

START_WITHIN = 300.0
"""Seconds: recovery after a crash under load takes a while; a failed start is detected at once."""
LONGEST_SOCKET_FOLDER = 80
"""Bytes: a socket's whole path is limited to 103 to 107, depending on the system (sockaddr_un)."""
LONGEST_TEMPORARY = LONGEST_SOCKET_FOLDER - len(SHORT_FOLDER) - 10
"""Bytes reserved for a random name."""
SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # The statement of an error and its row may contain a hash, so neither is logged.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    # The default uses segments in /dev/shm, which is outside DATA_DIR and too small in containers.
    "dynamic_shared_memory_type": "mmap",
}
KEEPER = [sys.executable, "-E", "-s", "-S", str(Path(__file__).with_name("keeper.py"))]
"""Without -I, which would hide the modules in the script's folder, and without any package."""


@contextlib.contextmanager
def running(home: Home, settings: Mapping[str, str]) -> Iterator[Postmaster]:
    """Use the server, starting it if needed; leave it at exit. Raises `NoPostgres`, `PostgresDidNotStart`."""
    with home.locked("users.lock", fcntl.LOCK_SH) as users:
        try:
            server = postmaster(home.data)
            yield server if server and server.ready and _is_kept(home) else _start(home, settings)
        finally:
            _leave(home, users)


def _is_kept(home: Home) -> bool:
    """Return whether a keeper runs. It holds its lock shared, so an exclusive lock is tried."""
    with contextlib.suppress(BlockingIOError), home.locked("keeper.lock", fcntl.LOCK_EX | fcntl.LOCK_NB):
        return False
    return True


def _leave(home: Home, users: int) -> None:
    """Stop the server if this is the last user; if another process is stopping it, wait until that is done."""
    fcntl.flock(users, fcntl.LOCK_UN)
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        fcntl.flock(users, fcntl.LOCK_SH)
    else:
        stop(home.data)


def _start(home: Home, settings: Mapping[str, str]) -> Postmaster:
    with home.locked("start.lock", fcntl.LOCK_EX) as start_lock:
        # A second attempt only if another process's start failed, or its server has no keeper.
        for _ in range(2):
            server = _settled(home)
            if server and _is_kept(home):
                return server
            _keep(home, *((server.socket_folder, []) if server else _command(home, settings, start_lock)))
        server = _settled(home)
        if server is None:
            raise PostgresDidNotStart(f"the server stopped while starting{_tail(home)}")
        return server


def _command(home: Home, settings: Mapping[str, str], start_lock: int) -> tuple[Path, list[str]]:
    """Return the socket folder and the command that starts the server; create the cluster if there is none."""
    binaries = find_binaries_for(home)
    if not home.data.exists():
        make_cluster(home, binaries, start_lock, durable=settings.get("fsync") != "off")
    remove_left_folder(home.data)
    sockets, program = _socket_folder(home), str(binaries.folder / "postgres")
    options = SETTINGS | {"unix_socket_directories": str(sockets)} | dict(settings)
    flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    return sockets, [*as_owner(home, program), program, "-D", str(home.data), *flags]


def _settled(home: Home) -> Postmaster | None:
    """Wait for a server that another process starts or stops. Returns it, or None if there is none."""
    deadline = time.monotonic() + START_WITHIN
    while (server := postmaster(home.data)) and not server.ready:
        if time.monotonic() > deadline:
            raise PostgresDidNotStart(f"the running server (process {server.pid}) is not ready{_tail(home)}")
        time.sleep(0.01)
    return server


def _keep(home: Home, sockets: Path, command: list[str]) -> None:
    """Start the keeper, with the server's command unless the server runs, and wait until the server is ready."""
    with (
        home.opened("server.lock"),
        home.locked("keeper.lock", fcntl.LOCK_SH) as lock,
        home.opened("server.log", os.O_WRONLY | os.O_APPEND | (os.O_TRUNC if command else 0)) as log,
        subprocess.Popen(
            [*KEEPER, str(home.path), str(sockets), *command],
            cwd=home.path,
            env=ENVIRONMENT,
            pass_fds=(lock,),
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
        ) as keeper,
    ):
        if keeper.stdout and not select.select([keeper.stdout], [], [], START_WITHIN)[0]:
            raise PostgresDidNotStart(f"the server was not ready within {START_WITHIN:.0f} seconds{_tail(home)}")


def _tail(home: Home) -> str:
    lines = home.log.read_text(errors="replace").splitlines()[-20:] if home.log.exists() else []
    return f"; the end of {home.log}:\n" + "\n".join(lines)


def _socket_folder(home: Home) -> Path:
    """Return `DATA_DIR/postgres/run`, or a new temporary folder if that is too long or contains a comma."""
    folder = home.path / "run"
    if len(os.fsencode(folder)) > LONGEST_SOCKET_FOLDER or set(str(folder)) & set(",\"'\\"):
        long = len(os.fsencode(tempfile.gettempdir())) > LONGEST_TEMPORARY
        folder = Path(tempfile.mkdtemp(prefix=SHORT_FOLDER, dir="/tmp" if long else None))  # noqa: S108 - a new, random name
    folder.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() == 0:
        os.chown(folder, *home.owner)
    return folder
