"""The embedded server used by several processes: one server for all, none afterwards."""

import asyncio
import contextlib
from pathlib import Path

import asyncpg
import psutil
import pytest

from service.embedded_postgres import embedded, embedded_sync
from tests.embedded_postgres.using import all_gone, keepers, kill_all, processes, server_pid, using


async def ask(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


PROMISED = {
    "server_encoding": "UTF8",
    "data_checksums": "on",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "listen_addresses": "",
    "password_encryption": "scram-sha-256",
}


async def test_the_server_keeps_what_it_acknowledges_and_listens_on_no_network(made_data_dir: Path) -> None:
    async with embedded(made_data_dir) as url:
        assert {name: await ask(url, f"SHOW {name}") for name in PROMISED} == PROMISED


async def test_the_first_start_makes_a_cluster_in_which_app_owns_its_database_and_is_no_superuser(
    data_dir: Path,
) -> None:
    async with embedded(data_dir) as url:
        assert await ask(url, "SELECT current_user || ' ' || current_database()") == "app app"
        assert await ask(url, "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'app'") == "app"
        assert await ask(url, "SELECT rolsuper FROM pg_roles WHERE rolname = 'app'") is False


async def test_a_wrong_password_is_refused(made_data_dir: Path) -> None:
    async with embedded(made_data_dir) as url:
        head, _, tail = url.rpartition("@")
        with pytest.raises(asyncpg.InvalidPasswordError):
            await ask(f"{head}x@{tail}", "SELECT 1")


async def test_another_database_is_made_where_it_is_missing(made_data_dir: Path) -> None:
    for _ in range(2):
        async with embedded(made_data_dir, database='o"ther %1') as url:
            assert await ask(url, "SELECT current_database()") == 'o"ther %1'


async def test_six_cold_starts_at_once_give_one_server(data_dir: Path) -> None:
    with contextlib.ExitStack() as stack:
        users = [stack.enter_context(using(data_dir)) for _ in range(6)]
        urls = [user.url() for user in users]
        started = [await ask(url, "SELECT pg_postmaster_start_time()") for url in urls]
        assert len(set(urls)) == len(set(started)) == 1
        assert len(keepers(data_dir)) == 1
        for user in users:
            user.leave()
    assert all_gone(data_dir)


def test_the_server_stays_while_one_uses_it_and_has_stopped_when_the_last_has_left(made_data_dir: Path) -> None:
    with using(made_data_dir) as first, using(made_data_dir) as second:
        assert first.url() == second.url()
        pid = server_pid(made_data_dir)
        first.leave()
        assert server_pid(made_data_dir) == pid
        second.leave()
        assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    assert all_gone(made_data_dir)


def test_a_server_whose_users_were_all_killed_is_stopped(made_data_dir: Path) -> None:
    with using(made_data_dir) as first, using(made_data_dir) as second:
        first.url()
        second.url()
        first.kill()
        second.kill()
        assert all_gone(made_data_dir)
    assert not (made_data_dir / "postgres/data/postmaster.pid").exists(), "it was stopped, not killed"


def test_a_server_whose_keeper_was_killed_too_is_found_and_kept_again(made_data_dir: Path) -> None:
    with using(made_data_dir) as first:
        first.url()
        pid = server_pid(made_data_dir)
        kill_all(keepers(made_data_dir))
        first.kill()
    with using(made_data_dir) as second:
        second.url()
        assert server_pid(made_data_dir) == pid
        assert len(keepers(made_data_dir)) == 1
        second.kill()
        assert all_gone(made_data_dir)


def test_a_server_whose_keeper_was_killed_is_stopped_by_the_last_user(made_data_dir: Path) -> None:
    with using(made_data_dir) as user:
        user.url()
        kill_all(keepers(made_data_dir))
        user.leave()
        assert all_gone(made_data_dir)


async def test_a_cancelled_start_leaves_no_server(made_data_dir: Path) -> None:
    async def use() -> None:
        async with embedded(made_data_dir):
            raise AssertionError("it was cancelled before")

    starting = asyncio.create_task(use())
    await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert all_gone(made_data_dir)


def test_one_process_may_use_the_server_twice(made_data_dir: Path) -> None:
    with embedded_sync(made_data_dir) as outer:
        with embedded_sync(made_data_dir) as inner:
            assert inner == outer
        assert processes(made_data_dir)
    assert all_gone(made_data_dir)


def test_the_server_ends_when_its_folder_is_removed_under_it(made_data_dir: Path) -> None:
    with using(made_data_dir) as user:
        user.url()
        (made_data_dir / "postgres/data/postmaster.pid").unlink()
        user.leave()
        assert all_gone(made_data_dir)
