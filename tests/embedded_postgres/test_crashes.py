"""The embedded server after kill -9: nothing acknowledged is lost, and the next start works."""

import asyncio
import os
import time
from pathlib import Path

import asyncpg
import psutil
import pytest

from service.embedded_postgres import embedded, embedded_sync
from tests.embedded_postgres.using import all_gone, answers, keepers, kill_all, processes, server_pid, using


async def written(url: str) -> set[int]:
    connection = await asyncpg.connect(url)
    try:
        return {row["number"] for row in await connection.fetch("SELECT number FROM written")}
    finally:
        await connection.close()


VICTIMS = (("user", "keeper", "server"), ("user", "server"), ("user", "keeper"), ("user",), ("server", "keeper"))
"""The processes killed at once, in successive rounds. A user that is not killed at first loses its connection."""


async def test_no_acknowledged_row_is_lost_whichever_process_is_killed_under_load(made_data_dir: Path) -> None:
    acknowledged: set[int] = set()
    for victims in VICTIMS:
        with using(made_data_dir, "write") as writer:
            writer.url()
            acknowledged |= set(map(int, writer.lines(100)))
            running = processes(made_data_dir)
            kept = {"user": [psutil.Process(writer.popen.pid)], "keeper": keepers(made_data_dir)}
            kept["server"] = [process for process in running if process not in kept["keeper"]]
            kill_all([process for victim in victims for process in kept[victim]])
            acknowledged |= set(map(int, writer.lines()))
        async with embedded(made_data_dir) as url:
            assert acknowledged <= await written(url), victims
        assert all_gone(made_data_dir), victims
    assert len(acknowledged) >= 100 * len(VICTIMS)


async def test_a_server_that_is_killed_while_it_is_used_is_started_again(made_data_dir: Path) -> None:
    async with embedded(made_data_dir) as url:
        pid = server_pid(made_data_dir)
        kill_all([psutil.Process(pid)])
        assert await answers(url)
        assert server_pid(made_data_dir) != pid
    assert all_gone(made_data_dir)


async def test_a_new_server_waits_for_what_a_killed_one_left_running(made_data_dir: Path) -> None:
    async with embedded(made_data_dir) as url:
        busy = await asyncpg.connect(url)
        counting = asyncio.create_task(busy.fetchval("SELECT count(*) FROM generate_series(1, 4000000)"))
        await asyncio.sleep(0.3)
        old = {process.pid for process in processes(made_data_dir)} - {each.pid for each in keepers(made_data_dir)}
        kill_all([psutil.Process(server_pid(made_data_dir))])
        assert await answers(url)
        assert not old & {process.pid for process in processes(made_data_dir)}
        await asyncio.wait([counting])
        counting.exception()
        busy.terminate()
    assert all_gone(made_data_dir)


async def test_two_starts_at_once_after_a_crash_give_one_server(made_data_dir: Path) -> None:
    with using(made_data_dir) as user:
        user.url()
        kill_all([psutil.Process(user.popen.pid), *processes(made_data_dir)])
    with using(made_data_dir) as first, using(made_data_dir) as second:
        url = first.url()
        assert second.url() == url
        assert await answers(url)
        first.leave()
        second.leave()
    assert all_gone(made_data_dir)


@pytest.mark.parametrize(
    "first_line", [str(os.getpid()), "1", "", "-7", "junk"], ids=["ours", "init", "none", "single", "junk"]
)
def test_a_stale_pid_file_does_no_harm_whichever_process_has_its_pid(made_data_dir: Path, first_line: str) -> None:
    data = made_data_dir / "postgres/data"
    stale = [first_line, str(data), "1", "5432", str(made_data_dir / "postgres/run"), "", "1 1", "ready"]
    (data / "postmaster.pid").write_text("\n".join(stale) + "\n" if first_line else "")
    (made_data_dir / "postgres/run/.s.PGSQL.5432.lock").write_text("\n".join(stale[:5]) + "\n")
    owner = data.stat()
    os.chown(data / "postmaster.pid", owner.st_uid, owner.st_gid)
    with embedded_sync(made_data_dir):
        assert server_pid(made_data_dir)
    assert all_gone(made_data_dir)


def test_a_start_that_is_killed_while_it_makes_the_cluster_is_made_good_by_the_next(data_dir: Path) -> None:
    with using(data_dir) as first:
        while not (data_dir / "postgres/data.new").exists():
            time.sleep(0.001)
        first.kill()
    with using(data_dir) as second:
        second.url()
        second.leave()
    assert all_gone(data_dir)


def test_a_frozen_server_is_stopped_by_its_last_user(made_data_dir: Path) -> None:
    with using(made_data_dir) as user:
        user.url()
        psutil.Process(server_pid(made_data_dir)).suspend()
        user.leave()
    assert all_gone(made_data_dir)
