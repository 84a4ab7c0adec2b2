"""Starting, sharing and stopping the embedded server.

Every process that uses the database holds `users.lock` shared. Whoever gets it alone is the last one out and stops
the server: the last user itself as it leaves, or the keeper where the last user was killed. `start.lock` lets one
process at a time make the cluster and start the server; initdb inherits it, so it outlives a starter that is killed.
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
"""Seconds: recovery after a crash under load takes a while; a server that failed is noticed at once."""
LONGEST_SOCKET_FOLDER = 80
"""Bytes: a socket's whole path ends at 103 to 107, by the system (sockaddr_un)."""
LONGEST_TEMPORARY = LONGEST_SOCKET_FOLDER - len(SHORT_FOLDER) - 10
"""Bytes: what a random name leaves."""
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
KEEPER = [sys.executable, "-E", "-s", "-S", str(Path(__file__).with_name("keeper.py"))]
"""Without -I, which would hide what lies beside the script; without any package."""


@contextlib.contextmanager
def running(home: Home, settings: Mapping[str, str]) -> Iterator[Postmaster]:
    """Use the server, started where it does not run; leave it after. Raises `NoPostgres`, `PostgresDidNotStart`."""
    with home.locked("users.lock", fcntl.LOCK_SH) as users:
        try:
            server = postmaster(home.data)
            yield server if server and server.ready and _is_kept(home) else _start(home, settings)
        finally:
            _leave(home, users)


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
        stop(home.data)


def _start(home: Home, settings: Mapping[str, str]) -> Postmaster:
    with home.locked("start.lock", fcntl.LOCK_EX) as start_lock:
        # A second time only where what another had begun to start came to nothing, or came up without a keeper.
        for _ in range(2):
            server = _settled(home)
            if server and _is_kept(home):
                return server
            _keep(home, *((server.socket_folder, []) if server else _command(home, settings, start_lock)))
        server = _settled(home)
        if server is None:
            raise PostgresDidNotStart(f"the server ended as it started{_tail(home)}")
        return server


def _command(home: Home, settings: Mapping[str, str], start_lock: int) -> tuple[Path, list[str]]:
    """Return the folder of the server's socket and the command that starts it; make the cluster where there is none."""
    binaries = find_binaries_for(home)
    if not home.data.exists():
        make_cluster(home, binaries, start_lock, durable=settings.get("fsync") != "off")
    remove_left_folder(home.data)
    sockets, program = _socket_folder(home), str(binaries.folder / "postgres")
    options = SETTINGS | {"unix_socket_directories": str(sockets)} | dict(settings)
    flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    return sockets, [*as_owner(home, program), program, "-D", str(home.data), *flags]


def _settled(home: Home) -> Postmaster | None:
    """Wait for a server that others are starting or stopping. Returns it, or None where there is none."""
    deadline = time.monotonic() + START_WITHIN
    while (server := postmaster(home.data)) and not server.ready:
        if time.monotonic() > deadline:
            raise PostgresDidNotStart(f"the server that runs (process {server.pid}) is not ready{_tail(home)}")
        time.sleep(0.01)
    return server


def _keep(home: Home, sockets: Path, command: list[str]) -> None:
    """Start the keeper, with the server's command unless that already runs, and wait until it has done its part."""
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
    """Return `DATA_DIR/postgres/run`, or a new temporary folder where that is too long or holds a comma."""
    folder = home.path / "run"
    if len(os.fsencode(folder)) > LONGEST_SOCKET_FOLDER or set(str(folder)) & set(",\"'\\"):
        long = len(os.fsencode(tempfile.gettempdir())) > LONGEST_TEMPORARY
        folder = Path(tempfile.mkdtemp(prefix=SHORT_FOLDER, dir="/tmp" if long else None))  # noqa: S108 - a new, random name
    folder.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() == 0:
        os.chown(folder, *home.owner)
    return folder
