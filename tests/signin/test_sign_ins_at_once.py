"""Concurrent sign-ins of one login: each gets its own verdict, and no more attempts are checked than allowed."""

import asyncio
import json
from collections.abc import Callable, Hashable, Sequence

import asyncpg
import pytest

from service.hashing.format import Check
from service.signin.throttling import PAIR_FREE
from service.web.parts import Parts
from tests.people import sign_in
from tests.service_fixtures import Add, Client

KIM = "kim@example.com"
JSON = {"Content-Type": "application/json"}
VERDICTS = {"right": "VERIFIED", "wrong": "UNVERIFIED"}


class HeldChecks:
    """The pool's `verify` behind a gate, with the passwords whose check was requested."""

    def __init__(self, parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.lock = asyncio.Event()
        self._verify = parts.verifier.pool.verify
        monkeypatch.setattr(parts.verifier.pool, "verify", self.verify)

    async def verify(
        self,
        checks: Sequence[Check],
        password: str,
        *,
        account: Hashable,
        deadline: float,
        on_waited: Callable[[float], None],
    ) -> bool:
        self.asked.append(password)
        await self.lock.wait()
        return await self._verify(checks, password, account=account, deadline=deadline, on_waited=on_waited)


@pytest.fixture
def held(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> HeldChecks:
    return HeldChecks(parts, monkeypatch)


async def until(condition: Callable[[], bool]) -> None:
    """Run the loop until `condition` is true; the test's time limit ends it otherwise."""
    while not condition():  # noqa: ASYNC110 - the condition depends on a socket
        await asyncio.sleep(0.001)


async def ask(client: Client, password: str, event_id: str = "e", login: str = KIM) -> tuple[int, str]:
    """Ask over HTTP; return the status, and the verdict or the error code."""
    async with client.post(
        "/okta/password-import", data=sign_in(login, password, eventId=event_id), headers=JSON
    ) as answer:
        body = json.loads(await answer.read())
    if answer.status != 200:
        return answer.status, body["error"]["code"]
    return answer.status, body["commands"][0]["value"]["credential"]


@pytest.mark.parametrize("first, second", [("right", "wrong"), ("wrong", "right")])
async def test_a_right_and_a_wrong_password_of_one_login_at_once_get_each_its_own_verdict(
    client: Client, add: Add, parts: Parts, held: HeldChecks, first: str, second: str
) -> None:
    await add(KIM, "right")
    asked = [asyncio.create_task(ask(client, first))]
    await until(lambda: held.asked == [first])
    asked.append(asyncio.create_task(ask(client, second)))
    await until(lambda: len(held.asked) == 2 or parts.verifier.single_flight.coalesced > 0)
    held.lock.set()
    assert await asyncio.gather(*asked) == [(200, VERDICTS[first]), (200, VERDICTS[second])]


async def test_two_logins_with_one_password_at_once_get_each_its_own_verdict(
    client: Client, add: Add, parts: Parts, held: HeldChecks
) -> None:
    await add(KIM, "right")
    await add("rajiv@example.com", "another")
    asked = [asyncio.create_task(ask(client, "right"))]
    await until(lambda: len(held.asked) == 1)
    asked.append(asyncio.create_task(ask(client, "right", login="rajiv@example.com")))
    await until(lambda: len(held.asked) == 2 or parts.verifier.single_flight.coalesced > 0)
    held.lock.set()
    assert await asyncio.gather(*asked) == [(200, "VERIFIED"), (200, "UNVERIFIED")]


async def test_of_many_wrong_passwords_at_once_only_the_free_ones_are_checked(
    client: Client, add: Add, pool: asyncpg.Pool, held: HeldChecks
) -> None:
    await add(KIM, "right")
    calls = [asyncio.create_task(ask(client, f"wrong {number}", f"guess-{number}")) for number in range(20)]
    await until(lambda: len(held.asked) + sum(call.done() for call in calls) == len(calls))
    held.lock.set()
    answers = await asyncio.gather(*calls)
    assert len(held.asked) == PAIR_FREE
    assert answers.count((200, "UNVERIFIED")) == PAIR_FREE
    assert answers.count((429, "throttled")) == len(calls) - PAIR_FREE
    assert await pool.fetchval("SELECT max(failures) FROM failures") == PAIR_FREE


async def test_guesses_beyond_the_free_ones_are_checked_one_at_a_time(
    client: Client, add: Add, pool: asyncpg.Pool, held: HeldChecks
) -> None:
    await add(KIM, "right")
    held.lock.set()
    for number in range(PAIR_FREE):
        assert await ask(client, f"wrong {number}", f"guess-{number}") == (200, "UNVERIFIED")
    await pool.execute("UPDATE failures SET since = since - interval '2 seconds'")  # the delay has passed
    held.lock.clear()
    first = asyncio.create_task(ask(client, "wrong again", "guess-a"))
    await until(lambda: "wrong again" in held.asked)
    second = asyncio.create_task(ask(client, "right", "guess-b"))
    await until(lambda: second.done() or "right" in held.asked)
    held.lock.set()
    assert (await first, await second) == ((200, "UNVERIFIED"), (429, "throttled"))


async def test_guesses_from_another_address_do_not_count_as_in_flight(
    client: Client, add: Add, held: HeldChecks
) -> None:
    await add(KIM, "right")
    calls = [asyncio.create_task(ask(client, f"wrong {number}", f"guess-{number}")) for number in range(PAIR_FREE)]
    await until(lambda: len(held.asked) == PAIR_FREE)
    body = json.loads(sign_in(KIM, "right"))
    body["data"]["context"]["request"]["ipAddress"] = "192.0.2.99"
    other = asyncio.create_task(client.post("/okta/password-import", json=body))
    await until(lambda: other.done() or "right" in held.asked)
    held.lock.set()
    await asyncio.gather(*calls)
    answer = await other
    assert (answer.status, "UNVERIFIED" in await answer.text()) == (200, False)


async def test_what_is_in_flight_is_remembered_when_the_recipes_are_read_again(
    client: Client, add: Add, parts: Parts, held: HeldChecks
) -> None:
    await add(KIM, "right")
    calls = [asyncio.create_task(ask(client, f"wrong {number}", f"guess-{number}")) for number in range(PAIR_FREE)]
    await until(lambda: len(held.asked) == PAIR_FREE)
    await parts.verifier.prepare()
    one_more = asyncio.create_task(ask(client, "one more", "one-more"))
    await until(lambda: one_more.done() or "one more" in held.asked)
    held.lock.set()
    await asyncio.gather(*calls)
    assert await one_more == (429, "throttled")
