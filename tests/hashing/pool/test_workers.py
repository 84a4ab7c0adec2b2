"""Checks in Python run in processes that may crash without affecting the service."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from service.hashing.executor import Executor
from service.hashing.pool import CheckFailed, HashingPool
from service.hashing.pool import workers as pool_workers
from service.hashing.pool.workers import WorkerProcess
from tests.hashing.pool.conftest import until
from tests.hashing.pool.fakes import Environment, Fixed, Pid, Sleeps


def verify(pool: HashingPool, check: Fixed | Sleeps | Pid, password: str = "right") -> asyncio.Task[bool]:
    deadline = asyncio.get_running_loop().time() + 60
    return asyncio.create_task(pool.verify([check], password, account="a", deadline=deadline))


def workers_of_this_process() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if "service.hashing.pool.worker_main" in one.cmdline()]


async def test_a_killed_worker_is_a_fault_of_its_call_and_the_next_call_finds_a_new_one(
    narrow: HashingPool, tmp_path: Path
) -> None:
    await verify(narrow, Fixed(Executor.PROCESS))
    call = verify(narrow, Sleeps(), str(tmp_path / "begun"))
    await until((tmp_path / "begun").exists)
    for worker in workers_of_this_process():
        worker.kill()
    with pytest.raises(CheckFailed, match="its process died"):
        await call
    assert await verify(narrow, Fixed(Executor.PROCESS))


async def test_a_worker_killed_between_two_calls_is_not_noticed(narrow: HashingPool) -> None:
    await verify(narrow, Fixed(Executor.PROCESS))
    for worker in workers_of_this_process():
        worker.kill()
        worker.wait()
    assert await verify(narrow, Fixed(Executor.PROCESS))


async def test_closing_the_pool_ends_its_processes() -> None:
    async with HashingPool(workers=2) as pool:
        await pool.warm([Fixed(Executor.PROCESS)])
        workers = workers_of_this_process()
    assert [worker for worker in workers if worker.is_running()] == []


@pytest.fixture
def companion() -> WorkerProcess:
    return WorkerProcess()


def test_a_worker_imports_nothing_from_the_folder_that_the_service_was_started_in(
    companion: WorkerProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    marker = tmp_path / "imported"
    for name in ("multiprocessing", "pickle", "socket", "hashlib"):
        (tmp_path / f"{name}.py").write_text(f"open({str(marker)!r}, 'a').write({name!r})\nraise SystemExit\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", str(tmp_path), *sys.path])
    assert companion.run(Fixed(Executor.PROCESS), "right")[0]
    companion.close()
    assert not marker.exists()


def test_a_worker_that_hangs_is_killed(
    companion: WorkerProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pool_workers, "HUNG_AFTER", 0.1)
    with pytest.raises(CheckFailed, match="TimeoutError"):
        companion.run(Sleeps(), str(tmp_path / "begun"))
    assert companion.pid is None


def test_a_worker_is_replaced_after_enough_checks(companion: WorkerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_workers, "RECYCLE_AFTER", 2)
    pids = []
    for _ in range(4):
        companion.run(Fixed(), "right")
        pids.append(companion.pid)
    companion.close()
    assert pids[0] == pids[1] != pids[2] == pids[3]


def test_checks_run_in_the_worker_and_not_here(companion: WorkerProcess) -> None:
    assert not companion.run(Pid(), str(os.getpid()))[0]
    assert companion.run(Pid(), str(companion.pid))[0]
    companion.close()


def test_a_worker_does_not_inherit_the_service_s_secrets(
    companion: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BASIC_AUTH_PASSWORD", "secret")
    assert companion.run(Environment(), "BASIC_AUTH_PASSWORD")[0]
    companion.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_whole_service_leaves_its_workers_to_it(
    companion: WorkerProcess, number: signal.Signals
) -> None:
    companion.run(Fixed(), "right")
    pid = companion.pid
    assert pid is not None
    os.kill(pid, number)
    assert companion.run(Fixed(), "right")[0]
    assert companion.pid == pid
    companion.close()


class Unpicklable(Fixed):
    """A check that cannot be pickled, as a mistake in a format would cause."""

    def __reduce__(self) -> str:
        raise TypeError("right")


def test_a_check_that_cannot_be_sent_is_a_fault(companion: WorkerProcess) -> None:
    with pytest.raises(TypeError):
        companion.run(Unpicklable(), "right")
    assert companion.run(Fixed(), "right")[0]
    companion.close()


def test_when_the_service_is_killed_its_workers_end() -> None:
    script = """
        import time
        from service.hashing.pool.workers import WorkerProcess
        from tests.hashing.pool.fakes import Fixed
        companion = WorkerProcess()
        companion.run(Fixed(), "right")
        print(companion.pid, flush=True)
        time.sleep(60)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    ) as service:  # without the PYTHONSAFEPATH that the parser of deliveries may have set by `putenv`
        assert service.stdout is not None
        worker = psutil.Process(int(service.stdout.readline()))
        service.kill()
    worker.wait(timeout=300)
    assert not worker.is_running()
