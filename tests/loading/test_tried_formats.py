"""The record of formats for which a known password was tried, and the messages about the others."""

import hashlib

import asyncpg
import pytest

from service.cli.status import recommendation
from service.hashing.format import Recipe
from service.loading.known_password import Subject, record_trial
from service.store.database import Database
from service.store.recipes import record_tried, tried_among

MD5 = hashlib.md5(b"secret").hexdigest()  # noqa: S324 (what old stores hold)


async def test_a_format_is_recorded_once_and_found_among_others(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await record_tried(connection, "md5")
        await record_tried(connection, "md5")
        assert await tried_among(connection, ["md4", "md5"]) == {"md5"}
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "recipe, diagnosed, experiment, formats",
    [
        (Recipe("md5"), False, False, ["md5"]),
        (None, False, False, []),
        (Recipe("md5"), True, False, []),
        (Recipe("md5"), False, True, []),
    ],
    ids=["verified", "unverified", "found by a diagnosis", "under another recipe than the stored one"],
)
async def test_only_a_verified_password_that_tests_the_recipe_counts_for_its_format(
    database_url: str,
    pool: asyncpg.Pool,
    recipe: Recipe | None,
    diagnosed: bool,
    experiment: bool,
    formats: list[str],
) -> None:
    database = Database(database_url)
    await database.open()
    try:
        await record_trial(database, Subject((), is_experiment=experiment), recipe, diagnosed=diagnosed)
    finally:
        await database.close()
    assert [row["format"] for row in await pool.fetch("SELECT format FROM tried_formats")] == formats
    assert await pool.fetchval("SELECT count(*) FROM audit WHERE action = 'tried'") == 1


def test_untried_formats_are_named_with_the_command() -> None:
    lines = list(recommendation(["md4", "md5", "nt"], {"nt"}))
    assert lines[0] == "A known password was VERIFIED for 1 of 3 formats."
    assert "md4, md5" in lines[1]
    assert "password-import try" in lines[2]


def test_nothing_is_recommended_without_hashes_or_when_every_format_was_tried() -> None:
    assert list(recommendation([], set())) == []
    assert list(recommendation(["md4", "md5"], {"md4", "md5"})) == ["A known password was VERIFIED for 2 of 2 formats."]
