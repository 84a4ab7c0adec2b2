"""Constant sign-ins and deliveries while something breaks, and the answers to them."""

import asyncio
import itertools
import json
import random
import time
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import asyncpg

from service.store.migrations import upgrade
from tests.people import Person, add_person, delivery, event, sign_in
from tests.service_fixtures import AUTHORIZATION

HANGS_AFTER = 30.0
"""Seconds: ten times Okta's limit, so that a busy machine does not count as blocked."""
TABLE = {200, 204, 429, 503}
SIGNERS, LEAVERS = 10, 3000
"""People who only sign in, and people with one SUCCESS each."""
PASSWORD = "right"
IN_A_ROW = 40
"""Answers without a fault after which a service counts as recovered."""
PATIENCE = 300
"""Seconds to wait for an expected event."""


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 (other processes make it true)
            await asyncio.sleep(0.02)


@dataclass
class Traffic:
    """The traffic against the services at some URLs."""

    urls: Sequence[str]
    signers: list[Person]
    leavers: list[Person]
    answers: Counter[str] = field(default_factory=Counter)
    acknowledged: set[int] = field(default_factory=set)
    sent: set[int] = field(default_factory=set)
    bad: list[str] = field(default_factory=list)
    last_fault: float = 0.0
    processes: list[Process] = field(default_factory=list)
    """The services, one for each URL."""
    _next: "itertools.count[int]" = field(default_factory=itertools.count)

    @asynccontextmanager
    async def flowing(self, pause: float = 0.01) -> AsyncIterator[None]:
        """Keep up the traffic while the caller breaks things; an unreachable service counts as no answer."""
        async with aiohttp.ClientSession(headers={"Authorization": AUTHORIZATION}) as session:
            work = [self._sign_in, self._sign_in, self._deliver, self._deliver]
            flows = [asyncio.create_task(self._flow(session, one, pause, n)) for n, one in enumerate(work)]
            try:
                yield
            finally:
                for flow in flows:
                    flow.cancel()
                ended = await asyncio.gather(*flows, return_exceptions=True)
            for fault in ended:
                if isinstance(fault, Exception):
                    raise fault

    async def until_well(self) -> float:
        """Wait for consecutive answers without a fault; return the seconds until the last fault."""
        began = time.monotonic()
        while True:
            seen, faults = self.answers.total(), self.faults
            await until(lambda: self.answers.total() >= seen + IN_A_ROW)  # noqa: B023 (awaited at once)
            if self.faults == faults:
                return max(0.0, self.last_fault - began)

    async def until_503(self, *routes: str) -> None:
        """Wait until each of these routes has answered 503 once more."""
        seen = Counter(self.answers)
        await until(lambda: all(self.answers[f"{route} 503"] > seen[f"{route} 503"] for route in routes))

    @property
    def faults(self) -> int:
        return self.answers["sign-in 503"] + self.answers["delivery 503"]

    async def _flow(self, session: aiohttp.ClientSession, work: object, pause: float, number: int) -> None:
        chance = random.Random(number)  # noqa: S311 (a test that can be repeated)
        while True:
            await work(session, chance)  # type: ignore[operator]  # one of the two below
            await asyncio.sleep(pause)

    async def _sign_in(self, session: aiohttp.ClientSession, chance: random.Random) -> None:
        is_right = chance.random() < 0.8
        person = chance.choice(self.signers[2:] if is_right else self.signers[:2])
        body = sign_in(person.login, PASSWORD if is_right else "wrong", eventId=str(chance.random()))
        status, text = await self._post(session, chance, "sign-in", "/okta/password-import", body)
        if is_right and status == 200 and "UNVERIFIED" in text:
            self.bad.append("UNVERIFIED for a right password")

    async def _deliver(self, session: aiohttp.ClientSession, chance: random.Random) -> None:
        number = next(self._next) % len(self.leavers)
        self.sent.add(number)
        body = delivery(success_of(number, self.leavers[number]))
        status, _ = await self._post(session, chance, "delivery", "/okta/events", body)
        if status == 204:
            self.acknowledged.add(number)

    async def _post(
        self, session: aiohttp.ClientSession, chance: random.Random, route: str, path: str, body: bytes
    ) -> tuple[int | None, str]:
        url = chance.choice(self.urls) + path
        try:
            async with session.post(
                url, data=body, headers={"Content-Type": "application/json"},
                timeout=aiohttp.ClientTimeout(HANGS_AFTER),
            ) as answer:  # fmt: skip
                status, text = answer.status, await answer.text()
        except TimeoutError:
            self.bad.append(f"{route} hangs")
            return None, ""
        except aiohttp.ClientError as error:
            self.answers[f"{route} {type(error).__name__}"] += 1
            return None, ""
        self.answers[f"{route} {status}"] += 1
        if status not in TABLE:
            self.bad.append(f"{route} {status} {text[:200]}")
        if status == 503:
            self.last_fault = time.monotonic()
            self.answers[json.loads(text)["error"]["code"]] += 1
        return status, text

    async def assert_nothing_lost(self, url: str, *, acknowledged_are_there: bool = True) -> None:
        """Assert that all answers are documented, acknowledged work is done, and each missing hash has its SUCCESS."""
        assert not self.bad, Counter(self.bad)
        assert self.answers["sign-in 200"], self.answers
        assert self.acknowledged, self.answers
        connection = await asyncpg.connect(url)
        acknowledged = set(self.acknowledged)
        try:
            async with connection.transaction(isolation="repeatable_read"):
                done = await self._migrated(connection)
                assert not acknowledged_are_there or acknowledged <= done
                assert done <= self.sent
                assert await connection.fetchval("SELECT count(*) FROM accounts WHERE state = 'migrated'") == len(done)
                left = await connection.fetchval("SELECT count(DISTINCT account_id) FROM hashes")
                assert left == len(self.signers) + len(self.leavers) - len(done)
        finally:
            await connection.close()

    async def _migrated(self, connection: asyncpg.Connection) -> set[int]:
        rows = await connection.fetch(
            "SELECT uuid FROM import_events JOIN accounts ON accounts.id = account_id AND proof = uuid "
            "WHERE outcome = 'SUCCESS' AND state = 'migrated' AND NOT EXISTS "
            "(SELECT FROM hashes WHERE hashes.account_id = accounts.id)"
        )
        return {int(row["uuid"][1:]) for row in rows}


def success_of(number: int, person: Person) -> dict[str, object]:
    return event(f"e{number}", f"00u{number}", person.login)


async def prepare(url: str, leavers: int = LEAVERS) -> tuple[list[Person], list[Person]]:
    """Migrate the schema of a database, and add the people."""
    await asyncio.to_thread(upgrade, url)
    async with asyncpg.create_pool(url, min_size=1, max_size=2) as pool:
        signers = [await add_person(pool, f"signer{number}@example.com", PASSWORD) for number in range(SIGNERS)]
        await pool.execute(
            "INSERT INTO accounts (login, login_key, state) "
            "SELECT login, login, 'waiting' FROM (SELECT 'leaver' || n || '@example.com' AS login "
            "FROM generate_series(0, $1 - 1) AS n ORDER BY n) AS made",
            leavers,
        )
        await pool.execute(
            "INSERT INTO hashes (account_id, source_id, recipe_id, hash) "
            "SELECT account.id, source_id, recipe_id, hash FROM accounts AS account, "
            "(SELECT * FROM hashes LIMIT 1) AS kept WHERE login LIKE 'leaver%'"
        )
        rows = await pool.fetch("SELECT id, login FROM accounts WHERE login LIKE 'leaver%'")
    by_login = {row["login"]: Person(row["id"], row["login"], PASSWORD) for row in rows}
    return signers, [by_login[f"leaver{number}@example.com"] for number in range(leavers)]
