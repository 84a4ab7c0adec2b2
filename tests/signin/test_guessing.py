"""Attempts at one account against the running service: from one address, from many at once, and from one network."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from service.signin.failures import FailureCount, Failures, call_tag, throttle_key
from service.signin.throttling import LOGIN_FREE, PAIR_FREE, SITE_FREE, AttemptsInFlight
from service.web.parts import Parts
from tests.service_fixtures import Add, Client

LOGIN = "jessie@example.com"


async def ask(
    client: Client, password: str, *, login: str = LOGIN, address: str = "192.0.2.7", event_id: str | None = None
) -> int:
    call = {"context": {"request": {"ipAddress": address}, "credential": {"username": login, "password": password}}}
    body = {"data": call} if event_id is None else {"data": call, "eventId": event_id}
    async with client.post("/okta/password-import", json=body) as answer:
        return answer.status


async def test_one_event_id_with_many_passwords_is_counted_for_each(client: Client, add: Add) -> None:
    await add(LOGIN, "right")
    answers = [await ask(client, f"wrong {number}", event_id="same") for number in range(30)]
    assert answers == [200] * PAIR_FREE + [429] * (30 - PAIR_FREE)


async def test_one_event_id_with_one_password_is_counted_once(client: Client, add: Add, pool: asyncpg.Pool) -> None:
    await add(LOGIN, "right")
    answers = [await ask(client, "wrong", event_id="same") for _ in range(2 * PAIR_FREE)]
    assert set(answers) == {200}
    assert await pool.fetchval("SELECT max(failures) FROM failures") == 1


@pytest.mark.parametrize("login", [LOGIN, "unknown@example.com"])
async def test_of_a_burst_from_200_addresses_as_many_pass_as_from_one_after_the_other(
    client: Client, add: Add, login: str
) -> None:
    await add(LOGIN, "right")
    await ask(client, "right", address="198.51.100.1")  # the first call notices that accounts are loaded

    answers = await asyncio.gather(
        *(ask(client, f"wrong {number}", login=login, address=f"203.0.113.{number}") for number in range(200))
    )
    assert 0 < answers.count(200) <= LOGIN_FREE
    assert answers.count(200) + answers.count(429) == 200


async def test_300_networks_of_one_company_pass_no_more_than_one_after_its_free_failures(
    client: Client, add: Add, pool: asyncpg.Pool
) -> None:
    await add(LOGIN, "right")

    async def from_each() -> list[int]:
        return [await ask(client, f"wrong {number}", address=f"2001:db8:1:{number:x}::1") for number in range(300)]

    assert (await from_each()).count(200) <= SITE_FREE[1]
    await asyncio.sleep(0.6)  # until the first attempts are written
    await pool.execute("UPDATE failures SET since = since - $1::interval", timedelta(seconds=61))
    # A second after the last failure one attempt is allowed, two seconds later another, and so on.
    assert (await from_each()).count(200) <= 4


@pytest.mark.parametrize("login", [LOGIN, "unknown@example.com"])
async def test_failures_from_a_company_s_network_delay_its_every_address(
    client: Client, add: Add, pool: asyncpg.Pool, parts: Parts, login: str
) -> None:
    await add(LOGIN, "right")
    await parts.verifier.prepare()
    assert parts.verifier._attempts is not None
    company = parts.verifier._attempts.lookup(login, "2001:db8:1:1::1").who.sites[1]
    await pool.execute("INSERT INTO failures (subject, failures, since) VALUES ($1, 30, now())", company)
    assert await ask(client, "right", login=login, address="2001:db8:1:ff02::1") == 429
    assert await ask(client, "right", login=login, address="2001:db8:2:1::1") == 200


def test_guesses_from_a_home_s_network_that_are_still_being_checked_count_for_it() -> None:
    attempts = AttemptsInFlight(b"k")
    here, there = (attempts.lookup(LOGIN, f"2001:db8:1:{number}::1").who for number in (1, 2))
    now = datetime(2026, 3, 2, tzinfo=UTC)
    almost = FailureCount(SITE_FREE[0] - 1, now - timedelta(minutes=1))
    known = Failures(None, None, now, sites=(almost, None))
    assert attempts.judge(there, known) is None
    with attempts.checking(here):
        assert attempts.judge(there, known) is not None


async def test_who_is_elsewhere_gets_in_while_a_company_s_network_guesses(
    client: Client, add: Add, pool: asyncpg.Pool
) -> None:
    await add(LOGIN, "right")
    for number in range(40):
        await ask(client, f"wrong {number}", address=f"2001:db8:1:{256 * number:x}::1")
    elsewhere = "2001:db8:2::1"
    assert await ask(client, "right", address=elsewhere) == 429
    await asyncio.sleep(0.6)
    await pool.execute("UPDATE failures SET since = since - $1::interval", timedelta(seconds=61))
    for number in range(40):
        await ask(client, f"wrong {number}", address=f"2001:db8:1:{256 * number:x}::1")
    assert await ask(client, "right", address=elsewhere) == 200


def test_a_network_s_failures_count_for_the_wider_networks_around_it() -> None:
    here, next_door, far = (
        throttle_key(b"k", LOGIN, network)
        for network in ("2001:db8:1:1::/64", "2001:db8:1:2::/64", "2001:db8:2:1::/64")
    )
    assert here.sites == next_door.sites
    assert not set(here.sites) & set(far.sites)
    assert throttle_key(b"k", LOGIN, "192.0.2.1").sites == ()
    assert here.sites != throttle_key(b"k", "kim@example.com", "2001:db8:1:1::/64").sites


@pytest.mark.parametrize(
    "network, shared",
    [
        ("2001:db8:1:1ff::/64", [True, True]),  # the last of the same /56
        ("2001:db8:1:200::/64", [False, True]),  # the next /56 of the same /48
        ("2001:db8:2:100::/64", [False, False]),
    ],
)
def test_a_home_s_and_a_company_s_networks_share_their_failures(network: str, shared: list[bool]) -> None:
    here, there = (throttle_key(b"k", LOGIN, each) for each in ("2001:db8:1:100::/64", network))
    assert [one == other for one, other in zip(here.sites, there.sites, strict=True)] == shared


def test_a_call_is_named_by_its_event_and_its_password() -> None:
    tags = {call_tag(b"k", event, password) for event in ("one", "two") for password in ("a", "b", "c\ud800")}
    assert len(tags) == 6
    assert call_tag(b"k", None, "a") is None
    assert call_tag(b"k", "one", "a") == call_tag(b"k", "one", "a") != call_tag(b"other", "one", "a")


def test_a_call_s_name_tells_its_event_and_next_to_nothing_of_its_password() -> None:
    one, two, other = (call_tag(b"k", event, password) for event, password in (("1", "a"), ("2", "a"), ("1", "b")))
    assert one is not None
    assert two is not None
    assert other is not None
    assert (len(one), one[:6] == two[:6], one[:6] == other[:6]) == (8, False, True)


def test_what_is_known_of_checks_that_ended_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts, now = AttemptsInFlight(b"k"), 100.0
    monkeypatch.setattr("service.signin.throttling.time.monotonic", lambda: now)
    who = throttle_key(b"k", LOGIN, "2001:db8:1:1::/64")
    for _ in range(100):
        with attempts.checking(who):
            pass
        now += 1
    assert not attempts._in_flight
    assert len(attempts._order) <= 4 * len(who.subjects)
