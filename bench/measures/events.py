"""Import events a second, in deliveries of 1, 100 and 1,000, against a loop with a transaction for each event."""

import asyncio
import json
import time
import uuid
from collections.abc import Iterator

import asyncpg

from bench import store
from bench.closed_loop import measure
from bench.http_client import post
from bench.setting import Setting
from bench.table import Row

ARM = """
TRUNCATE import_events, hashes, accounts CASCADE;
INSERT INTO accounts (login, login_key, state)
    SELECT format('person%s@example.com', n), format('person%s@example.com', n), 'waiting'
    FROM generate_series(0, {people} - 1) n;
INSERT INTO hashes (account_id, source_id, recipe_id, hash)
    SELECT accounts.id, sources.id, (SELECT min(id) FROM recipes), 'x' FROM accounts, sources;
"""
ONE = (
    """INSERT INTO import_events (uuid, login_key, outcome, channel, effect)
    VALUES ($1, $2, 'SUCCESS', 'hook', 'migrated')""",
    "DELETE FROM hashes USING accounts WHERE account_id = id AND $1 <> '' AND login_key = $2",
    "UPDATE accounts SET state = 'migrated', forgotten_at = now(), proof = $1 WHERE login_key = $2",
)
"""The statements of a plain loop for each event."""
BY_LOOP = 500
"""People that are reserved for the plain loop."""


def rows(setting: Setting) -> Iterator[Row]:
    """Measure the import of waiting people, each once, in consecutive deliveries."""
    url = setting.people("fast")
    people = 500 if setting.quick else 40_000
    with setting.service(url) as server:
        for size in (1, 100) if setting.quick else (1, 100, 1000):
            deliveries = [delivery_of(range(at, at + size)) for at in range(0, people, size)]
            ratios = []
            for _ in range(setting.rounds):
                store.execute(url, ARM.format(people=people + BY_LOOP))
                plain = asyncio.run(_one_by_one(url, people))
                callers, seconds = min(4, len(deliveries)), min(setting.seconds, 1.0)
                seen = measure(server.port, deliveries, callers=callers, seconds=seconds, warm=0)
                ratios.append(seen.per_second * size / plain)
            yield Row(f"import events/s, {size} in a delivery", ratios, "one transaction for each event")


async def _one_by_one(url: str, begin: int) -> float:
    connection = await asyncpg.connect(url)
    begun = time.perf_counter()
    for number in range(begin, begin + BY_LOOP):
        async with connection.transaction():
            for statement in ONE:
                await connection.execute(statement, str(uuid.uuid4()), store.login(number))
    seconds = time.perf_counter() - begun
    await connection.close()
    return BY_LOOP / seconds


def delivery_of(people: range) -> bytes:
    events = [_event(number) for number in people]
    call = {"eventType": "com.okta.event_hook", "eventId": str(uuid.uuid4()), "data": {"events": events}}
    return post("/okta/events", json.dumps(call).encode())


def _event(number: int) -> dict[str, object]:
    user = {"id": f"00u{number}", "type": "User", "alternateId": store.login(number), "displayName": "Somebody"}
    return {
        "uuid": str(uuid.uuid4()),
        "published": "2026-11-22T10:00:00.000Z",
        "eventType": "user.import.password",
        "outcome": {"result": "SUCCESS", "reason": None},
        "actor": user,
        "target": [user],
    }
