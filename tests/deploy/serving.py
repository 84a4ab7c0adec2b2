"""The service as an operator starts it: migrated database, loaded accounts, `serve` in a separate process."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

USER, PASSWORD = "admin", "supersecret"
AUTHORIZATION = "Basic YWRtaW46c3VwZXJzZWNyZXQ="  # the example of Okta's guide for these two
ROOT = Path(__file__).parents[2]
PATIENCE = 120.0
"""Seconds to wait for a program to start or end."""


@dataclass
class Ports:
    service: int
    admin: int


def environment(database_url: str, **more: str) -> dict[str, str]:
    given = {"DATABASE_URL": database_url, "BASIC_AUTH_USER": USER, "BASIC_AUTH_PASSWORD": PASSWORD}
    return os.environ | given | {"PORT": "0", "ADMIN_PORT": "0", "LOG_FORMAT": "json", "PYTHONPATH": str(ROOT)} | more


def load(database_url: str, folder: Path) -> None:
    """Load the examples: the password of jessie.smith@example.com is `password1`."""
    command = [
        sys.executable,
        "-m",
        "service",
        "load",
        str(ROOT / "examples" / "legacy-users.csv"),
        "--source",
        "legacy",
    ]
    done = subprocess.run(
        command, cwd=folder, env=environment(database_url), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@contextlib.contextmanager
def program(*command: str, log: Path, env: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program in the folder of its log; terminate it afterwards, and kill it if it does not end."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=log.parent, env=env, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until(holds: Callable[[], bool], what: str, log: Path) -> None:
    """Wait for a condition. Fails with the program's output."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"{what}: {log.read_text(errors='replace')[-3000:]}"
        time.sleep(0.05)


@contextlib.contextmanager
def a_service(database_url: str, folder: Path, **more: str) -> Iterator[Ports]:
    """Serve on free ports of loopback."""
    log = folder / "service.log"
    command = [sys.executable, "-m", "service", "serve"]
    with program(*command, log=log, env=environment(database_url, **more)) as process:
        until(lambda: process.poll() is not None or len(_ports(log)) == 2, "the service listens", log)
        assert process.poll() is None, log.read_text()
        yield Ports(**_ports(log))


def _ports(log: Path) -> dict[str, int]:
    """Return the ports on which it listens, from its log."""
    lines = [line for line in log.read_text().splitlines(keepends=True) if line.endswith("\n")]
    said = [json.loads(line) for line in lines if line.startswith("{")]
    listening = [line for line in said if line["event"] == "listening"]
    return {line["name"]: int(line["url"].rpartition(":")[2]) for line in listening}
