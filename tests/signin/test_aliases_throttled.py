"""Attempts at one account under many of its names: they count for the account, like those with its login."""

import json
from collections.abc import Sequence

import asyncpg
import pytest

from service.signin.throttling import PAIR_FREE
from service.web.parts import Parts
from tests.people import sign_in
from tests.service_fixtures import Add, Client
from tests.signin.test_sign_in_failures import in_the_future

ALIASES = [f"alias{number}" for number in range(30)]


async def guess(client: Client, name: str, password: str, event_id: str) -> int:
    call = json.loads(sign_in(name, password, eventId=event_id))
    async with client.post("/okta/password-import", json=call) as answer:
        await answer.read()
        return answer.status


async def guesses(client: Client, names: Sequence[str]) -> list[int]:
    """Return the status of one wrong password for each name."""
    return [await guess(client, name, f"wrong {name}", f"{number}-{name}") for number, name in enumerate(names)]


@pytest.mark.parametrize("names", [ALIASES, ["kim", "kim@example.com", *ALIASES]], ids=["aliases", "all names"])
async def test_an_account_with_many_names_allows_no_more_guesses_than_one_with_a_login_alone(
    client: Client, add: Add, pool: asyncpg.Pool, names: list[str]
) -> None:
    await add("kim@example.com", "right", identifiers=tuple(ALIASES))
    assert set(await guesses(client, names[:PAIR_FREE])) == {200}
    await in_the_future(pool)
    assert set(await guesses(client, names[PAIR_FREE:])) == {429}


async def test_a_password_that_is_right_by_an_alias_ends_the_failures_by_the_login(
    client: Client, add: Add, pool: asyncpg.Pool
) -> None:
    await add("kim@example.com", "right", identifiers=("alias",))
    assert set(await guesses(client, ["kim@example.com"] * (PAIR_FREE - 1))) == {200}
    assert await guess(client, "alias", "right", "the right one") == 200
    assert await pool.fetchval("SELECT count(*) FROM failures") == 0


async def test_names_that_mean_no_account_are_counted_each_for_itself(
    client: Client, add: Add, pool: asyncpg.Pool
) -> None:
    await add("kim@example.com", "right")
    assert set(await guesses(client, ["nobody1"] * PAIR_FREE)) == {200}
    await in_the_future(pool)
    assert await guesses(client, ["nobody1", "nobody2"]) == [429, 200]


async def test_a_throttled_alias_is_in_the_audit_trail_with_its_account(
    client: Client, add: Add, parts: Parts, pool: asyncpg.Pool
) -> None:
    kim = await add("kim@example.com", "right", identifiers=("alias",))
    assert set(await guesses(client, ["alias"] * PAIR_FREE)) == {200}
    await in_the_future(pool)
    assert await guess(client, "alias", "wrong", "too many") == 429
    await parts.verifier.trail.close(parts.database)
    throttled = await pool.fetch("SELECT account_id FROM audit WHERE action = 'throttled'")
    assert [row["account_id"] for row in throttled] == [kim.id]
