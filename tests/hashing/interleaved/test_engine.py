"""The engine keeps each job with its expected digest, and reports a kernel that violates its contract."""

import bcrypt
import pytest

from service.hashing.interleaved.engine import LANES, BcryptJob, Engine, EngineFault, job_of
from tests.hashing.interleaved.fakes import PackageKernel


@pytest.fixture
def kernel() -> PackageKernel:
    return PackageKernel()


@pytest.fixture
def engine(kernel: PackageKernel) -> Engine[str]:
    return Engine(kernel)


@pytest.fixture
def job() -> BcryptJob:
    return job_of(b"a", bcrypt.hashpw(b"a", bcrypt.gensalt(4)))


def test_lanes_are_free_until_they_are_taken_and_after_they_end(engine: Engine[str], job: BcryptJob) -> None:
    engine.add("one", job)
    engine.add("two", job)
    assert (len(engine), engine.free, engine.items) == (2, LANES - 2, ["one", "two"])
    assert engine.step() == [("one", True)]
    assert (len(engine), engine.free, engine.items) == (1, LANES - 1, ["two"])


def test_a_job_that_the_kernel_refuses_takes_no_lane(
    engine: Engine[str], kernel: PackageKernel, job: BcryptJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("salt is not 16 bytes long")

    monkeypatch.setattr(kernel, "add", refuse)
    with pytest.raises(ValueError, match="salt"):
        engine.add("one", job)
    assert len(engine) == 0


def test_digests_that_are_exchanged_refuse_both(engine: Engine[str], kernel: PackageKernel, job: BcryptJob) -> None:
    engine.add("one", job)
    engine.add("two", job_of(b"b", bcrypt.hashpw(b"b", bcrypt.gensalt(4))))
    first, second = kernel.jobs
    kernel.jobs[first], kernel.jobs[second] = kernel.jobs[second], kernel.jobs[first]
    assert engine.step() + engine.step() == [("one", False), ("two", False)]


def test_a_result_of_no_job_is_a_fault(engine: Engine[str], kernel: PackageKernel, job: BcryptJob) -> None:
    engine.add("one", job)
    kernel.add(99, job.key, job.salt, 4)
    del kernel.jobs[0]
    with pytest.raises(EngineFault, match="result of no job"):
        engine.step()


def test_a_job_that_is_lost_is_a_fault(engine: Engine[str], kernel: PackageKernel, job: BcryptJob) -> None:
    engine.add("one", job)
    engine.add("two", job)
    kernel.jobs.popitem()
    with pytest.raises(EngineFault, match="lost a job"):
        engine.step()
