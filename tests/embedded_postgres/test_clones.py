"""The database of a test."""

import asyncpg


async def test_a_test_sees_the_tables_of_the_newest_migration(pool: asyncpg.Pool) -> None:
    assert await pool.fetchval("SELECT to_regclass('accounts') IS NOT NULL")


async def test_what_one_test_writes_no_other_sees(database_url: str, empty_database_url: str) -> None:
    assert database_url != empty_database_url
    connection = await asyncpg.connect(empty_database_url)
    assert not await connection.fetchval("SELECT to_regclass('accounts') IS NOT NULL")
    await connection.close()
