"""The cost of checks is measured, and a wrong measurement is corrected."""

import pytest

from service.hashing.executor import Executor
from service.hashing.pool import admission
from service.hashing.pool.admission import Estimates
from service.hashing.pool.job import timed_size
from tests.clock import Clock
from tests.hashing.pool.fakes import Fixed


def test_a_cost_that_never_ran_has_no_estimate_and_a_careful_assumption() -> None:
    assert Estimates().measured("bcrypt 10") is None
    assert Estimates().expect("bcrypt 10") == admission.UNMEASURED


def test_the_first_run_is_the_estimate() -> None:
    one = Estimates()
    one.learn("bcrypt 10", 0.07)
    assert one.measured("bcrypt 10") == one.expect("bcrypt 10") == 0.07


def test_each_cost_has_its_own_average() -> None:
    one = Estimates()
    one.learn("bcrypt 10", 0.07)
    one.learn("bcrypt 12", 0.28)
    assert one.measurements() == {"bcrypt 10": 0.07, "bcrypt 12": 0.28}


def test_the_average_follows_a_machine_that_became_slower() -> None:
    one = Estimates()
    one.learn("bcrypt 10", 0.07)
    for _ in range(50):
        one.learn("bcrypt 10", 0.14)
    assert 0.139 < one.expect("bcrypt 10") <= 0.14


def test_one_run_that_hung_for_an_hour_does_not_close_the_pool() -> None:
    one = Estimates()
    one.learn("bcrypt 10", 0.07)
    one.learn("bcrypt 10", 3600.0)
    assert one.expect("bcrypt 10") < 0.1


def test_an_average_that_nothing_confirms_becomes_doubtful_until_it_is_measured_again() -> None:
    clock = Clock()
    one = Estimates(clock)
    assert one.doubtful("bcrypt 10")
    one.learn("bcrypt 10", 0.07)
    assert not one.doubtful("bcrypt 10")
    clock.now += admission.DOUBT_AFTER + 1
    assert one.doubtful("bcrypt 10")
    one.learn("bcrypt 10", 0.07)
    assert not one.doubtful("bcrypt 10")


def test_costs_without_number_do_not_fill_the_memory() -> None:
    one = Estimates()
    for rounds in range(admission.REMEMBERED + 10):
        one.learn(f"pbkdf2 {rounds}", 0.01)
    assert len(one.measurements()) == admission.REMEMBERED
    assert one.measured("pbkdf2 0") is None


def test_a_cost_that_ran_lately_is_remembered_before_one_that_did_not() -> None:
    one = Estimates()
    for cost in ["first", "second", *map(str, range(admission.REMEMBERED - 2)), "first", "one more"]:
        one.learn(cost, 0.1)
    assert (one.measured("first"), one.measured("second")) == (0.1, None)


def test_a_run_beyond_its_deadline_counts_for_no_more_than_it_had() -> None:
    one = Estimates()
    one.learn("sha512_crypt 656000", 98.0, had=2.5)
    assert one.measured("sha512_crypt 656000") == 2.5
    for _ in range(100):
        one.learn("sha512_crypt 656000", 98.0, had=2.5)
    assert one.measured("sha512_crypt 656000") == 2.5


def test_a_run_that_was_begun_too_late_does_not_lower_the_average() -> None:
    one = Estimates()
    one.learn("bcrypt 12", 0.3)
    one.learn("bcrypt 12", 0.3, had=0.01)
    assert one.measured("bcrypt 12") == 0.3


def test_long_passwords_have_an_average_of_their_own() -> None:
    one = Estimates()
    one.learn("sha512_crypt 656000", 0.8)
    assert one.expect("sha512_crypt 656000", 512) > 0.8
    one.learn("sha512_crypt 656000", 2.4, size=512)
    assert one.expect("sha512_crypt 656000", 512) == 2.4
    assert one.expect("sha512_crypt 656000") == 0.8
    assert one.doubtful("sha512_crypt 656000", 128)


@pytest.mark.parametrize(
    "check, password, size",
    [
        (Fixed(), "p" * 4096, 0),
        (Fixed(looped=True), "p" * 64, 0),
        (Fixed(looped=True), "p" * 65, 128),
        (Fixed(looped=True), "\N{GRINNING FACE}" * 17, 128),
        (Fixed(looped=True), "p" * 512, 512),
        (Fixed(executor=Executor.PROCESS), "p" * 4096, 4096),
    ],
)
def test_the_length_of_a_password_counts_where_the_time_depends_on_it(check: Fixed, password: str, size: int) -> None:
    assert timed_size(check, password) == size
