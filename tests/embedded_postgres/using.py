"""A process that uses the embedded server like the service and a command: run as a script, controlled by its pipes.

It prints the URL once it is available, then follows commands until its input ends: `write` inserts rows, and prints
each number once it is acknowledged.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil

from service.embedded_postgres import embedded
from service.embedded_postgres.postmaster import postmaster

QUICK = {"fsync": "off"}
"""Protection against power failures only costs time here: kill -9 loses nothing from the system's cache."""
ROOT = Path(__file__).resolve().parents[2]


class Process:
    """Such a process, seen from outside."""

    def __init__(self, data_dir: Path, *orders: str, prefix: tuple[str, ...] = (), **environment: str) -> None:
        self.popen = subprocess.Popen(
            [*prefix, sys.executable, "-m", "tests.embedded_postgres.using", str(data_dir), *orders],
            cwd=ROOT,
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def url(self) -> str:
        """Return the URL once the server is available."""
        line = self.lines(1)
        assert line, self.popen.stderr and self.popen.stderr.read()
        return line[0]

    def lines(self, most: int | None = None) -> list[str]:
        """Return its output: so many lines, or all until its end."""
        assert self.popen.stdout
        if most is None:
            return self.popen.stdout.read().splitlines()
        return [line.rstrip("\n") for _ in range(most) if (line := self.popen.stdout.readline())]

    def leave(self) -> None:
        """End its input, so that it exits normally."""
        assert self.popen.stdin
        self.popen.stdin.close()
        assert self.popen.wait(300) == 0, self.popen.stderr and self.popen.stderr.read()
        self._close()

    def kill(self) -> None:
        """Kill it with kill -9."""
        self.popen.kill()
        self.popen.wait()

    def _close(self) -> None:
        for pipe in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
            assert pipe
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


@contextlib.contextmanager
def using(data_dir: Path, *orders: str, prefix: tuple[str, ...] = (), **environment: str) -> Iterator[Process]:
    """Run such a process; kill it if the test did not end it."""
    process = Process(data_dir, *orders, prefix=prefix, **environment)
    try:
        yield process
    finally:
        process.kill()
        process._close()


def server_pid(data_dir: Path) -> int:
    """Return the process id of the server."""
    server = postmaster(data_dir / "postgres" / "data")
    assert server
    return server.pid


def processes(data_dir: Path) -> list[psutil.Process]:
    """Return every live process of the folder: the server's and the keeper, but not their users."""
    home, found = str(data_dir / "postgres"), []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            keeper = "keeper.py" in " ".join(process.cmdline()) and home in process.cmdline()
            if keeper or (process.name() == "postgres" and process.cwd().startswith(home)):
                found.append(process)
    return found


def keepers(data_dir: Path) -> list[psutil.Process]:
    """Return the keepers of the folder."""
    return [process for process in processes(data_dir) if process.name() != "postgres"]


def kill_all(found: list[psutil.Process]) -> None:
    """Kill them with kill -9, as simultaneously as possible, and wait: one that writes to disk ends only afterwards."""
    for process in found:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)
    while any(map(_lives, found)):
        time.sleep(0.002)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return False


def all_gone(data_dir: Path, within: float = 300) -> bool:
    """Wait until no process of the folder is left."""
    deadline = time.monotonic() + within
    while processes(data_dir) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not processes(data_dir)


async def answers(url: str, within: float = 300) -> bool:
    """Return whether the server answers soon."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            connection = await asyncpg.connect(url)
        except (OSError, asyncpg.PostgresError):
            await asyncio.sleep(0.05)
        else:
            await connection.close()
            return True
    return False


async def _write(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE IF NOT EXISTS written (number bigint PRIMARY KEY)")
    number = await connection.fetchval("SELECT coalesce(max(number), 0) FROM written")
    while True:
        number += 1
        await connection.execute("INSERT INTO written VALUES ($1)", number)
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


async def _main(data_dir: Path, orders: list[str]) -> None:
    async with embedded(data_dir, server_settings=QUICK) as url:
        sys.stdout.write(url + "\n")
        sys.stdout.flush()
        if "write" in orders:
            await _write(url)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), sys.argv[2:]))
