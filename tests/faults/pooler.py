"""PgBouncer in transaction mode in front of a server, if it is installed."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.faults.servers import PATIENCE, Server, free_port, is_root

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
CONNECTIONS = 4
"""Connections to the server: fewer than those of the service to the pooler, so that they are shared."""


@contextlib.contextmanager
def a_pooler(server: Server) -> Iterator[str]:
    """Yield the URL of the server's database through the pooler."""
    port, user = free_port(), "nobody" if is_root() else pwd.getpwuid(os.geteuid()).pw_name
    with tempfile.TemporaryDirectory(prefix="faults-") as made:
        folder = Path(made)
        (folder / "users").write_text(f'"postgres" "{server.password}"\n')
        settings = {
            "listen_addr": "127.0.0.1",
            "listen_port": port,
            "unix_socket_dir": "",
            "auth_type": "plain",
            "auth_file": folder / "users",
            "pool_mode": "transaction",
            "default_pool_size": CONNECTIONS,
            "server_login_retry": 1,
            "logfile": folder / "log",
        }
        lines = ["[databases]", f"postgres = host=127.0.0.1 port={server.port}", "[pgbouncer]"]
        (folder / "settings").write_text("\n".join([*lines, *(f"{k} = {v}" for k, v in settings.items())]))
        for path in (folder, folder / "users", folder / "settings"):
            path.chmod(0o777 if path.is_dir() else 0o644)
        process = subprocess.Popen(
            [str(PROGRAM), "-q", "-u", user, str(folder / "settings")] if is_root()
            else [str(PROGRAM), "-q", str(folder / "settings")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            _wait(port)
            yield server.url.replace(server.host, f"127.0.0.1:{port}")
        finally:
            process.kill()
            process.wait()


def _wait(port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    raise AssertionError("PgBouncer did not come up")
