"""A pool that interleaves: small batches first, one lane per job, no verdict from a faulty kernel."""

import asyncio
import threading
from collections.abc import AsyncIterator, Hashable, Iterator
from dataclasses import dataclass, field

import bcrypt
import pytest

from service.hashing import registry
from service.hashing.executor import Executor
from service.hashing.format import Check, Recipe, StoredHash
from service.hashing.interleaved.engine import LANES, BcryptJob, job_of
from service.hashing.interleaved.interleaving import Interleavable, Interleaving
from service.hashing.pool import CheckFailed, HashingPool, Overloaded
from tests.hashing.interleaved.fakes import PackageKernel
from tests.hashing.pool.conftest import until
from tests.hashing.pool.fakes import Broken, Fake, Fixed, Gated, WhereAmI

RIGHT = bcrypt.hashpw(b"right", bcrypt.gensalt(4))
STRETCH = (1.4, 1.2, 1.1, 1.0)


@dataclass(frozen=True)
class Bcrypt(Fake, Interleavable):
    hashed: bytes = field(default=RIGHT, repr=False)
    executor: Executor = Executor.THREAD
    cost: str = "bcrypt 4"

    def verify(self, password: str) -> bool:
        return bcrypt.checkpw(password.encode(), self.hashed)

    def bcrypt_job(self, password: str) -> BcryptJob | None:
        return job_of(password.encode(), self.hashed) if password.isascii() else None


class Refuses(Bcrypt):
    def bcrypt_job(self, password: str) -> BcryptJob | None:
        raise RuntimeError(password)


class Kernels:
    """The kernels of a pool, in the order of their creation; none finishes a job while the gate is closed."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.faulty = False
        self.raising = False
        self.made: list[GatedKernel] = []

    def __call__(self) -> "GatedKernel":
        self.made.append(GatedKernel(self))
        return self.made[-1]

    @property
    def widths(self) -> list[int]:
        return sorted(len(kernel) for kernel in self.made)


class GatedKernel(PackageKernel):
    def __init__(self, kernels: Kernels) -> None:
        super().__init__()
        self.kernels = kernels
        self.longest = 0

    def step(self, iterations: int = 64, /) -> list[tuple[int, bytes]]:
        self.longest = max(self.longest, len(self.jobs))
        if self.kernels.raising:
            raise OSError("quotes a password")
        return super().step(iterations) if self.kernels.gate.wait(0.001) else []

    def digest(self, key: bytes, salt: bytes, cost: int) -> bytes:
        return bytes(23) if self.kernels.faulty else super().digest(key, salt, cost)


@pytest.fixture
def kernels() -> Iterator[Kernels]:
    one = Kernels()
    yield one
    one.gate.set()


@pytest.fixture
def faults() -> list[str]:
    return []


@pytest.fixture
def interleaving(kernels: Kernels, faults: list[str]) -> Interleaving:
    return Interleaving(kernels, STRETCH, on_fault=faults.append)


@pytest.fixture
async def pool(interleaving: Interleaving, kernels: Kernels) -> AsyncIterator[HashingPool]:
    async with HashingPool(workers=2, interleaving=interleaving) as one:
        one._estimates.learn("bcrypt 4", 0.01)
        yield one
        kernels.gate.set()


def ask(
    pool: HashingPool, *checks: Check, password: str = "right", account: Hashable = None, within: float = 30.0
) -> asyncio.Task[bool]:
    deadline = asyncio.get_running_loop().time() + within
    return asyncio.create_task(
        pool.verify(checks or [Bcrypt()], password, account=object() if account is None else account, deadline=deadline)
    )


async def test_the_right_password_matches_and_wrong_ones_do_not(pool: HashingPool, kernels: Kernels) -> None:
    kernels.gate.set()
    words = ["right", "wrong", "", "right", "Right", "rîght", "right", "right"]
    assert await asyncio.gather(*(ask(pool, password=word) for word in words)) == [word == "right" for word in words]


@pytest.mark.parametrize("name", ["bcrypt", "$2y$"])
async def test_a_stored_bcrypt_hash_is_interleaved(pool: HashingPool, kernels: Kernels, name: str) -> None:
    stored = RIGHT.decode().replace("$2b$", name if name.startswith("$") else "$2b$")
    calls = [ask(pool, registry.check(StoredHash(stored, Recipe("bcrypt")))) for _ in range(8)]
    await until(lambda: kernels.widths == [4, 4])
    kernels.gate.set()
    assert all(await asyncio.gather(*calls))


async def test_a_job_goes_to_the_worker_with_the_fewest(pool: HashingPool, kernels: Kernels) -> None:
    calls = []
    for expected in ([0, 1], [1, 1], [1, 2], [2, 2], [2, 3], [3, 3], [3, 4], [4, 4]):
        calls.append(ask(pool))
        await until(lambda expected=expected: kernels.widths == expected)  # type: ignore[misc]
    kernels.gate.set()
    assert all(await asyncio.gather(*calls))


async def test_no_worker_takes_more_jobs_than_it_has_lanes(pool: HashingPool, kernels: Kernels) -> None:
    calls = [ask(pool) for _ in range(30)]
    await until(lambda: kernels.widths == [LANES, LANES])
    assert pool.snapshot().running == 2 * LANES
    kernels.gate.set()
    assert all(await asyncio.gather(*calls))
    assert max(kernel.longest for kernel in kernels.made) == LANES


async def test_a_call_that_hangs_up_leaves_its_lane_before_its_check_ends(pool: HashingPool, kernels: Kernels) -> None:
    calls = [ask(pool) for _ in range(3)]
    await until(lambda: sum(kernels.widths) == 3)
    calls[1].cancel()
    await until(lambda: sum(kernels.widths) == 2)
    await until(lambda: pool.snapshot().dropped == 1)
    kernels.gate.set()
    assert [await calls[0], await calls[2]] == [True, True]


async def test_the_checks_of_one_call_run_one_after_another_in_one_lane(pool: HashingPool, kernels: Kernels) -> None:
    others = [Bcrypt(bcrypt.hashpw(word, bcrypt.gensalt(4))) for word in (b"a", b"b")]
    call = ask(pool, *others, Bcrypt())
    await until(lambda: kernels.widths == [0, 1])
    kernels.gate.set()
    assert await call
    assert max(kernel.longest for kernel in kernels.made) == 1


async def test_another_kind_of_check_has_a_worker_for_itself_and_stalls_no_other(
    pool: HashingPool, kernels: Kernels
) -> None:
    calls = [ask(pool) for _ in range(2)]
    await until(lambda: kernels.widths == [1, 1])
    other = Gated()
    pool._estimates.learn(other.cost, 0.1)
    waiting = ask(pool, other)
    await until(lambda: any(worker.alone for worker in pool._workers._workers))
    more = [ask(pool) for _ in range(3)]
    await until(lambda: kernels.widths == [1, 4])  # one worker takes no further lanes
    assert not other.hashed
    kernels.gate.set()
    assert all(await asyncio.gather(*calls, *more))
    await until(lambda: other.hashed == ["right"])
    assert await ask(pool)  # the other worker continues
    other.gate.set()
    assert await waiting


async def test_a_brief_check_runs_between_two_steps(pool: HashingPool, kernels: Kernels) -> None:
    calls = [ask(pool) for _ in range(8)]
    await until(lambda: kernels.widths == [4, 4])
    brief = Fixed()
    pool._estimates.learn(brief.cost, 0.0001)
    assert await ask(pool, brief)
    assert kernels.widths == [4, 4]
    kernels.gate.set()
    assert all(await asyncio.gather(*calls))


async def test_a_call_with_both_kinds_of_checks_runs_as_a_whole(pool: HashingPool) -> None:
    place = WhereAmI(Executor.THREAD)
    assert await ask(pool, Bcrypt(bcrypt.hashpw(b"a", bcrypt.gensalt(4))), place)
    assert place.threads[0].startswith("hashing-")


async def test_a_check_that_breaks_down_is_a_fault_and_never_a_verdict(pool: HashingPool, kernels: Kernels) -> None:
    kernels.gate.set()
    with pytest.raises(CheckFailed, match="RuntimeError"):
        await ask(pool, Refuses(), password="secret")
    with pytest.raises(CheckFailed, match="RuntimeError"):
        await ask(pool, Refuses(), Bcrypt(), password="secret")
    assert await ask(pool, Refuses(), Bcrypt())
    with pytest.raises(CheckFailed):
        await ask(pool, Broken(), Bcrypt(), password="secret")


async def test_the_packages_verdict_is_the_answer_and_the_kernel_is_switched_off(
    interleaving: Interleaving, kernels: Kernels, faults: list[str]
) -> None:
    kernels.faulty = True
    async with HashingPool(workers=1, interleaving=interleaving) as pool:  # no second mismatch during the recheck
        pool._estimates.learn("bcrypt 4", 0.01)
        calls = [ask(pool) for _ in range(10)]
        await until(lambda: kernels.widths == [4])
        kernels.gate.set()
        assert await asyncio.gather(*calls) == [True] * 10
        assert not interleaving.usable
        assert faults == ["it disagrees with the bcrypt package"]
        assert await ask(pool)
        assert not await ask(pool, password="wrong")


async def test_jobs_of_a_kernel_that_raises_run_again_without_it(
    pool: HashingPool, kernels: Kernels, faults: list[str]
) -> None:
    calls = [ask(pool, password=word) for word in ("right", "wrong", "right")]
    await until(lambda: sum(kernels.widths) == 3)
    kernels.raising = True
    assert await asyncio.gather(*calls) == [True, False, True]
    assert faults == ["OSError in a step"]


async def test_after_the_switch_off_a_call_takes_a_whole_worker(pool: HashingPool, interleaving: Interleaving) -> None:
    interleaving.switch_off("test")
    check = Gated()
    assert pool._share([Bcrypt()]) == 1
    check.gate.set()
    assert all(await asyncio.gather(ask(pool, check), ask(pool)))


async def test_as_many_calls_as_there_are_lanes_are_let_in_without_a_wait(pool: HashingPool, kernels: Kernels) -> None:
    pool._estimates = pool._admission._estimates
    for _ in range(200):
        pool._estimates.learn("bcrypt 4", 2.0)
    calls = [ask(pool, within=10) for _ in range(2 * LANES)]
    await until(lambda: kernels.widths == [4, 4])
    with pytest.raises(Overloaded):
        await ask(pool, within=2.2)
    kernels.gate.set()
    assert all(await asyncio.gather(*calls))


async def test_warming_measures_with_all_lanes_taken(pool: HashingPool, kernels: Kernels) -> None:
    warming = asyncio.create_task(pool.warm([Bcrypt(cost="bcrypt warm")]))
    await until(lambda: kernels.widths == [4, 4])
    kernels.gate.set()
    await warming
    assert pool.estimate("bcrypt warm")


async def test_a_closing_pool_finishes_its_lanes(interleaving: Interleaving, kernels: Kernels) -> None:
    pool = HashingPool(workers=1, interleaving=interleaving)
    await pool.start()
    pool._estimates.learn("bcrypt 4", 0.001)
    calls = [ask(pool) for _ in range(9)]
    await until(lambda: kernels.widths == [4])
    closing = asyncio.create_task(pool.close())
    kernels.gate.set()
    await closing
    assert await asyncio.gather(*calls) == [True] * 9
