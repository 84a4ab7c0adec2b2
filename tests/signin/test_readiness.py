"""Each reason why the service is not ready, by name."""

from service.signin.readiness import what_is_missing
from service.store.database import Database
from service.stored_hashes import HashOpener
from service.web.parts import Parts
from tests.service_fixtures import Add


async def missing(parts: Parts, database: Database | None = None, *, revisions: tuple[str, ...] = ()) -> list[str]:
    known = revisions or parts.revisions
    return list(await what_is_missing(database or parts.database, known, HashOpener({})))


async def test_nothing_is_missing_where_an_account_is_loaded(parts: Parts, add: Add) -> None:
    await add("kim@example.com", "right")
    assert await missing(parts) == []


async def test_an_empty_store_is_named(parts: Parts) -> None:
    assert await missing(parts) == ["no account is loaded"]


async def test_a_schema_that_is_older_is_named(parts: Parts, add: Add) -> None:
    await add("kim@example.com", "right")
    (fault,) = await missing(parts, revisions=("newest", *parts.revisions))
    assert "schema is older" in fault


async def test_a_database_that_cannot_be_reached_is_named(parts: Parts) -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/none")
    assert await missing(parts, away) == ["the database cannot be reached"]


async def test_a_pepper_that_stored_hashes_need_is_named(parts: Parts, add: Add) -> None:
    await add("kim@example.com", "right")
    async with parts.database.connection() as connection:
        await connection.execute('UPDATE recipes SET parameters = parameters || \'{"pepper_env": "CRM_PEPPER"}\'')
    assert await missing(parts) == ["the pepper CRM_PEPPER is not set, and stored hashes need it"]
