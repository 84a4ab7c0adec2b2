"""Programs that a test starts and stops: found or skipped, on a free port, with their output kept for a failure."""

import asyncio
import contextlib
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

PATIENCE = 120.0
"""Seconds to wait for a program to start, or for a condition."""
PAUSE = 0.1
"""Seconds between two checks."""


def find(name: str, package: str) -> str:
    """Return the path of a program; skip if it is not installed."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed (Debian: {package})")
    return path


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@asynccontextmanager
async def running(*command: str, log: Path, cwd: Path | None = None) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a program; terminate it afterwards, and kill it if it does not end."""
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(*command, cwd=cwd, stdout=output, stderr=output)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 20)
        except TimeoutError:
            process.kill()
            await process.wait()


async def until(holds: Callable[[], Awaitable[bool]], what: str, log: Path | None = None) -> None:
    """Wait for a condition. Fails with the program's output."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not await holds():  # noqa: ASYNC110 (another program's state cannot be awaited)
                await asyncio.sleep(PAUSE)
    except TimeoutError:
        pytest.fail(f"not within {PATIENCE:g} s: {what}\n{written(log)}")


def written(log: Path | None) -> str:
    """Return the end of a program's output."""
    return log.read_text(encoding="utf-8", errors="replace")[-3000:] if log else ""


async def answers(session: aiohttp.ClientSession, url: str, status: int = 200) -> bool:
    """Return whether a URL answers with a status."""
    try:
        async with session.get(url) as answer:
            return answer.status == status
    except (aiohttp.ClientError, OSError):
        return False
