"""The throttle cache is bounded: at its limit it keeps the latest entries, and the store is asked about the others."""

import pytest

from service.signin import throttling
from service.signin.failures import ThrottleKey, throttle_key
from service.signin.throttling import BELIEVED, AttemptsInFlight, ThrottleCache, Throttled
from tests.signin.test_throttle_cache import HERE, KEY, THERE, Clock

WAIT = Throttled(30, first_attempt=False, login_delay=0)
SPREAD = Throttled(30, first_attempt=False, login_delay=60)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttling, "LOGINS", 3)
    monkeypatch.setattr(throttling, "ADDRESSES", 3)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle_cache(clock: Clock) -> ThrottleCache:
    return ThrottleCache(clock)


def login(number: int) -> ThrottleKey:
    return throttle_key(KEY, f"p{number}@example.com", "192.0.2.1")


def address(number: int) -> ThrottleKey:
    return throttle_key(KEY, "jessie@example.com", f"203.0.113.{number}")


def refused(throttle_cache: ThrottleCache, *people: ThrottleKey) -> list[bool]:
    return [throttle_cache.judge(who) is not None for who in people]


def test_beyond_its_size_the_memory_keeps_the_latest_logins(throttle_cache: ThrottleCache) -> None:
    for number in range(5):
        throttle_cache.note(login(number), WAIT, None)
    assert refused(throttle_cache, *map(login, range(5))) == [False, False, True, True, True]


def test_a_login_that_is_refused_again_is_one_of_the_latest(throttle_cache: ThrottleCache) -> None:
    for number in (0, 1, 2, 0, 3):
        throttle_cache.note(login(number), WAIT, None)
    assert refused(throttle_cache, *map(login, range(4))) == [True, False, True, True]


def test_beyond_its_size_the_memory_keeps_the_latest_addresses(throttle_cache: ThrottleCache) -> None:
    for number in (0, 1, 2, 0, 3):
        throttle_cache.note(address(number), WAIT, None)
    assert refused(throttle_cache, *map(address, range(4))) == [True, False, True, True]


def test_who_asked_first_and_was_forgotten_is_not_told_of_an_earlier_moment(
    throttle_cache: ThrottleCache, clock: Clock
) -> None:
    throttle_cache.note(HERE, SPREAD, None)
    first = throttle_cache.judge(THERE)
    clock.now += BELIEVED / 2
    again = throttle_cache.judge(THERE)
    assert (first and first.retry_after, again and again.retry_after) == (60, 60 - BELIEVED / 2)


def test_where_too_many_first_asks_wait_to_be_written_the_store_is_asked(throttle_cache: ThrottleCache) -> None:
    throttle_cache.note(HERE, SPREAD, None)
    assert refused(throttle_cache, *map(address, range(5))) == [True, True, True, False, False]
    assert len(throttle_cache._unwritten) == 3


def test_only_a_first_ask_is_written(throttle_cache: ThrottleCache) -> None:
    throttle_cache.note(HERE, Throttled(30, first_attempt=False, login_delay=60), None)
    assert not throttle_cache._unwritten
    throttle_cache.note(HERE, Throttled(30, first_attempt=True, login_delay=60), None)
    assert list(throttle_cache._unwritten) == [HERE.pair]


def test_a_bound_is_a_bound_of_the_memory(throttle_cache: ThrottleCache) -> None:
    for number in range(50):
        throttle_cache.note(throttle_key(KEY, f"p{number}@example.com", f"203.0.113.{number}"), SPREAD, None)
    assert (len(throttle_cache._logins), len(throttle_cache._pairs)) == (3, 3)


def test_beyond_its_size_the_memory_keeps_the_latest_names(throttle_cache: ThrottleCache) -> None:
    names = [AttemptsInFlight(KEY).lookup(f"alias{number}", "192.0.2.1") for number in range(5)]
    for number in (0, 1, 2, 0, 3):
        throttle_cache.note_name(names[number], "jessie@example.com")
    assert [throttle_cache.counted(each) == HERE for each in names] == [True, False, True, True, False]


def test_what_a_name_means_is_believed_for_a_second(throttle_cache: ThrottleCache, clock: Clock) -> None:
    alias = AttemptsInFlight(KEY).lookup("alias", "192.0.2.1")
    throttle_cache.note_name(alias, "jessie@example.com")
    clock.now += BELIEVED / 2
    assert throttle_cache.counted(alias) == HERE
    clock.now += BELIEVED / 2
    assert throttle_cache.counted(alias) == alias.who
