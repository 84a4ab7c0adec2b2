"""Pools for the tests; each is closed, so that no thread and no process outlives its test."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from service.hashing.pool import HashingPool


@pytest.fixture
async def pool() -> AsyncIterator[HashingPool]:
    async with HashingPool(workers=2) as one:
        yield one


@pytest.fixture
async def narrow() -> AsyncIterator[HashingPool]:
    """A pool of one worker, so that all but two calls (one running, one handed over) wait."""
    async with HashingPool(workers=1) as one:
        yield one


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until `condition` holds; the test's own time limit ends it where it never does."""
    while not condition():  # noqa: ASYNC110 - what is waited for happens in threads and processes, too
        await asyncio.sleep(0.001)


async def until_queued(pool: HashingPool, calls: int) -> None:
    """Let the loop run until so many calls wait."""
    await until(lambda: pool.snapshot().queued == calls)
