"""The kernel is only used if it agrees with the bcrypt package and is faster than the alternative."""

import itertools
from collections.abc import Callable

import bcrypt
import pytest

from service.hashing.interleaved.engine import LANES, MakeKernel, load_kernel
from service.hashing.interleaved.selfcheck import check_kernel, prove
from tests.hashing.interleaved.fakes import PackageKernel


class SignedCharacters(PackageKernel):
    def digest(self, key: bytes, salt: bytes, cost: int) -> bytes:
        return super().digest(key.replace(b"\xff", b"\x7f"), salt, cost)


class EndsAtNul(PackageKernel):
    def digest(self, key: bytes, salt: bytes, cost: int) -> bytes:
        return super().digest(key.partition(b"\0")[0], salt, cost)


class ShortKey(PackageKernel):
    def digest(self, key: bytes, salt: bytes, cost: int) -> bytes:
        return super().digest(key[:71], salt, cost)


class OneCost(PackageKernel):
    def digest(self, key: bytes, salt: bytes, cost: int) -> bytes:
        return super().digest(key, salt, min(cost, 4))


class MixesUpThreeLanes(PackageKernel):
    def step(self, iterations: int = 64, /) -> list[tuple[int, bytes]]:
        if len(self.jobs) == 3:
            (first, one), (second, other), *_ = self.jobs.items()
            self.jobs |= {first: other, second: one}
        return super().step(iterations)


class DiscardDisturbs(PackageKernel):
    def discard(self, ticket: int, /) -> bool:
        self.jobs = {other: (key + b"x", salt, cost) for other, (key, salt, cost) in self.jobs.items()}
        return super().discard(ticket)


class WrongTicket(PackageKernel):
    def step(self, iterations: int = 64, /) -> list[tuple[int, bytes]]:
        return [(ticket + 1000, digest) for ticket, digest in super().step(iterations)]


class LosesJobs(PackageKernel):
    def step(self, _iterations: int = 64, /) -> list[tuple[int, bytes]]:
        self.jobs.popitem()
        return []


class Raises(PackageKernel):
    def add(self, ticket: int, key: bytes, salt: bytes, cost: int, /) -> None:
        raise OSError("quotes password " + repr((ticket, key, salt, cost)))


def clock(theirs: float, *ours: float) -> Callable[[], float]:
    """Return the CPU seconds for the self-check: a run of the alternative, then of the kernel in each width."""
    deltas = itertools.cycle([0.0, theirs, *itertools.chain.from_iterable((0.0, each) for each in ours)])
    return itertools.accumulate(deltas).__next__


@pytest.fixture(scope="module")
def built() -> MakeKernel:
    try:
        return load_kernel()
    except ImportError as missing:
        pytest.skip(f"the C extension is not built: {missing}")


def test_the_extension_passes(built: MakeKernel) -> None:
    assert prove(built) is None


def test_the_extension_is_timed_for_real(built: MakeKernel) -> None:
    found = check_kernel(lambda: built, bcrypt.hashpw)
    assert found.passed
    assert found.speedup is not None
    assert found.seconds > 0


@pytest.mark.parametrize(
    "faulty",
    [
        *(SignedCharacters, EndsAtNul, ShortKey, OneCost, MixesUpThreeLanes, DiscardDisturbs, WrongTicket),
        *(LosesJobs, Raises),
    ],
)
def test_a_faulty_kernel_is_found_and_not_used(faulty: MakeKernel) -> None:
    found = check_kernel(lambda: faulty, bcrypt.hashpw)
    assert not found.passed
    assert not found.fast_enough
    assert "self-check" in found.reason or "disagrees" in found.reason
    assert "password" not in found.reason


def test_a_fault_of_one_width_names_the_width() -> None:
    assert "with 3 lanes" in str(prove(MixesUpThreeLanes))


def test_where_the_extension_is_not_built_the_reason_says_so() -> None:
    def missing() -> MakeKernel:
        raise ImportError("no module")

    found = check_kernel(missing, bcrypt.hashpw)
    assert (found.passed, found.fast_enough) == (False, False)
    assert "not built" in found.reason


@pytest.mark.parametrize("ratio, used", [(1.19, False), (1.21, True), (3.3, True), (0.5, False)])
def test_it_is_used_where_at_least_so_many_times_faster(ratio: float, used: bool) -> None:
    found = check_kernel(lambda: PackageKernel, bcrypt.hashpw, cpu_clock=clock(ratio, 1, 2, 3, LANES))
    assert found.passed
    assert found.speedup == pytest.approx(ratio)
    assert found.fast_enough == used


def test_it_measures_how_much_longer_a_run_takes_with_all_lanes_taken() -> None:
    found = check_kernel(lambda: PackageKernel, bcrypt.hashpw, cpu_clock=clock(3, 10, 11, 12.5, 15))
    assert found.stretch == pytest.approx((1.5, 15 / 11, 1.2, 1))


def test_a_run_of_no_measurable_time_is_no_fault() -> None:
    assert check_kernel(lambda: PackageKernel, bcrypt.hashpw, cpu_clock=lambda: 0.0).passed
