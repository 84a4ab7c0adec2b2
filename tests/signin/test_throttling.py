"""The delays of attempts: the rule alone, with invented failure counts."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.signin.failures import FailureCount, Failures
from service.signin.throttling import (
    FORGET_AFTER,
    LOGIN_FREE,
    LOGIN_LONGEST,
    ONE_AT_A_TIME,
    PAIR_FREE,
    PAIR_LONGEST,
    SITE_FREE,
    Throttled,
    client_network,
    throttle,
)

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def streak(failures: int, seconds_ago: float = 0) -> FailureCount:
    return FailureCount(failures, NOW - timedelta(seconds=seconds_ago))


def wait(
    pair: FailureCount | None = None,
    login: FailureCount | None = None,
    *,
    in_flight: int = 0,
    address_known: bool = True,
) -> float:
    throttled = throttle(Failures(pair, login, NOW, address_known), in_flight=in_flight)
    return throttled.retry_after if throttled else 0


def test_somebody_without_failures_does_not_wait() -> None:
    assert throttle(Failures(None, None, NOW)) is None


@pytest.mark.parametrize("failures", range(PAIR_FREE))
def test_the_first_few_typing_mistakes_are_free(failures: int) -> None:
    assert wait(streak(failures), streak(failures)) == 0


def test_each_failure_beyond_them_doubles_the_delay_up_to_its_bound() -> None:
    delays = [wait(streak(PAIR_FREE + beyond)) for beyond in range(12)]
    assert delays == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, PAIR_LONGEST, PAIR_LONGEST]


def test_who_has_waited_may_try() -> None:
    assert wait(streak(PAIR_FREE + 3, seconds_ago=8)) == 0
    assert wait(streak(PAIR_FREE + 3, seconds_ago=5)) == 3


def test_whose_delay_has_just_passed_does_not_wait_at_all() -> None:
    failed = Failures(streak(PAIR_FREE + 3, seconds_ago=8), streak(LOGIN_FREE, seconds_ago=8), NOW)
    assert throttle(failed) is None
    assert throttle(Failures(streak(1), streak(1), NOW)) is None


def test_a_streak_is_forgotten_after_a_long_pause() -> None:
    assert wait(streak(1000, seconds_ago=FORGET_AFTER.total_seconds() + 1), streak(1000, seconds_ago=4000)) == 0


def test_failures_at_one_address_do_not_delay_another() -> None:
    assert wait(pair=None, login=streak(PAIR_FREE + 10)) == 0


def test_a_login_tried_from_everywhere_is_delayed_for_a_new_address_too_and_its_ask_is_remembered() -> None:
    assert throttle(Failures(None, streak(LOGIN_FREE + 2), NOW)) == Throttled(4, first_attempt=True)


def test_an_address_that_asked_once_is_not_remembered_again() -> None:
    assert throttle(Failures(streak(0, seconds_ago=1), streak(LOGIN_FREE + 2), NOW)) == Throttled(
        3, first_attempt=False
    )


@given(st.integers(0, 10**9), st.floats(0, 3599))
def test_no_attack_from_elsewhere_delays_anybody_longer_than_a_minute(failures: int, ago: float) -> None:
    assert wait(None, streak(failures, ago)) <= LOGIN_LONGEST
    assert wait(streak(0, LOGIN_LONGEST), streak(failures, ago)) == 0


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_no_delay_is_longer_than_the_longest(pair: int, login: int) -> None:
    assert wait(streak(pair), streak(login)) <= PAIR_LONGEST


@given(st.integers(0, 10**9))
def test_calls_without_an_address_are_delayed_no_longer_than_the_login(failures: int) -> None:
    assert wait(streak(failures), streak(failures), address_known=False) <= LOGIN_LONGEST


def test_guesses_that_are_still_being_checked_count_beyond_the_free_ones() -> None:
    assert wait(streak(PAIR_FREE - 1), in_flight=1) > 0
    assert wait(in_flight=PAIR_FREE) > 0
    assert wait(streak(2), in_flight=PAIR_FREE - 3) == 0


def test_guesses_at_a_login_that_are_still_being_checked_from_elsewhere_count_for_the_login() -> None:
    def login_wait(failures: int, login_in_flight: int) -> float:
        throttled = throttle(Failures(None, streak(failures), NOW), login_in_flight=login_in_flight)
        return throttled.retry_after if throttled else 0

    assert [login_wait(LOGIN_FREE - 1, checked) for checked in (0, 1, 2)] == [0, 1, 2]
    assert [login_wait(0, checked) for checked in (LOGIN_FREE - 1, LOGIN_FREE)] == [0, 1]


def test_exactly_at_the_limit_with_one_in_flight_a_guess_waits_for_that_one() -> None:
    long_ago = streak(PAIR_FREE - 1, seconds_ago=60)  # the failures themselves cause no more delay
    assert wait(long_ago) == 0
    assert wait(long_ago, in_flight=1) == ONE_AT_A_TIME
    assert wait(streak(PAIR_FREE - 2, seconds_ago=60), in_flight=1) == 0
    assert wait(in_flight=PAIR_FREE) == ONE_AT_A_TIME
    assert wait(in_flight=PAIR_FREE - 1) == 0


def test_a_streak_that_is_over_does_not_count_beside_what_is_in_flight() -> None:
    seconds = FORGET_AFTER.total_seconds()
    assert wait(streak(PAIR_FREE, seconds_ago=seconds), in_flight=1) == ONE_AT_A_TIME
    assert wait(streak(PAIR_FREE, seconds_ago=seconds + 1), in_flight=1) == 0


def test_who_has_waited_may_try_only_once_at_a_time() -> None:
    assert wait(streak(PAIR_FREE + 3, seconds_ago=8), in_flight=1) > 0


def site_wait(*sites: FailureCount | None, in_flight: tuple[int, ...] = (0, 0)) -> float:
    """Return the delay caused only by the failures from the /56 and the /48 around the address."""
    throttled = throttle(Failures(None, None, NOW, sites=sites), sites_in_flight=in_flight)
    return throttled.retry_after if throttled else 0


def test_a_home_and_a_company_have_free_failures_of_their_own() -> None:
    home, company = SITE_FREE
    assert [site_wait(streak(home - 1), None), site_wait(streak(home), None)] == [0, 1]
    assert [site_wait(None, streak(company - 1)), site_wait(None, streak(company))] == [0, 1]
    assert SITE_FREE == (10, 20)


def test_of_the_wider_networks_the_one_that_has_to_wait_longer_counts() -> None:
    home, company = SITE_FREE
    assert site_wait(streak(home), streak(company + 2)) == 4
    assert site_wait(streak(home + 2), streak(company)) == 4
    assert site_wait(streak(home + 3, seconds_ago=5), streak(company)) == 3


def test_a_wider_network_s_streak_is_forgotten_after_a_long_pause() -> None:
    over = FORGET_AFTER.total_seconds() + 1
    assert site_wait(streak(1000, seconds_ago=over), streak(1000, seconds_ago=over)) == 0
    assert site_wait(streak(SITE_FREE[0], seconds_ago=over), None, in_flight=(1, 1)) == 0


def test_a_wider_network_s_guesses_that_are_still_being_checked_count_too() -> None:
    long_ago = streak(SITE_FREE[0] - 1, seconds_ago=60)  # the failures themselves cause no more delay
    assert site_wait(long_ago, None) == 0
    assert site_wait(long_ago, None, in_flight=(1, 0)) == ONE_AT_A_TIME
    assert site_wait(streak(SITE_FREE[0] - 2, seconds_ago=60), None, in_flight=(1, 0)) == 0


@pytest.mark.parametrize(
    "address, network",
    [
        ("127.0.0.1", "127.0.0.1"),
        (" 192.0.2.7 ", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        (None, None),
        ("", None),
        ("not an address", None),
        ("192.0.2.7:443", None),
    ],
)
def test_an_ipv4_address_counts_alone_and_an_ipv6_address_with_its_site(
    address: str | None, network: str | None
) -> None:
    assert client_network(address) == network


@given(st.text())
def test_any_text_is_an_address_or_none(text: str) -> None:
    assert client_network(text) in {None, client_network(client_network(text))} or "/" in str(client_network(text))
