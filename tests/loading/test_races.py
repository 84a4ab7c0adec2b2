"""A load concurrent with sign-ins and SUCCESSes: in any order, no hash remains on a tombstone, and none is lost."""

import asyncio

import asyncpg

from service.import_events.record import Channel, record_delivery
from service.loading import load
from service.okta.events import Delivery, ImportEvent
from service.settings import ForgetWhen
from service.signin.queries import record_verified
from service.store.database import Database
from tests.loading.loader import BCRYPT, OTHER_BCRYPT, Loader

PEOPLE = 400


def export(text: str) -> str:
    return "login,password_hash\n" + "".join(f"p{number}@example.com,{text}\n" for number in range(PEOPLE))


def success(number: int) -> ImportEvent:
    return ImportEvent(f"event{number}", f"00u{number}", f"p{number}@example.com", "SUCCESS", None, None, None)


async def test_loads_and_successes_at_once_end_in_tombstones_without_a_hash(
    loader: Loader, pool: asyncpg.Pool, monkeypatch: object
) -> None:
    monkeypatch.setattr(load, "BATCH", 40)  # type: ignore[attr-defined]
    database = Database(loader.url)
    await database.open()

    async def deliver(part: int) -> None:
        for first in range(part, PEOPLE, 20):
            delivery = Delivery(f"delivery{first}", (success(first), success((first + 7) % PEOPLE)), 0, ())
            await record_delivery(database, delivery, channel=Channel.HOOK, forget_when=ForgetWhen.SUCCESS)

    async def sign_in() -> None:
        async with database.connection() as connection:
            for number in range(1, PEOPLE, 3):
                await record_verified(connection, number)

    await asyncio.gather(loader.load(export(BCRYPT)), *(deliver(part) for part in range(0, 20, 2)), sign_in())
    await asyncio.gather(loader.load(export(OTHER_BCRYPT)), *(deliver(part) for part in range(1, 20, 2)))
    await database.close()
    rows = await pool.fetch("""
        SELECT state, count(*) AS number, count(hash) AS hashes FROM accounts
        LEFT JOIN hashes ON account_id = accounts.id GROUP BY state
    """)
    assert {row["state"]: (row["number"], row["hashes"]) for row in rows} == {"migrated": (PEOPLE, 0)}
