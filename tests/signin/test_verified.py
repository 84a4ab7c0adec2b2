"""The effects of a VERIFIED: the state of one waiting account, and the end of its failure counts."""

from typing import cast

import asyncpg
import pytest

from service.signin.failures import throttle_key
from service.signin.queries import clear_failures, count_failure, read_failures, record_verified
from service.signin.throttling import FORGET_AFTER

KIM = throttle_key(b"key", "kim@example.com", "192.0.2.1")


@pytest.fixture
async def ids(pool: asyncpg.Pool) -> list[int]:
    """Return the ids of a waiting account, another one, and a tombstone."""
    made = (
        "INSERT INTO accounts (login, login_key, state, forgotten_at, proof) VALUES ($1, $1, $2, $3, $4) RETURNING id"
    )
    now = await pool.fetchval("SELECT now()")
    waiting = [await pool.fetchval(made, login, "waiting", None, None) for login in ("kim", "jo")]
    return [*waiting, await pool.fetchval(made, "tombstone", "migrated", now, "event")]


async def states(pool: asyncpg.Pool) -> list[str]:
    return [row["state"] for row in await pool.fetch("SELECT state FROM accounts ORDER BY id")]


async def test_one_account_becomes_verified(pool: asyncpg.Pool, ids: list[int]) -> None:
    async with pool.acquire() as proxy:
        await record_verified(cast("asyncpg.Connection", proxy), ids[0])
    assert await states(pool) == ["verified", "waiting", "migrated"]


async def test_the_first_verified_counts(pool: asyncpg.Pool, ids: list[int]) -> None:
    moments = []
    async with pool.acquire() as proxy:
        for _ in range(2):
            await record_verified(cast("asyncpg.Connection", proxy), ids[0])
            moments.append(await pool.fetchval("SELECT verified_at FROM accounts WHERE id = $1", ids[0]))
    assert moments[0] == moments[1]


async def test_an_account_that_became_a_tombstone_meanwhile_stays_one(pool: asyncpg.Pool, ids: list[int]) -> None:
    async with pool.acquire() as proxy:
        await record_verified(cast("asyncpg.Connection", proxy), ids[2])
    assert await states(pool) == ["waiting", "waiting", "migrated"]


@pytest.mark.parametrize("clears", [True, False])
async def test_the_streaks_of_the_pair_and_the_login_end_where_asked(
    pool: asyncpg.Pool, ids: list[int], clears: bool
) -> None:
    async with pool.acquire() as proxy:
        connection = cast("asyncpg.Connection", proxy)
        await count_failure(connection, KIM, call=None, forget_after=FORGET_AFTER)
        await record_verified(connection, ids[0], clear_failures_of=KIM if clears else None)
        known = await read_failures(connection, KIM)
    assert (known.pair is None, known.login is None) == (clears, clears)


async def test_clearing_ends_both_streaks(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as proxy:
        connection = cast("asyncpg.Connection", proxy)
        await count_failure(connection, KIM, call=None, forget_after=FORGET_AFTER)
        await clear_failures(connection, KIM)
        known = await read_failures(connection, KIM)
    assert (known.pair, known.login) == (None, None)
