"""When a call is admitted, and when a waiting one is dropped, on a clock that the test controls."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest

from service.hashing.pool import HashingPool, Overloaded
from service.hashing.pool.admission import MARGIN, RESERVED, UNMEASURED, Admission, Estimates, Reserve
from service.hashing.pool.fair_queue import FairQueue
from service.hashing.pool.job import Job
from tests.hashing.pool.conftest import until, until_queued
from tests.hashing.pool.fakes import Fixed, Gated

NOW = 1000.0
FAR = NOW + 1e6


class Clock:
    """The part of an event loop with which the pool plans, controlled by the test."""

    def __init__(self) -> None:
        self.now = NOW
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.get_running_loop().create_future()

    def call_at(self, when: float, call: Callable[..., None], *given: object) -> "Timer":
        self.timers.append(Timer(when, call, given))
        return self.timers[-1]

    def advance(self, to: float) -> None:
        self.now = to
        for timer in [one for one in self.timers if one.when <= to and not one.is_over]:
            timer.is_over = True
            timer.call(*timer.given)


class Timer:
    def __init__(self, when: float, call: Callable[..., None], given: tuple[object, ...]) -> None:
        self.when, self.call, self.given = when, call, given
        self.is_over = False

    def cancel(self) -> None:
        self.is_over = True


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def pool(clock: Clock) -> AsyncIterator[HashingPool]:
    """Yield a pool of one worker with long time limits, on the test's clock."""
    async with HashingPool(workers=1, queue_timeout=1000.0) as one:
        one._loop = cast("asyncio.AbstractEventLoop", clock)
        yield one


def ask(pool: HashingPool, check: Gated, name: str, deadline: float) -> asyncio.Task[bool]:
    return asyncio.create_task(pool.verify([check], name, account=name, deadline=deadline))


async def test_a_call_that_waits_is_dropped_as_soon_as_its_check_no_longer_fits(
    pool: HashingPool, clock: Clock
) -> None:
    blocking, dear = Gated(cost="blocking"), Gated(cost="dear")
    pool._estimates.learn("blocking", 1.0)
    pool._estimates.learn("dear", 20.0)
    blockers = [ask(pool, blocking, f"blocker {number}", FAR) for number in range(2)]
    await until(lambda: bool(blocking.hashed))
    waiting = ask(pool, dear, "waiting", NOW + 100)
    await until_queued(pool, 1)
    clock.advance(NOW + 79.9)
    await asyncio.sleep(0)
    assert not waiting.done()
    clock.advance(NOW + 80)
    with pytest.raises(Overloaded):
        await waiting
    assert (pool.snapshot().queued, pool.snapshot().dropped) == (0, 1)
    blocking.gate.set()
    dear.gate.set()
    await asyncio.gather(*blockers)
    assert dear.hashed == []


async def test_a_call_that_a_worker_was_given_is_not_dropped(pool: HashingPool, clock: Clock) -> None:
    blocking, dear = Gated(cost="blocking"), Gated(cost="dear")
    pool._estimates.learn("blocking", 1.0)
    pool._estimates.learn("dear", 20.0)
    blockers = [ask(pool, blocking, f"blocker {number}", FAR) for number in range(2)]
    await until(lambda: bool(blocking.hashed))
    waiting = ask(pool, dear, "waiting", NOW + 100)
    await until_queued(pool, 1)
    blocking.gate.set()
    await asyncio.gather(*blockers)
    await until(lambda: dear.hashed == ["waiting"])
    clock.advance(NOW + 99)
    dear.gate.set()
    assert await waiting
    assert all(timer.is_over for timer in clock.timers)


def admission(*, workers: int = 1, queue_timeout: float = 10.0, clock: Callable[[], float] = lambda: NOW) -> Admission:
    estimates = Estimates(clock)
    for cost, seconds in (("one", 1.0), ("four", 4.0), ("eight", 8.0)):
        estimates.learn(cost, seconds)
    return Admission(workers, queue_timeout, estimates, FairQueue(), Reserve(workers))


def job(seconds: float, *, handed_over: float = NOW, account: object = "other") -> Job:
    return Job((), "", cast("Any", account), seconds, cast("asyncio.Future[bool]", None), handed_over=handed_over)


def admit(to: Admission, cost: str, *running: Job, within: float = 1e6, waiting: tuple[Job, ...] = ()) -> bool:
    for one in waiting:
        to._queue.put(one)
    try:
        to.admit([Fixed(cost=cost)], "kim", running, now=NOW, deadline=NOW + within)
    except Overloaded:
        return False
    return True


@pytest.mark.parametrize("within, is_let_in", [(4.0, True), (3.9, False)])
def test_where_a_worker_is_free_a_check_that_may_just_end_in_time_is_let_in(within: float, is_let_in: bool) -> None:
    assert admit(admission(), "four", within=within) is is_let_in


@pytest.mark.parametrize("within, is_let_in", [(2 + 4 * MARGIN + 0.01, True), (2 + 4 * MARGIN - 0.01, False)])
def test_where_somebody_waits_a_check_needs_its_margin_too(within: float, is_let_in: bool) -> None:
    assert admit(admission(), "four", job(2.0), within=within) is is_let_in


@pytest.mark.parametrize("left, is_let_in", [(9.0, True), (9.1, False)])
def test_a_check_s_own_time_counts_as_waiting(left: float, is_let_in: bool) -> None:
    assert admit(admission(), "one", job(left)) is is_let_in


@pytest.mark.parametrize("left, is_let_in", [(5.0, True), (5.1, False)])
def test_at_most_half_of_the_wait_is_a_check_s_own_time(left: float, is_let_in: bool) -> None:
    assert admit(admission(), "eight", job(left)) is is_let_in


def test_calls_do_not_wait_while_there_are_more_workers_than_running_calls() -> None:
    assert admit(admission(workers=2), "one", job(100.0))
    assert not admit(admission(workers=2), "one", job(100.0), job(100.0))


@pytest.mark.parametrize("left, is_let_in", [(9.0, True), (9.1, False)])
def test_the_wait_is_shared_by_all_workers(left: float, is_let_in: bool) -> None:
    assert admit(admission(workers=2), "one", job(left), job(left)) is is_let_in


@pytest.mark.parametrize("queued, is_let_in", [(8, True), (9, False)])
def test_calls_that_wait_are_waited_for(queued: int, is_let_in: bool) -> None:
    ahead = tuple(job(1.0, account=number) for number in range(queued))
    assert admit(admission(), "one", job(1.0), waiting=ahead) is is_let_in


def test_the_time_that_a_running_call_had_already_is_not_waited_for() -> None:
    assert admit(admission(), "one", job(20.0, handed_over=NOW - 11))
    assert not admit(admission(), "one", job(20.0, handed_over=NOW - 10.9))


def test_a_running_call_that_is_overdue_shortens_no_other_s_wait() -> None:
    assert not admit(admission(workers=2), "one", job(1.0, handed_over=NOW - 100), job(18.1))


@pytest.mark.parametrize("running, is_let_in", [((), True), ((job(0.1),), False)])
def test_an_old_estimate_is_tried_only_where_nobody_would_wait_for_it(
    running: tuple[Job, ...], is_let_in: bool
) -> None:
    moments = iter([NOW - 100] * 3)
    old = admission(clock=lambda: next(moments, NOW))
    assert admit(old, "eight", *running, within=1.0) is is_let_in


def test_one_doubtful_estimate_of_several_is_enough_to_try() -> None:
    checks = [Fixed(cost="eight"), Fixed(cost="never measured")]
    assert admission().admit(checks, "kim", (), now=NOW, deadline=NOW + 1) == 8 + UNMEASURED


def test_each_check_of_a_call_is_counted() -> None:
    checks = [Fixed(cost="one"), Fixed(cost="four")]
    assert admission().admit(checks, "kim", (), now=NOW, deadline=NOW + 5) == 5
    with pytest.raises(Overloaded):
        admission().admit(checks, "kim", (), now=NOW, deadline=NOW + 4.9)


def test_a_rejected_caller_learns_when_the_queue_is_short_enough() -> None:
    with pytest.raises(Overloaded) as refused:
        admission().admit([Fixed(cost="one")], "kim", [job(30.0)], now=NOW, deadline=FAR)
    assert refused.value.retry_after == pytest.approx(30 - 9 + 1)


def mixed(workers: int) -> Admission:
    """Return the admission of a pool that was just asked for a short check."""
    found = admission(workers=workers, queue_timeout=1.0)
    found._estimates.learn("short", 0.05)
    found._reserve.note(0.05, NOW - 1)
    return found


def test_a_short_check_does_not_wait_for_the_long_one_on_the_other_core() -> None:
    assert admit(mixed(2), "short", job(100.0), job(0.05), within=2.3)


def test_a_long_check_waits_for_the_other_long_one_while_short_ones_arrive() -> None:
    assert not admit(mixed(2), "one", job(1.0), within=2.3)
    assert admit(mixed(3), "one", job(1.0), within=2.3)


def test_long_checks_use_every_core_where_no_short_one_arrives() -> None:
    alone = mixed(2)
    alone._reserve.note(8.0, NOW)
    alone._reserve._short_at = NOW - RESERVED
    assert admit(alone, "one", job(1.0), within=2.3)


async def test_long_checks_that_are_in_the_queue_leave_a_core_to_short_ones() -> None:
    long, short = Gated(cost="long"), Gated(cost="short")
    async with HashingPool(workers=2, queue_timeout=100.0) as pool:
        pool._estimates.learn("long", 1.0)
        pool._estimates.learn("short", 0.01)
        short.gate.set()
        assert await pool.verify([short], "first", account="first", deadline=FAR)
        calls = [ask(pool, long, f"long {number}", FAR) for number in range(3)]
        await until_queued(pool, 2)
        assert await ask(pool, short, "second", FAR)
        assert len(long.hashed) == 1
        long.gate.set()
        assert all(await asyncio.gather(*calls))


@pytest.mark.parametrize("size, is_tried", [(128, True), (512, False)])
def test_a_long_password_is_tried_only_where_its_check_could_end_in_time(size: int, is_tried: bool) -> None:
    check, to = Fixed(cost="one", looped=True), admission(workers=2)
    try:
        to.admit([check], "kim", (), now=NOW, deadline=NOW + 2.5, password="x" * size)
    except Overloaded:
        assert not is_tried
    else:
        assert is_tried


async def test_room_is_not_asked_for_while_a_worker_is_free(pool: HashingPool) -> None:
    pool._estimates.learn("dear", 20.0)
    pool.require_room([Fixed(cost="dear")], account="kim", deadline=NOW + 1)
    assert pool.snapshot().refused == 0
