"""The measured servers, each started in separate processes on a free port, and stopped."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.http_client import PASSWORD, USER

PEERS = Path(__file__).parent / "peers"
UP_WITHIN = 60.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    name: str
    port: int
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """Return the CPU seconds that it and its children have used so far."""
        return sum(each.cpu_times().user + each.cpu_times().system for each in self._all())

    def memory(self) -> int:
        """Return the resident bytes of it and its children."""
        return sum(each.memory_info().rss for each in self._all())

    def _all(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


@contextmanager
def service(database_url: str, **settings: str) -> Iterator[Server]:
    """Run our service as a user would."""
    with run_server("service", [sys.executable, "-m", "service", "serve"], database_url, settings) as server:
        yield server


@contextmanager
def service_without(mechanism: str, database_url: str) -> Iterator[Server]:
    """Run our service with one of `bench.without.ALTERNATIVES`."""
    command = [sys.executable, "-m", "bench.without", mechanism]
    with run_server(f"service without {mechanism}", command, database_url) as server:
        yield server


@contextmanager
def naive_aiohttp(database_url: str) -> Iterator[Server]:
    """Run the naive handler on aiohttp."""
    with run_server(
        "naive aiohttp", [sys.executable, str(PEERS / "python" / "naive_aiohttp.py")], database_url
    ) as server:
        yield server


@contextmanager
def express(modules: Path, database_url: str, processes: int = 1) -> Iterator[Server]:
    """Run the guide's service, once or in a cluster."""
    command = ["node", "express.js"] if processes == 1 else ["node", "cluster.js", str(processes)]
    with run_server("Express" if processes == 1 else "Express cluster", command, database_url, cwd=modules) as server:
        yield server


@contextmanager
def fastify(modules: Path, database_url: str) -> Iterator[Server]:
    """Run the same on Fastify."""
    with run_server("Fastify", ["node", "fastify.js"], database_url, cwd=modules) as server:
        yield server


@contextmanager
def starlette(python: Path, database_url: str) -> Iterator[Server]:
    """Run the same on Starlette and uvicorn, as uvicorn's command starts it."""
    port = _free_port()
    options = ["--port", str(port), "--no-access-log", "--log-level", "error"]
    command = [str(python), "-m", "uvicorn", "starlette_app:app", *options]
    with run_server("Starlette", command, database_url, cwd=PEERS / "python", port=port) as server:
        yield server


@contextmanager
def run_server(
    name: str,
    command: Sequence[str],
    database_url: str,
    settings: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    port: int | None = None,
) -> Iterator[Server]:
    port = port or _free_port()
    known = {"PORT": str(port), "ADMIN_PORT": "0", "BASIC_AUTH_USER": USER, "BASIC_AUTH_PASSWORD": PASSWORD}
    environment = {**os.environ, "NODE_ENV": "production", "LOG_LEVEL": "error", "DATABASE_URL": database_url}
    with subprocess.Popen(command, env={**environment, **known, **(settings or {})}, cwd=cwd) as process:
        try:
            _await_answer(name, port, process)
            yield Server(name, port, psutil.Process(process.pid))
        finally:
            process.terminate()


def _await_answer(name: str, port: int, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + UP_WITHIN
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"{name} did not start")


def _free_port() -> int:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return int(chosen.getsockname()[1])


def install_node(folder: Path) -> Path | None:
    """Install the Node peers into `folder`, as locked; return None if Node or its registry is unavailable."""
    if shutil.which("npm") is None:
        return None
    shutil.copytree(PEERS / "node", folder)
    command = ["npm", "ci", "--omit=dev", "--no-audit", "--no-fund", "--silent"]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True)
    return folder if done.returncode == 0 else None


def install_starlette(folder: Path) -> Path | None:
    """Create a temporary environment with Starlette and uvicorn; return None if that is impossible."""
    python = folder / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, capture_output=True)
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "-qq", "--disable-pip-version-check"]
    wanted = str(PEERS / "python" / "requirements.txt")
    done = subprocess.run([*pip, "-r", wanted], check=False, capture_output=True)
    return python if done.returncode == 0 else None
