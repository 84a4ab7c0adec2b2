"""The pool gives verdicts in time or rejects at once, is fair, and never turns a fault into a verdict."""

import asyncio
import threading
from collections.abc import Hashable

import pytest

from service.hashing.executor import Executor
from service.hashing.format import Check
from service.hashing.pool import CheckFailed, HashingPool, Overloaded
from tests.hashing.pool.conftest import until, until_queued
from tests.hashing.pool.fakes import Broken, Fixed, Gated, WhereAmI


def soon(seconds: float = 30.0) -> float:
    return asyncio.get_running_loop().time() + seconds


def ask(
    pool: HashingPool, check: Check, password: str = "right", account: Hashable = "a", within: float = 30.0
) -> asyncio.Task[bool]:
    return asyncio.create_task(pool.verify([check], password, account=account, deadline=soon(within)))


def price(pool: HashingPool, check: Check, seconds: float) -> None:
    pool._estimates.learn(check.cost, seconds)


@pytest.mark.parametrize("executor", list(Executor))
async def test_the_right_password_matches_and_a_wrong_one_does_not(pool: HashingPool, executor: Executor) -> None:
    assert await ask(pool, Fixed(executor))
    assert not await ask(pool, Fixed(executor), "wrong")


async def test_any_check_that_matches_is_enough(pool: HashingPool) -> None:
    checks = [Fixed(executor, password=str(number)) for number, executor in enumerate(Executor)]
    for password in "012":
        assert await pool.verify(checks, password, account="a", deadline=soon())
    assert not await pool.verify(checks, "3", account="a", deadline=soon())


async def test_cheap_checks_run_on_the_loop_s_thread_and_expensive_ones_do_not(pool: HashingPool) -> None:
    cheap, dear = WhereAmI(Executor.INLINE), WhereAmI(Executor.THREAD)
    await ask(pool, cheap)
    await ask(pool, dear)
    assert cheap.threads == [threading.current_thread().name]
    assert dear.threads[0].startswith("hashing-")


@pytest.mark.parametrize("executor", list(Executor))
async def test_a_check_that_breaks_down_is_a_fault_and_never_a_verdict(pool: HashingPool, executor: Executor) -> None:
    with pytest.raises(CheckFailed, match="broken broke down: RuntimeError"):
        await ask(pool, Broken(executor), "secret password")
    assert pool.snapshot().failed == 1


@pytest.mark.parametrize("executor", list(Executor))
async def test_a_fault_quotes_no_password(pool: HashingPool, executor: Executor) -> None:
    with pytest.raises(CheckFailed) as caught:
        await ask(pool, Broken(executor), "secret password")
    assert "secret password" not in repr(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("broken", list(Executor))
@pytest.mark.parametrize("sound", list(Executor))
async def test_a_right_password_gets_in_beside_a_check_that_breaks_down(
    pool: HashingPool, broken: Executor, sound: Executor
) -> None:
    assert await pool.verify([Broken(broken), Fixed(sound)], "right", account="a", deadline=soon())


@pytest.mark.parametrize("broken", list(Executor))
@pytest.mark.parametrize("sound", list(Executor))
async def test_a_wrong_password_is_no_verdict_where_one_check_breaks_down(
    pool: HashingPool, broken: Executor, sound: Executor
) -> None:
    with pytest.raises(CheckFailed):
        await pool.verify([Fixed(sound), Broken(broken)], "wrong", account="a", deadline=soon())


async def test_a_call_that_would_wait_too_long_is_refused_before_it_is_hashed(narrow: HashingPool) -> None:
    check = Gated()
    price(narrow, check, 0.4)
    accepted = [ask(narrow, check, f"accepted {n}", n) for n in range(2)]
    await until(lambda: bool(check.hashed))
    with pytest.raises(Overloaded) as caught:
        await ask(narrow, check, "refused", "other")
    check.gate.set()
    await asyncio.gather(*accepted)
    assert "refused" not in check.hashed
    assert narrow.snapshot().refused == 1
    assert 0 < caught.value.retry_after < 5


async def test_while_no_kind_of_check_would_be_let_in_a_call_is_refused_without_knowing_which_it_is(
    narrow: HashingPool,
) -> None:
    dear, cheap = Gated(), Gated(cost="cheap")
    price(narrow, dear, 0.4)
    price(narrow, cheap, 0.001)
    narrow.require_room([dear], account="other", deadline=soon())
    accepted = [ask(narrow, dear, f"accepted {n}", n) for n in range(2)]
    await until(lambda: bool(dear.hashed))
    with pytest.raises(Overloaded):
        narrow.require_room([dear], account="other", deadline=soon())
    narrow.require_room([dear, cheap], account="other", deadline=soon())
    narrow.require_room([], account="other", deadline=soon())
    dear.gate.set()
    await asyncio.gather(*accepted)
    assert narrow.snapshot().refused == 1


async def test_a_call_whose_deadline_is_too_near_is_refused(narrow: HashingPool) -> None:
    check = Fixed()
    price(narrow, check, 0.5)
    with pytest.raises(Overloaded):
        await ask(narrow, check, within=0.4)
    assert await ask(narrow, check)


async def test_an_estimate_that_refuses_every_call_is_tried_again_when_it_is_old(
    narrow: HashingPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = Fixed()
    price(narrow, check, 60.0)
    with pytest.raises(Overloaded):
        await ask(narrow, check)
    monkeypatch.setattr("service.hashing.pool.admission.DOUBT_AFTER", -1.0)
    assert await ask(narrow, check)
    assert (narrow.estimate(check.cost) or 0) < 60.0


async def test_a_call_whose_time_runs_out_while_it_waits_is_dropped_unhashed(narrow: HashingPool) -> None:
    check = Gated()
    price(narrow, check, 0.01)
    accepted = [ask(narrow, check, f"accepted {n}", n) for n in range(2)]
    with pytest.raises(Overloaded):
        await ask(narrow, check, "late", "other", within=0.2)
    check.gate.set()
    await asyncio.gather(*accepted)
    assert "late" not in check.hashed
    assert narrow.snapshot().dropped == 1


async def test_a_caller_that_hangs_up_while_it_waits_costs_no_hash(narrow: HashingPool) -> None:
    check = Gated()
    price(narrow, check, 0.01)
    calls = [ask(narrow, check, f"call {n}", n) for n in range(4)]
    await until_queued(narrow, 2)
    for call in calls[1:3]:  # one was handed over already, one is in the queue
        call.cancel()
    await asyncio.wait(calls[1:3])
    check.gate.set()
    await asyncio.gather(calls[0], calls[3])
    assert sorted(check.hashed) == ["call 0", "call 3"]
    assert narrow.snapshot().dropped == 2


async def test_a_hammered_login_lets_others_take_their_turns(narrow: HashingPool) -> None:
    check = Gated()
    price(narrow, check, 0.001)
    hammered = [ask(narrow, check, "hammered", "victim") for _ in range(50)]
    await until_queued(narrow, 48)
    others = [ask(narrow, check, f"other {n}", n) for n in range(3)]
    await until_queued(narrow, 51)
    check.gate.set()
    await asyncio.gather(*hammered, *others)
    assert {"other 0", "other 1", "other 2"} <= set(check.hashed[:7])


async def test_a_hammered_login_is_refused_before_others_are(narrow: HashingPool) -> None:
    check = Gated()
    price(narrow, check, 0.1)
    hammered = [ask(narrow, check, "hammered", "victim") for _ in range(40)]
    other = ask(narrow, check, "other", "other")
    await until(lambda: narrow.snapshot().refused > 0)
    check.gate.set()
    results = await asyncio.gather(*hammered, return_exceptions=True)
    assert await other
    assert any(isinstance(result, Overloaded) for result in results)


async def test_a_source_of_slow_hashes_does_not_refuse_the_fast_ones(narrow: HashingPool) -> None:
    slow, fast = Gated(cost="slow"), Gated(cost="fast")
    price(narrow, slow, 0.3)
    price(narrow, fast, 0.01)
    crowd = [ask(narrow, slow, "slow", n) for n in range(20)]
    await asyncio.sleep(0)
    call = ask(narrow, fast, "fast", "other")
    await asyncio.sleep(0)
    slow.gate.set()
    fast.gate.set()
    assert await call
    results = await asyncio.gather(*crowd, return_exceptions=True)
    assert any(isinstance(result, Overloaded) for result in results)


async def test_a_measured_run_becomes_the_estimate(pool: HashingPool) -> None:
    assert pool.estimate("fixed") is None
    await ask(pool, Fixed())
    assert pool.snapshot().estimates == {"fixed": pool.estimate("fixed")}


async def test_warming_measures_every_cost_and_outlives_a_check_that_breaks_down(pool: HashingPool) -> None:
    await pool.warm([Broken(), Fixed(Executor.PROCESS, "in a process"), Fixed(Executor.THREAD, "in a thread")])
    assert set(pool.snapshot().estimates) == {"in a process", "in a thread"}


async def test_a_closing_pool_finishes_what_it_accepted_and_refuses_the_rest() -> None:
    pool, check = HashingPool(workers=1), Gated()
    await pool.start()
    price(pool, check, 0.001)
    accepted = [ask(pool, check, account=n) for n in range(5)]
    await until_queued(pool, 3)
    closing = asyncio.create_task(pool.close())
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await ask(pool, check)
    check.gate.set()
    await closing
    assert await asyncio.gather(*accepted) == [True] * 5


async def test_a_closed_pool_leaves_no_thread_behind() -> None:
    async with HashingPool(workers=3) as pool:
        await ask(pool, Fixed())
        assert len([thread for thread in threading.enumerate() if thread.name.startswith("hashing-")]) == 3
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("hashing-")]


async def test_closing_twice_is_closing_once() -> None:
    async with HashingPool(workers=1) as pool:
        await pool.close()


async def test_the_snapshot_counts_who_runs_and_who_waits(narrow: HashingPool) -> None:
    check = Gated()
    price(narrow, check, 0.01)
    calls = [ask(narrow, check, account=n) for n in range(5)]
    await until_queued(narrow, 3)
    state = narrow.snapshot()
    assert (state.workers, state.running, state.queued) == (1, 1, 3)
    check.gate.set()
    await asyncio.gather(*calls)
    state = narrow.snapshot()
    assert (state.running, state.queued, state.dropped, state.refused) == (0, 0, 0, 0)


async def test_the_time_in_the_queue_is_that_in_which_no_check_of_the_call_ran(narrow: HashingPool) -> None:
    gated, waited = Gated(), list[float]()
    running = ask(narrow, gated)
    await until(lambda: bool(gated.hashed))
    behind = [
        asyncio.create_task(narrow.verify([Fixed()], "right", account=n, deadline=soon(), on_waited=waited.append))
        for n in range(2)
    ]
    await until_queued(narrow, 1)  # the other one is handed over, and waits too
    began = asyncio.get_running_loop().time()
    await asyncio.sleep(0.01)
    held = asyncio.get_running_loop().time() - began
    gated.gate.set()
    await asyncio.gather(running, *behind)
    assert min(waited) >= held
