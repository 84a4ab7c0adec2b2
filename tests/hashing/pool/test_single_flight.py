"""A call for the same work joins the one in flight."""

import asyncio
import math

import pytest

from service.hashing.pool import SingleFlight

SAME = ("jessie@example.com", "password1")
NEVER = math.inf


class Work:
    """Counts its runs and ends when the test allows it."""

    def __init__(self) -> None:
        self.runs = 0
        self.cancelled = 0
        self.end = asyncio.Event()
        self.begun = asyncio.Event()

    async def __call__(self) -> str:
        self.runs += 1
        self.begun.set()
        try:
            await self.end.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return "verdict"


async def test_the_second_call_waits_for_the_first_one_s_verdict() -> None:
    single_flight, work = SingleFlight(), Work()
    calls = [asyncio.create_task(single_flight.run(SAME, work, deadline=NEVER)) for _ in range(3)]
    await work.begun.wait()
    work.end.set()
    assert await asyncio.gather(*calls) == ["verdict"] * 3
    assert (work.runs, single_flight.coalesced) == (1, 2)


@pytest.mark.parametrize(
    "other",
    [("jessie@example.com", "password2"), ("kim@example.com", "password1"), ("jessie@example.compass", "word1")],
)
async def test_another_login_or_password_does_not_join(other: tuple[str, str]) -> None:
    single_flight, work = SingleFlight(), Work()
    work.end.set()
    await asyncio.gather(single_flight.run(SAME, work, deadline=NEVER), single_flight.run(other, work, deadline=NEVER))
    assert (work.runs, single_flight.coalesced) == (2, 0)


async def test_nothing_is_kept_once_nobody_waits() -> None:
    single_flight, work = SingleFlight(), Work()
    work.end.set()
    await single_flight.run(SAME, work, deadline=NEVER)
    assert len(single_flight) == 0
    await single_flight.run(SAME, work, deadline=NEVER)
    assert work.runs == 2


async def test_a_caller_that_hangs_up_leaves_the_one_that_joined() -> None:
    single_flight, work = SingleFlight(), Work()
    first, second = (asyncio.create_task(single_flight.run(SAME, work, deadline=NEVER)) for _ in range(2))
    await work.begun.wait()
    first.cancel()
    await asyncio.wait([first])
    work.end.set()
    assert first.cancelled()
    assert await second == "verdict"
    assert work.cancelled == 0


async def test_when_the_last_caller_hangs_up_the_work_ends() -> None:
    single_flight, work = SingleFlight(), Work()
    calls = [asyncio.create_task(single_flight.run(SAME, work, deadline=NEVER)) for _ in range(2)]
    await work.begun.wait()
    for call in calls:
        call.cancel()
    await asyncio.wait(calls)
    await asyncio.sleep(0)
    assert work.cancelled == 1
    assert len(single_flight) == 0


async def test_a_call_after_all_hung_up_begins_again() -> None:
    single_flight, work = SingleFlight(), Work()
    call = asyncio.create_task(single_flight.run(SAME, work, deadline=NEVER))
    await work.begun.wait()
    call.cancel()
    await asyncio.wait([call])
    work.end.set()
    assert await single_flight.run(SAME, work, deadline=NEVER) == "verdict"
    assert work.runs == 2


async def test_a_fault_reaches_every_caller_and_is_not_kept() -> None:
    single_flight = SingleFlight()

    async def fail() -> str:
        await asyncio.sleep(0)
        raise LookupError

    results = await asyncio.gather(
        single_flight.run(SAME, fail, deadline=NEVER),
        single_flight.run(SAME, fail, deadline=NEVER),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [LookupError, LookupError]
    assert len(single_flight) == 0


async def test_two_processes_hold_different_keys_for_the_same_call() -> None:
    assert SingleFlight()._digest(SAME) != SingleFlight()._digest(SAME)
    assert b"password1" not in SingleFlight()._digest(SAME)


async def test_a_password_that_is_no_text_for_utf_8_joins_like_any_other() -> None:
    single_flight, work = SingleFlight(), Work()
    work.end.set()
    assert await single_flight.run(("jessie", "\ud800"), work, deadline=NEVER) == "verdict"


async def test_a_caller_out_of_time_leaves_the_one_that_joined() -> None:
    single_flight, work = SingleFlight(), Work()
    loop = asyncio.get_running_loop()
    late = asyncio.create_task(single_flight.run(SAME, work, deadline=loop.time() + 0.01))
    second = asyncio.create_task(single_flight.run(SAME, work, deadline=NEVER))
    with pytest.raises(TimeoutError):
        await late
    work.end.set()
    assert await second == "verdict"
    assert work.runs == 1


async def test_when_the_last_caller_is_out_of_time_the_work_ends() -> None:
    single_flight, work = SingleFlight(), Work()
    with pytest.raises(TimeoutError):
        await single_flight.run(SAME, work, deadline=asyncio.get_running_loop().time() + 0.01)
    await asyncio.sleep(0)
    assert (work.cancelled, len(single_flight)) == (1, 0)


async def test_work_that_ends_after_all_hung_up_leaves_the_new_work_alone() -> None:
    single_flight, slow_to_end, work = SingleFlight(), asyncio.Event(), Work()

    async def lingers() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            await slow_to_end.wait()
        return "never"

    first = asyncio.create_task(single_flight.run(SAME, lingers, deadline=NEVER))
    await asyncio.sleep(0)
    old = next(iter(single_flight._flights.values())).task
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    second = asyncio.create_task(single_flight.run(SAME, work, deadline=NEVER))
    await work.begun.wait()
    slow_to_end.set()
    await asyncio.wait([old])
    third = asyncio.create_task(single_flight.run(SAME, work, deadline=NEVER))
    await asyncio.sleep(0)
    work.end.set()
    assert [*await asyncio.gather(second, third)] == ["verdict"] * 2
    assert work.runs == 1


async def test_a_caller_that_hangs_up_as_the_work_ends_leaves_the_others_their_verdict() -> None:
    single_flight, work = SingleFlight(), Work()
    first, second = (asyncio.create_task(single_flight.run(SAME, work, deadline=NEVER)) for _ in range(2))
    await work.begun.wait()

    async def hang_up() -> None:
        await work.end.wait()  # it wakes after the work, which has its verdict by then
        first.cancel()

    hanging_up = asyncio.create_task(hang_up())
    await asyncio.sleep(0)
    work.end.set()
    async with asyncio.timeout(60):
        assert await second == "verdict"
    await hanging_up
    await asyncio.wait([first])
    assert first.cancelled()


async def test_work_that_is_cancelled_from_outside_ends_every_caller() -> None:
    single_flight, work = SingleFlight(), Work()
    calls = [asyncio.create_task(single_flight.run(SAME, work, deadline=NEVER)) for _ in range(2)]
    await work.begun.wait()
    next(iter(single_flight._flights.values())).task.cancel()
    async with asyncio.timeout(60):
        await asyncio.wait(calls)
    assert all(call.cancelled() for call in calls)
