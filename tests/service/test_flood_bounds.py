"""The memory of floods is bounded: beyond its size it keeps the latest, and what it forgot is asked of the store."""

import pytest

from service.accounts.failures import Guesser, guesser
from service.actions import floods as module
from service.actions.floods import BELIEVED, Floods
from service.policies.throttling import Throttled
from tests.service.test_floods import HERE, KEY, THERE, Clock

WAIT = Throttled(30, first_ask=False, login_delay=0)
SPREAD = Throttled(30, first_ask=False, login_delay=60)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOGINS", 3)
    monkeypatch.setattr(module, "ADDRESSES", 3)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def floods(clock: Clock) -> Floods:
    return Floods(clock)


def login(number: int) -> Guesser:
    return guesser(KEY, f"p{number}@example.com", "192.0.2.1")


def address(number: int) -> Guesser:
    return guesser(KEY, "jessie@example.com", f"203.0.113.{number}")


def refused(floods: Floods, *people: Guesser) -> list[bool]:
    return [floods.judge(who) is not None for who in people]


def test_beyond_its_size_the_memory_keeps_the_latest_logins(floods: Floods) -> None:
    for number in range(5):
        floods.note(login(number), WAIT, None)
    assert refused(floods, *map(login, range(5))) == [False, False, True, True, True]


def test_a_login_that_is_refused_again_is_one_of_the_latest(floods: Floods) -> None:
    for number in (0, 1, 2, 0, 3):
        floods.note(login(number), WAIT, None)
    assert refused(floods, *map(login, range(4))) == [True, False, True, True]


def test_beyond_its_size_the_memory_keeps_the_latest_addresses(floods: Floods) -> None:
    for number in (0, 1, 2, 0, 3):
        floods.note(address(number), WAIT, None)
    assert refused(floods, *map(address, range(4))) == [True, False, True, True]


def test_who_asked_first_and_was_forgotten_is_not_told_of_an_earlier_moment(floods: Floods, clock: Clock) -> None:
    floods.note(HERE, SPREAD, None)
    first = floods.judge(THERE)
    clock.now += BELIEVED / 2
    again = floods.judge(THERE)
    assert (first and first.retry_after, again and again.retry_after) == (60, 60 - BELIEVED / 2)


def test_where_too_many_first_asks_wait_to_be_written_the_store_is_asked(floods: Floods) -> None:
    floods.note(HERE, SPREAD, None)
    assert refused(floods, *map(address, range(5))) == [True, True, True, False, False]
    assert len(floods._unwritten) == 3


def test_only_a_first_ask_is_written(floods: Floods) -> None:
    floods.note(HERE, Throttled(30, first_ask=False, login_delay=60), None)
    assert not floods._unwritten
    floods.note(HERE, Throttled(30, first_ask=True, login_delay=60), None)
    assert list(floods._unwritten) == [HERE.pair]


def test_a_bound_is_a_bound_of_the_memory(floods: Floods) -> None:
    for number in range(50):
        floods.note(guesser(KEY, f"p{number}@example.com", f"203.0.113.{number}"), SPREAD, None)
    assert (len(floods._logins), len(floods._pairs)) == (3, 3)
