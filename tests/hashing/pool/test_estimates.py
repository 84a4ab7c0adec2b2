"""What a check costs is measured, and a wrong measurement heals."""

from service.hashing.pool import admission
from service.hashing.pool.admission import Estimates


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


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
