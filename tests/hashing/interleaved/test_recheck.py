"""A sample of mismatches is rechecked by the package, whose verdict counts; one disagreement disables the kernel."""

import pytest

from service.hashing.interleaved.recheck import Recheck
from tests.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock(100.0)


@pytest.fixture
def faults() -> list[str]:
    return []


@pytest.fixture
def recheck(clock: Clock, faults: list[str]) -> Recheck:
    return Recheck(lambda: faults.append("disagreed"), share=0.01, clock=clock)


def test_the_first_refusal_is_rechecked_and_the_next_one_is_not(recheck: Recheck) -> None:
    assert recheck.due(0.07, 103.0)
    assert not recheck.due(0.07, 103.0)


@pytest.mark.parametrize("seconds, pause", [(0.07, 7.0), (0.28, 28.0)])
def test_rechecks_take_their_share_of_a_core_at_most(
    recheck: Recheck, clock: Clock, seconds: float, pause: float
) -> None:
    assert recheck.due(seconds, 1e9)
    clock.now += pause - 0.01
    assert not recheck.due(seconds, 1e9)
    clock.now += 0.02
    assert recheck.due(seconds, 1e9)


def test_what_could_not_end_by_its_deadline_is_not_rechecked_and_takes_no_turn(recheck: Recheck) -> None:
    assert not recheck.due(0.28, 100.2)
    assert recheck.due(0.28, 100.3)


def test_agreement_changes_nothing(recheck: Recheck, faults: list[str]) -> None:
    assert recheck.due(0.07, 103.0)
    assert not recheck.confirm(package_matched=False)
    assert recheck.sound
    assert not faults


def test_the_packages_verdict_is_the_answer_and_a_disagreement_is_one_fault(
    recheck: Recheck, faults: list[str]
) -> None:
    assert recheck.due(0.07, 103.0)
    assert recheck.confirm(package_matched=True)
    assert recheck.confirm(package_matched=True)
    assert not recheck.sound
    assert faults == ["disagreed"]


def test_after_a_disagreement_nothing_is_rechecked(recheck: Recheck, clock: Clock) -> None:
    recheck.confirm(package_matched=True)
    clock.now += 1000
    assert not recheck.due(0.07, 1e9)
