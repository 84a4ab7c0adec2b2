"""A sign-in when one of its parts fails: over HTTP, with one part replaced."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Hashable, Iterable, Sequence
from typing import Any, NoReturn, cast

import asyncpg
import pytest

from service.hashing.format import Check
from service.hashing.pool import Overloaded
from service.signin.dummy_hashes import DummyHashes
from service.signin.failures import Failures, ThrottleKey
from service.signin.lookup_batcher import Lookups
from service.signin.queries import LookedUp, Lookup, read_failures
from service.signin.throttling import PAIR_FREE, AttemptsInFlight, TooManyFailures
from service.store.accounts import Account
from service.store.encryption import HashKeys
from service.web import hooks
from service.web.errors import error_response_for
from service.web.parts import Parts
from tests.people import plain, sign_in
from tests.service_fixtures import Add, Client

KIM, HERE, ELSEWHERE = "kim@example.com", "192.0.2.7", "192.0.2.99"
Answer = tuple[int, str]
RIGHT, WRONG, THROTTLED = (200, "VERIFIED"), (200, "UNVERIFIED"), (429, "throttled")


async def ask(client: Client, login: str, password: str, event_id: str = "e", address: str = HERE) -> Answer:
    call = json.loads(sign_in(login, password, eventId=event_id))
    call["data"]["context"]["request"]["ipAddress"] = address
    async with client.post("/okta/password-import", json=call) as answer:
        body = json.loads(await answer.read())
    return answer.status, body["error"]["code"] if "error" in body else body["commands"][0]["value"]["credential"]


def metric(parts: Parts, name: str, **labels: str) -> float | None:
    return parts.telemetry.registry.get_sample_value(f"password_import_{name}_total", labels)


def who(parts: Parts, login: str = KIM, address: str = HERE) -> ThrottleKey:
    assert parts.verifier._attempts is not None
    return parts.verifier._attempts.lookup(login, address).who


async def counted(pool: asyncpg.Pool, one: ThrottleKey) -> tuple[int | None, ...]:
    """Return the failures of the pair and of the login; None if none are stored."""
    async with pool.acquire() as proxy:
        known: Failures = await read_failures(plain(proxy), one)
    return tuple(streak.failures if streak else None for streak in (known.pair, known.login))


async def audited(parts: Parts, pool: asyncpg.Pool) -> list[tuple[str, int | None]]:
    await parts.verifier.trail.close(parts.database)
    return [(row["action"], row["account_id"]) for row in await pool.fetch("SELECT * FROM audit ORDER BY id")]


async def guess(client: Client, times: int = 5, login: str = KIM) -> None:
    for number in range(times):
        assert await ask(client, login, f"wrong {number}", f"guess-{number}") == WRONG


async def in_the_future(pool: asyncpg.Pool) -> None:
    """Set the times of failures to the future, so that no delay ends while the test runs."""
    await pool.execute("UPDATE failures SET since = since + interval '10 minutes'")


class NoReads(Lookups):
    """Look-ups that must not happen."""

    async def find(self, *_: object) -> NoReturn:
        raise AssertionError("the store was read")


async def test_a_right_password_ends_the_failure_count_that_others_caused_for_the_login(
    client: Client, add: Add, parts: Parts, pool: asyncpg.Pool
) -> None:
    await add(KIM, "right")
    assert await ask(client, KIM, "wrong", address=ELSEWHERE) == WRONG
    assert await ask(client, KIM, "right") == RIGHT
    assert await counted(pool, who(parts)) == (None, None)
    assert await counted(pool, who(parts, address=ELSEWHERE)) == (1, None)


async def test_a_right_password_ends_its_own_failure_count_where_the_login_s_is_over(
    client: Client, add: Add, parts: Parts, pool: asyncpg.Pool
) -> None:
    await add(KIM, "right")
    assert await ask(client, KIM, "wrong") == WRONG
    await pool.execute("DELETE FROM failures WHERE subject = $1", who(parts).login)
    assert await ask(client, KIM, "right") == RIGHT
    assert await counted(pool, who(parts)) == (None, None)


async def test_somebody_verified_before_ends_their_streak_too(
    client: Client, add: Add, parts: Parts, pool: asyncpg.Pool
) -> None:
    await add(KIM, "right")
    assert [await ask(client, KIM, password) for password in ("right", "wrong", "right")] == [RIGHT, WRONG, RIGHT]
    assert await counted(pool, who(parts)) == (None, None)


async def test_a_failure_that_cannot_be_counted_is_told_and_the_verdict_stands(
    client: Client, add: Add, parts: Parts, pool: asyncpg.Pool
) -> None:
    await add(KIM, "right")
    assert await ask(client, KIM, "wrong", "one") == WRONG
    assert metric(parts, "faults", fault="failure_uncounted") == 0
    await pool.execute("ALTER TABLE failures ADD CONSTRAINT broken CHECK (failures < 0) NOT VALID")
    assert await ask(client, KIM, "wrong", "two") == WRONG
    assert metric(parts, "faults", fault="failure_uncounted") == 1


async def test_a_verified_whose_record_fails_is_in_the_audit_trail_once(
    client: Client, add: Add, parts: Parts, pool: asyncpg.Pool
) -> None:
    kim = await add(KIM, "right")
    await pool.execute("ALTER TABLE accounts ADD CONSTRAINT broken CHECK (state <> 'verified')")
    assert await ask(client, KIM, "right") == RIGHT
    assert await audited(parts, pool) == [("verified", kim.id)]


async def test_a_recorded_verified_is_in_the_audit_trail_once_and_no_fault(
    client: Client, add: Add, parts: Parts, pool: asyncpg.Pool
) -> None:
    kim = await add(KIM, "right")
    assert await ask(client, KIM, "right") == RIGHT
    assert await audited(parts, pool) == [("verified", kim.id)]
    assert metric(parts, "verified_unrecorded") == 0


async def test_every_refused_guess_is_in_the_audit_trail_with_its_account(
    client: Client, add: Add, parts: Parts, pool: asyncpg.Pool
) -> None:
    kim = await add(KIM, "right")
    await guess(client)
    await in_the_future(pool)
    assert [await ask(client, KIM, "right") for _ in range(2)] == [THROTTLED] * 2
    assert (await audited(parts, pool))[-2:] == [("throttled", kim.id)] * 2


async def test_failures_from_one_address_do_not_delay_another(client: Client, add: Add, pool: asyncpg.Pool) -> None:
    await add(KIM, "right")
    await guess(client)
    await in_the_future(pool)
    assert await ask(client, KIM, "right") == THROTTLED
    assert await ask(client, KIM, "right", address=ELSEWHERE) == RIGHT


async def test_guesses_that_are_counted_while_the_failures_are_read_do_not_let_more_pass(
    client: Client, add: Add, parts: Parts
) -> None:
    await add(KIM, "right")
    await parts.verifier.prepare()
    found = parts.verifier._attempts
    assert found is not None
    attempts: AttemptsInFlight = found

    class Late(Lookups):
        """Reads before other attempts end, and answers afterwards."""

        async def find(self, asked: Lookup) -> LookedUp:
            known = await super().find(asked)
            for _ in range(PAIR_FREE):
                with attempts.checking(known.who):
                    pass
            return known

    parts.verifier.lookups = Late(parts.database)
    assert await ask(client, KIM, "right") == THROTTLED


async def test_where_the_pool_has_no_room_a_call_is_refused_before_anything_is_read(
    client: Client, add: Add, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(KIM, "right")
    await parts.verifier.prepare()
    asked = []

    def full(kinds: Iterable[Check], *, account: Hashable, deadline: float) -> None:
        asked.append(([check.cost for check in kinds], account))
        raise Overloaded(2.1)

    monkeypatch.setattr(parts.verifier.pool, "require_room", full)
    parts.verifier.lookups = NoReads(parts.database)
    async with client.post("/okta/password-import", json=json.loads(sign_in("KIM@example.com", "right"))) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (429, "3")
        assert (await answer.json())["error"]["code"] == "overloaded"
    assert asked == [(["bcrypt 4"], KIM)]
    assert metric(parts, "faults", fault="fault") == 0


async def test_a_refused_call_is_held_for_a_moment_unless_too_many_are(
    client: Client, add: Add, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_kinds: Iterable[Check], *, account: Hashable, deadline: float) -> None:
        raise Overloaded(2.1)

    await add(KIM, "right")
    await parts.verifier.prepare()
    monkeypatch.setattr(parts.verifier.pool, "require_room", full)
    held = []

    async def pause(seconds: float) -> None:
        held.append((seconds, parts.refusals.locked()))

    monkeypatch.setattr(hooks, "pause", pause)
    parts.refusals = asyncio.Semaphore(1)
    assert await ask(client, KIM, "right") == (429, "overloaded")
    async with parts.refusals:
        assert await ask(client, KIM, "right") == (429, "overloaded")
    assert held == [(hooks.REFUSAL_PACE, True)]


class Recorded:
    """Replaces the pool's `verify`; accepts every password."""

    def __init__(self) -> None:
        self.accounts: list[Hashable] = []

    async def __call__(
        self,
        checks: Sequence[Check],
        _: str,
        *,
        account: Hashable,
        deadline: float,
        on_waited: Callable[[float], None],
    ) -> bool:
        assert len(checks) == 1
        assert deadline > 0
        on_waited(0.0)
        self.accounts.append(account)
        return True


@pytest.fixture
def verify(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    verify = Recorded()
    monkeypatch.setattr(parts.verifier.pool, "verify", verify)
    return verify


async def test_every_spelling_of_a_login_takes_turns_as_one_account(client: Client, add: Add, verify: Recorded) -> None:
    await add(KIM, "right", identifiers=("4711",))
    for name in (KIM, "KIM@Example.com", "4711", "kim"):
        assert await ask(client, name, "right") == RIGHT
    assert verify.accounts == [KIM] * 4


async def test_a_dummy_hash_verifies_nobody_even_where_it_matches(
    client: Client, add: Add, parts: Parts, pool: asyncpg.Pool, verify: Recorded
) -> None:
    await add("unarmed@example.com")
    await add("two@example.com", "right")
    await add("two@example.org", "right")
    await add("tombstone@example.com", "right")
    await pool.execute("DELETE FROM hashes USING accounts WHERE id = account_id AND login LIKE 'tomb%'")
    await pool.execute(
        "UPDATE accounts SET state = 'migrated', forgotten_at = now(), proof = 'event' WHERE login LIKE 'tomb%'"
    )
    for number, login in enumerate(("nobody@example.com", "unarmed@example.com", "two", "tombstone@example.com")):
        assert await ask(client, login, "right", f"{number}") == WRONG
    assert len(verify.accounts) == 4
    outcomes = ("unknown_login", "unarmed", "ambiguous_login", "tombstone")
    assert [metric(parts, "sign_ins", outcome=outcome) for outcome in outcomes] == [1] * 4


REQUIRED = HashKeys({"key": bytes(32)}, require_encrypted=True)


async def test_after_keys_were_exchanged_dummy_hashes_are_under_the_new_ones(
    client: Client, add: Add, parts: Parts
) -> None:
    await add(KIM, "right")
    await parts.verifier.prepare()
    parts.verifier.use_keys(REQUIRED)
    assert await ask(client, "nobody@example.com", "x") == WRONG


async def test_keys_that_are_exchanged_during_a_call_are_its_dummy_hash_s_too(
    client: Client, add: Add, parts: Parts
) -> None:
    await add(KIM, "right")
    await parts.verifier.prepare()

    class Exchanging(Lookups):
        async def find(self, asked: Lookup) -> LookedUp:
            parts.verifier.use_keys(REQUIRED)
            return await super().find(asked)

    parts.verifier.lookups = Exchanging(parts.database)
    assert await ask(client, "nobody@example.com", "x") == WRONG


async def test_the_dummy_hash_of_a_login_is_the_same_from_every_address(
    client: Client, add: Add, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(KIM, "right")
    await parts.verifier.prepare()
    assert parts.verifier.dummy_hashes is not None
    choose, chosen = parts.verifier.dummy_hashes.choose, []

    def note(_: DummyHashes, key: str, digest: bytes) -> Account:
        chosen.append((key, digest))
        return choose(key, digest)

    monkeypatch.setattr(DummyHashes, "choose", note)
    for number, address in enumerate((HERE, ELSEWHERE, "2001:db8::1", "none")):
        assert await ask(client, "NOBODY@example.com", "x", f"{number}", address) == WRONG
    assert chosen == [("nobody@example.com", who(parts, "nobody@example.com").login)] * 4


async def test_an_account_that_waits_without_any_hash_is_our_fault_and_counted(
    client: Client, add: Add, parts: Parts, pool: asyncpg.Pool
) -> None:
    await add(KIM, "right")
    await pool.execute("DELETE FROM hashes")
    assert await ask(client, KIM, "right") == (503, "unusable_hash")
    assert metric(parts, "faults", fault="unusable_hash") == 1


async def test_a_body_without_a_length_is_bounded_too(client: Client) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(70):
            yield b" " * 1000

    headers = {"Content-Type": "application/json"}
    async with client.post("/okta/password-import", data=endless(), headers=headers) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (413, "too_large")


@pytest.mark.parametrize("kind", [TooManyFailures, Overloaded])
@pytest.mark.parametrize("seconds, said", [(0.0, "1"), (0.2, "1"), (1.0, "1"), (1.2, "2"), (59.5, "60")])
def test_nobody_is_told_to_come_back_too_early(kind: type[Exception], seconds: float, said: str) -> None:
    assert error_response_for(cast("Any", kind)(seconds)).headers["Retry-After"] == said
