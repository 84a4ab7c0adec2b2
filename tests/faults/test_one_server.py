"""PostgreSQL restarted, frozen, out of connections and out of disk, under load: no wrong verdict, nothing lost.

The service recovers by itself. The time that this takes is printed (`pytest -s`), but not tested.
"""

import asyncio
import contextlib
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.faults.conftest import tell, under_load
from tests.faults.servers import Server, a_server, is_root
from tests.faults.traffic import PATIENCE, Traffic

DISK = "160m"


@pytest.fixture
def server() -> Iterator[Server]:
    with a_server() as server:
        yield server


@pytest.fixture
async def traffic(server: Server) -> AsyncIterator[Traffic]:
    async with under_load(server.url) as traffic:
        yield traffic


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT, signal.SIGKILL])
async def test_a_restart_of_postgresql_costs_503s_and_nothing_else(
    server: Server, traffic: Traffic, how: signal.Signals
) -> None:
    await asyncio.to_thread(server.stop, how)
    await traffic.until_503("sign-in", "delivery")
    await asyncio.to_thread(server.start)
    await tell(f"restart by {how.name}", traffic)
    await traffic.assert_nothing_lost(server.url)


async def test_a_server_that_is_silent_for_a_while_is_waited_for_no_longer_than_okta_waits(
    server: Server, traffic: Traffic
) -> None:
    server.freeze()
    await traffic.until_503("sign-in", "delivery")
    server.thaw()
    await tell("frozen", traffic)
    await traffic.assert_nothing_lost(server.url)


async def test_no_connection_to_be_had_is_a_503_until_there_is_one(server: Server, traffic: Traffic) -> None:
    taken: list[asyncpg.Connection] = []
    killer = await asyncpg.connect(server.url)
    with contextlib.suppress(asyncpg.TooManyConnectionsError):
        while True:
            taken.append(await asyncpg.connect(server.url))
    mine = [killer.get_server_pid(), *(each.get_server_pid() for each in taken)]
    # The service loses its connections, and this test takes them before the service can.
    seen = traffic.answers["too_many"] + traffic.answers["database_away"]
    async with asyncio.timeout(PATIENCE):
        while traffic.answers["database_away"] < seen + 5:
            await killer.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE backend_type = 'client backend' AND pid <> ALL($1::int[])", mine,
            )  # fmt: skip
            with contextlib.suppress(asyncpg.TooManyConnectionsError):
                while True:
                    taken.append(await asyncpg.connect(server.url))
                    mine.append(taken[-1].get_server_pid())
    for each in taken:
        each.terminate()
    await killer.close()
    await tell("out of connections", traffic)
    await traffic.assert_nothing_lost(server.url)


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """Yield a file system that is soon full."""
    if not is_root() or shutil.which("mount") is None:
        pytest.skip("NOT TESTED: a full disk; only root can mount a small one")
    with tempfile.TemporaryDirectory(prefix="faults-") as made:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=0755", "tmpfs", made], check=False)
        if mounted.returncode:
            pytest.skip("NOT TESTED: a full disk; this root may not mount one")
        yield Path(made)
        subprocess.run(["umount", "-l", made], check=True)


async def test_a_full_disk_costs_no_right_password_its_verified_and_loses_nothing(small_disk: Path) -> None:
    with a_server(small_disk, max_wal_size="32MB") as server:
        async with under_load(server.url) as traffic:
            filler = small_disk / "filler"
            with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(65536))
            with contextlib.suppress(asyncpg.PostgresError, OSError):  # the free space in WAL and tables is used up
                await _use_up(server.url)
            await traffic.until_503("delivery")
            filler.unlink()
            with contextlib.suppress(AssertionError):  # without WAL it shuts down; its supervisor restarts it
                if not server.is_running:
                    await asyncio.to_thread(server.start)
            await tell("out of disk", traffic)
            await traffic.assert_nothing_lost(server.url)


async def _use_up(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("CREATE TABLE IF NOT EXISTS filler (content text)")
        for _ in range(1000):
            await connection.execute("INSERT INTO filler SELECT repeat('x', 1000) FROM generate_series(1, 1000)")
    finally:
        connection.terminate()
