"""Pools for the tests; each is closed, so that no thread or process outlives its test."""

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
    """Yield a pool of one worker, so that all but two calls (one running, one handed over) wait."""
    async with HashingPool(workers=1) as one:
        yield one


async def until(condition: Callable[[], bool]) -> None:
    """Run the loop until `condition` is true; the test's time limit ends it otherwise."""
    while not condition():  # noqa: ASYNC110 - the condition may depend on threads and processes
        await asyncio.sleep(0.001)


async def until_queued(pool: HashingPool, calls: int) -> None:
    """Run the loop until so many calls wait."""
    await until(lambda: pool.snapshot().queued == calls)
