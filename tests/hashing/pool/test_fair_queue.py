"""The order of the fair queue."""

import asyncio
from collections import Counter, deque
from collections.abc import Hashable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.hashing.pool.fair_queue import FairQueue
from service.hashing.pool.job import Job

LOOP = asyncio.new_event_loop()
LOOP.close()
NOBODY: asyncio.Future[bool] = LOOP.create_future()


def job(account: Hashable, seconds: float = 0.1) -> Job:
    return Job((), "", account, seconds, NOBODY)


def filled(*jobs: Job) -> FairQueue:
    queue = FairQueue()
    for one in jobs:
        queue.put(one)
    return queue


def drain(queue: FairQueue) -> list[Job]:
    taken = []
    while (one := queue.take()) is not None:
        taken.append(one)
    return taken


def accounts(jobs: list[Job]) -> str:
    return "".join(str(one.account) for one in jobs)


def test_an_empty_queue_has_no_next_call() -> None:
    assert FairQueue().take() is None


def test_different_accounts_are_served_in_the_order_they_came() -> None:
    assert accounts(drain(filled(*map(job, "abc")))) == "abc"


def test_accounts_take_turns_however_much_one_of_them_asks() -> None:
    assert accounts(drain(filled(*map(job, "aaaabc")))) == "abcaaa"


def test_the_calls_of_one_account_keep_their_order() -> None:
    calls = [job("a") for _ in range(3)]
    assert drain(filled(*calls)) == calls


def test_a_newcomer_waits_one_round_and_not_behind_all_that_a_hammered_login_has_queued() -> None:
    queue = filled(*map(job, "a" * 50 + "b"))
    queue.take()
    queue.put(job("c"))
    assert "c" in accounts([one for _ in range(3) if (one := queue.take())])


def test_who_is_being_checked_stands_behind_everybody_who_is_not() -> None:
    queue = filled(*map(job, "aab"))
    queue.take()
    queue.put(job("c"))
    assert accounts(drain(queue)) == "bca"


def test_an_account_lines_up_again_when_its_call_has_ended() -> None:
    queue = filled(*map(job, "aaabc"))
    checked = queue.take()
    assert checked is not None
    queue.put(job("d"))
    queue.end(checked)
    queue.put(job("e"))
    assert accounts(drain(queue)) == "bcdaea"


def test_a_hammered_login_gets_no_more_than_one_of_many_who_ask_again_and_again() -> None:
    queue = filled(*map(job, "a" * 1000 + "bcdefghi"))
    checked = deque(one for _ in range(3) if (one := queue.take()))
    served = []
    for _ in range(900):
        served.append(ended := checked.popleft())
        queue.end(ended)
        if (following := queue.take()) is not None:
            checked.append(following)
        if ended.account != "a":
            queue.put(job(ended.account))
    assert Counter(accounts(served))["a"] == pytest.approx(100, abs=1)


def test_expensive_and_cheap_checks_get_equal_seconds() -> None:
    dear = [job(f"dear{n}", 0.8) for n in range(100)]
    cheap = [job(f"cheap{n}", 0.05) for n in range(100)]
    queue = filled(*dear, *cheap)
    spent = {0.05: 0.0, 0.8: 0.0}
    for _ in range(85):
        one = queue.take()
        assert one is not None
        spent[one.seconds] += one.seconds
    assert spent[0.05] == pytest.approx(spent[0.8], abs=0.8)


def test_a_price_that_was_idle_saves_up_no_share() -> None:
    queue = filled(*(job(f"a{n}", 0.05) for n in range(100)))
    for _ in range(50):
        queue.take()
    for n in range(20):
        queue.put(job(f"b{n}", 0.8))
    nearest = [one.seconds for _ in range(18) if (one := queue.take())]
    assert nearest.count(0.05) >= 15


def test_one_expensive_call_at_a_time_gets_no_more_than_its_share() -> None:
    queue = filled(*(job(f"a{n}", 0.05) for n in range(200)))
    queue.put(job("dear", 0.8))
    spent = {0.05: 0.0, 0.8: 0.0}
    for _ in range(150):
        one = queue.take()
        assert one is not None
        spent[one.seconds] += one.seconds
        if one.account == "dear":
            queue.put(job("dear", 0.8))
    assert spent[0.8] <= spent[0.05] + 0.8


def test_a_call_that_left_is_not_served() -> None:
    first, second, third = map(job, "aab")
    queue = filled(first, second, third)
    assert queue.discard(second)
    assert drain(queue) == [first, third]


def test_a_call_that_is_not_there_cannot_leave() -> None:
    queue = filled(job("a"))
    assert not queue.discard(job("a"))
    assert not queue.discard(job("b"))
    assert len(queue) == 1


def test_a_newcomer_waits_for_one_call_for_each_account_before_it() -> None:
    queue = filled(*map(job, "aaaaab"))
    assert queue.ahead_of("c", 0.1) == pytest.approx(0.2)


def test_a_hammered_login_waits_in_its_own_queue() -> None:
    queue = filled(*map(job, "aaaaab"))
    assert queue.ahead_of("a", 0.1) == pytest.approx(0.6)


def test_a_cheap_check_does_not_wait_for_every_expensive_one() -> None:
    queue = filled(*(job(n, 0.8) for n in range(100)))
    assert queue.ahead_of("cheap", 0.01) == pytest.approx(0.01)


def test_an_empty_queue_has_nothing_ahead() -> None:
    assert FairQueue().ahead_of("a", 0.1) == 0


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from([0.001, 0.07, 0.9]), st.booleans())))
def test_every_call_comes_out_once_or_has_left(calls: list[tuple[str, float, bool]]) -> None:
    jobs = [(job(account, seconds), leaves) for account, seconds, leaves in calls]
    queue = filled(*(one for one, _ in jobs))
    assert len(queue) == len(jobs)
    assert all(queue.discard(one) for one, leaves in jobs if leaves)
    taken = drain(queue)
    assert Counter(map(id, taken)) == Counter(id(one) for one, leaves in jobs if not leaves)
    assert len(queue) == 0
    assert queue.ahead_of("z", 0.07) == pytest.approx(0)


def seconds_by_price(queue: FairQueue, calls: int) -> dict[float, float]:
    spent = {0.05: 0.0, 0.8: 0.0}
    for _ in range(calls):
        one = queue.take()
        assert one is not None
        spent[one.seconds] += one.seconds
    return spent


def test_a_band_that_was_idle_gets_its_share_and_no_arrears() -> None:
    queue = filled(job("dear", 0.8))
    queue.take()
    for n in range(400):
        queue.put(job(f"a{n}", 0.05))
    seconds_by_price(queue, 100)  # five seconds in which no expensive call waited
    for n in range(20):
        queue.put(job(f"b{n}", 0.8))
    spent = seconds_by_price(queue, 85)
    assert spent[0.05] == pytest.approx(spent[0.8], abs=0.9)


def test_a_band_that_was_given_more_than_its_share_gets_no_new_one_by_being_empty_for_a_moment() -> None:
    queue = filled(*(job(f"a{n}", 0.05) for n in range(400)))
    queue.put(job("dear 0", 0.8))
    spent = {0.05: 0.0, 0.8: 0.0}
    for n in range(1, 200):
        one = queue.take()
        assert one is not None
        spent[one.seconds] += one.seconds
        if one.seconds > 0.5:  # its band is empty until the next call arrives
            queue.put(job(f"dear {n}", 0.8))
    assert spent[0.05] == pytest.approx(spent[0.8], abs=0.9)


def test_an_account_of_which_another_call_is_still_being_checked_stands_behind_the_others() -> None:
    queue = filled(*map(job, "aaaa"))
    first, second = queue.take(), queue.take()
    assert first is not None
    assert second is not None
    queue.end(first)
    queue.put(job("b"))
    assert accounts([one for _ in range(2) if (one := queue.take())]) == "ba"


def test_a_call_waits_a_round_for_each_of_its_account_s_that_wait_and_of_its_own() -> None:
    queue = filled(*map(job, "a" + "b" * 10))
    assert queue.ahead_of("a", 0.1) == pytest.approx(0.4)
