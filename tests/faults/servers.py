"""PostgreSQL servers that a test may restart, freeze, fill and kill: each a separate process tree, on a TCP port."""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from service.embedded_postgres.binaries import find_binaries
from service.embedded_postgres.cluster import ENVIRONMENT, as_owner
from service.embedded_postgres.home import Home, open_home

PATIENCE = 60
"""Seconds to wait for a server to start or stop."""
SETTINGS = {
    "fsync": "off",
    "listen_addresses": "127.0.0.1",
    "max_connections": "40",
    "shared_buffers": "16MB",
    "wal_level": "replica",
    "dynamic_shared_memory_type": "mmap",
    "hot_standby": "on",
    "unix_socket_directories": "",
    "autovacuum": "off",
}


class Server:
    """A cluster in a folder, and its processes while it runs."""

    def __init__(self, folder: Path, password: str | None = None) -> None:
        self._home: Home = open_home(folder)
        self.password = password or secrets.token_hex(8)
        self.port = free_port()
        self._settings = dict(SETTINGS)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"postgresql://postgres:{self.password}@{self.host}/postgres"

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def make(self) -> None:
        """Create the cluster; all of its users may replicate."""
        secret = self._home.path / "password"
        secret.write_text(self.password)
        shutil.chown(secret, *self._home.owner)
        self._run("initdb", "-D", str(self._home.data), "-U", "postgres", f"--pwfile={secret}", "-A", "scram-sha-256",
                  "--encoding=UTF8", "--locale=C", "--no-sync")  # fmt: skip

    def copy_from(self, other: "Server") -> None:
        """Become a standby of another server."""
        self.password = other.password
        self._run("pg_basebackup", "-D", str(self._home.data), "-d", other.url, "-R", "-X", "stream", "-c", "fast",
                  "--no-sync")  # fmt: skip

    def start(self, **settings: str) -> None:
        self._settings |= settings
        options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        program = str(find_binaries().folder / "postgres")
        with (self._home.path / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*as_owner(self._home, program), program, "-D", str(self._home.data), "-p", str(self.port), *options],
                cwd=self._home.path, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        deadline = time.monotonic() + PATIENCE
        while not self._is_ready():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise AssertionError((self._home.path / "log").read_text()[-2000:])
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server: SIGINT ends the sessions, SIGQUIT does so at once, SIGKILL resembles a power failure."""
        if self._process is None:
            return
        tree = self._tree()
        self._process.send_signal(how)
        if how is signal.SIGKILL:
            for process in tree:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        self._process.wait(PATIENCE)
        psutil.wait_procs(tree, PATIENCE)
        self._process = None

    def freeze(self) -> None:
        for process in self._tree():
            process.suspend()

    def thaw(self) -> None:
        for process in reversed(self._tree()):
            process.resume()

    def promote(self) -> None:
        self._run("pg_ctl", "promote", "-D", str(self._home.data), "-w")

    def run_sql(self, statement: str) -> None:
        self._run("psql", self.url, "-v", "ON_ERROR_STOP=1", "-qc", statement)

    def _tree(self) -> list[psutil.Process]:
        assert self._process is not None
        postmaster = psutil.Process(self._process.pid)
        return [postmaster, *postmaster.children(recursive=True)]

    def _is_ready(self) -> bool:
        command = [str(find_binaries().folder / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, check=False, env=ENVIRONMENT).returncode == 0

    def _run(self, name: str, *arguments: str) -> None:
        program = str(find_binaries().folder / name)
        command: Sequence[str] = [*as_owner(self._home, program), program, *arguments]
        done = subprocess.run(command, cwd=self._home.path, env=ENVIRONMENT, capture_output=True, check=False)
        assert done.returncode == 0, f"{name}: {done.stderr[-1000:]!r}"


@contextlib.contextmanager
def a_server(folder: Path | None = None, **settings: str) -> Iterator[Server]:
    """Yield a running server with an empty database."""
    with _folder(folder) as place:
        server = Server(place)
        server.make()
        try:
            server.start(**settings)
            yield server
        finally:
            server.stop(signal.SIGKILL)


@contextlib.contextmanager
def a_standby(primary: Server) -> Iterator[Server]:
    """Yield a server that follows another."""
    with _folder(None) as place:
        standby = Server(place, primary.password)
        standby.copy_from(primary)
        try:
            standby.start()
            yield standby
        finally:
            standby.stop(signal.SIGKILL)


@contextlib.contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    """Yield a folder that the server's user may enter, unlike those of pytest."""
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as made:
        Path(made).chmod(0o755)
        yield Path(made)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def is_root() -> bool:
    return os.geteuid() == 0
