"""The refresh that runs concurrently with sign-ins: it continues after a fault, prunes, and measures what is new."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from service.hashing.format import Check
from service.signin import verify
from service.signin.failures import throttle_key
from service.signin.throttling import count_wrong_password
from service.signin.verify import WARMED, keep_prepared, prepare
from service.store.database import DatabaseUnavailable
from service.web.parts import Parts
from tests.hashing.pool.fakes import Fixed
from tests.people import plain
from tests.service_fixtures import Add


@asynccontextmanager
async def refreshing(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[asyncio.Task[None]]:
    monkeypatch.setattr(verify, "REFRESH_EVERY", 0.001)
    task = asyncio.create_task(keep_prepared(parts.verifier, timedelta(days=100)))
    yield task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def until_none(pool: asyncpg.Pool, query: str, task: asyncio.Task[None]) -> None:
    while await pool.fetchval(query) and not task.done():  # noqa: ASYNC110 - the store is watched
        await asyncio.sleep(0.001)
    assert not task.done()


async def test_streaks_that_are_over_and_old_entries_are_pruned(
    parts: Parts, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with pool.acquire() as proxy:
        await count_wrong_password(plain(proxy), throttle_key(b"key", "kim", None), None)
    await pool.execute("UPDATE failures SET since = since - interval '2 hours'")
    await pool.execute("INSERT INTO audit (action, reason, at) VALUES ('refused', 'x', now() - interval '101 days')")
    async with refreshing(parts, monkeypatch) as task:
        await until_none(pool, "SELECT (SELECT count(*) FROM failures) + (SELECT count(*) FROM audit)", task)


@pytest.mark.parametrize("fault", [DatabaseUnavailable, TimeoutError, ConnectionResetError])
async def test_a_refresh_that_fails_is_tried_again(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, fault: type[Exception]
) -> None:
    tries, again = [], asyncio.Event()

    async def fail_twice(_: object) -> None:
        tries.append(1)
        if len(tries) <= 2:
            raise fault
        again.set()

    monkeypatch.setattr(verify, "prepare", fail_twice)
    async with refreshing(parts, monkeypatch) as task:
        waiting = asyncio.create_task(again.wait())
        await asyncio.wait([waiting, task], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        assert not task.done()
    assert len(tries) >= 3


async def test_only_costs_that_were_never_measured_are_measured_and_no_more_than_a_few(
    parts: Parts, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add("kim@example.com", "right")
    warmed: list[str] = []

    async def warm(checks: Iterable[Check]) -> None:
        warmed.extend(check.cost for check in checks)

    many: Any = [Fixed(cost=f"cost {number}") for number in range(WARMED + 5)]
    monkeypatch.setattr(parts.verifier.pool, "warm", warm)
    monkeypatch.setattr(type(parts.verifier), "prepare", lambda _: asyncio.sleep(0))
    monkeypatch.setattr(parts.verifier.dummy_hashes, "checks", many)
    parts.verifier.pool._estimates.learn("cost 3", 0.1)
    await prepare(parts.verifier)
    assert warmed == [f"cost {number}" for number in range(WARMED + 1) if number != 3]
