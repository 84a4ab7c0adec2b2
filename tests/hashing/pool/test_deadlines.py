"""What waits is ended at its deadline, and nothing is kept of what is done."""

import asyncio
import itertools
import math

import pytest

from service.hashing.pool.single_flight import CLEARED, Deadlines


def waiting() -> asyncio.Future[str]:
    return asyncio.get_running_loop().create_future()


def soon(seconds: float = 0.01) -> float:
    return asyncio.get_running_loop().time() + seconds


async def test_what_is_not_done_at_its_deadline_ends_with_a_timeout() -> None:
    deadlines, future = Deadlines(), waiting()
    deadlines.keep(future, soon())
    with pytest.raises(TimeoutError):
        await future


async def test_what_is_done_in_time_is_left_alone() -> None:
    deadlines, done, late = Deadlines(), waiting(), waiting()
    deadlines.keep(done, soon())
    deadlines.keep(late, soon(0.02))
    done.set_result("verdict")
    with pytest.raises(TimeoutError):
        await late
    assert done.result() == "verdict"


@pytest.mark.parametrize("order", [(0.01, 0.02, 0.03), (0.03, 0.02, 0.01), (0.02, 0.03, 0.01)])
async def test_each_is_ended_at_its_own_deadline_whichever_came_first(order: tuple[float, ...]) -> None:
    deadlines, begun = Deadlines(), asyncio.get_running_loop().time()
    futures = {seconds: waiting() for seconds in order}
    for seconds, future in futures.items():
        deadlines.keep(future, begun + seconds)
    for seconds in sorted(order):
        with pytest.raises(TimeoutError):
            await futures[seconds]
        assert asyncio.get_running_loop().time() >= begun + seconds


async def test_one_that_comes_after_all_others_were_ended_is_ended_too() -> None:
    deadlines = Deadlines()
    for _ in range(2):
        future = waiting()
        deadlines.keep(future, soon())
        with pytest.raises(TimeoutError):
            await future


async def test_what_was_done_behind_one_that_was_not_goes_soon_but_not_in_one_go() -> None:
    deadlines, first = Deadlines(), waiting()
    deadlines.keep(first, soon(100))
    for _ in range(1_000):
        behind = waiting()
        deadlines.keep(behind, math.inf)
        behind.set_result("verdict")
    first.set_result("verdict")
    lengths = [len(deadlines)]
    for _ in range(400):
        following = waiting()
        deadlines.keep(following, math.inf)
        following.set_result("verdict")
        lengths.append(len(deadlines))
    assert max(before - after for before, after in itertools.pairwise(lengths)) < CLEARED
    assert lengths[-1] == 1


async def test_what_is_done_is_not_kept() -> None:
    deadlines = Deadlines()
    for _ in range(1_000):
        future = waiting()
        deadlines.keep(future, math.inf)
        future.set_result("verdict")
    assert len(deadlines) == 1


async def test_one_that_comes_later_and_ends_earlier_is_not_left_to_the_first_one_s_timer() -> None:
    loop, deadlines = asyncio.get_running_loop(), Deadlines()
    far, near = loop.create_future(), loop.create_future()
    deadlines.keep(far, loop.time() + 100_000)
    deadlines.keep(near, loop.time())
    async with asyncio.timeout(60):
        with pytest.raises(TimeoutError):
            await near
    assert not far.done()
