"""Real hashes, made by libpass, in the real pool: one format for each executor."""

import asyncio

import pytest
from passlib.hash import argon2, bcrypt

from service.hashing import registry
from service.hashing.format import Check, Recipe, StoredHash
from service.hashing.pool import HashingPool, Overloaded

RIGHT, WRONG = "pässword1", "password1"


def real(text: str) -> Check:
    (found, *_) = registry.candidates(text)
    return found.parse(StoredHash(text, Recipe(found.name)))


@pytest.fixture(scope="module")
def checks() -> list[Check]:
    hashes = [
        bcrypt.using(rounds=6).hash(RIGHT),
        argon2.using(memory_cost=1024, time_cost=1, parallelism=1).hash(RIGHT),
    ]
    return [real(text) for text in hashes]


async def test_right_passwords_match_and_wrong_ones_do_not(pool: HashingPool, checks: list[Check]) -> None:
    deadline = asyncio.get_running_loop().time() + 30
    for check in checks:
        assert await pool.verify([check], RIGHT, account="a", deadline=deadline)
        assert not await pool.verify([check], WRONG, account="a", deadline=deadline)


async def test_at_several_times_its_capacity_the_pool_answers_rightly_or_not_at_all(
    pool: HashingPool, checks: list[Check]
) -> None:
    await pool.warm(checks)
    deadline = asyncio.get_running_loop().time() + 2.5

    async def sign_in(number: int) -> bool | None:
        password = RIGHT if number % 2 else WRONG
        try:
            return await pool.verify(checks[: number % 2 + 1], password, account=number, deadline=deadline)
        except Overloaded:
            return None

    answers = await asyncio.gather(*(sign_in(number) for number in range(1000)))
    assert set(answers[1::2]) <= {True, None}
    assert set(answers[0::2]) <= {False, None}
    assert answers.count(None) < len(answers)


async def test_a_pool_after_a_flood_answers_the_next_call(pool: HashingPool, checks: list[Check]) -> None:
    loop = asyncio.get_running_loop()
    flood = [
        asyncio.create_task(pool.verify(checks[:1], RIGHT, account=n, deadline=loop.time() + 2.5)) for n in range(500)
    ]
    await asyncio.gather(*flood, return_exceptions=True)
    assert await pool.verify(checks[:1], RIGHT, account="next", deadline=loop.time() + 30)
