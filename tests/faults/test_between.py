"""Between the service and PostgreSQL: a slow network, an interrupted one, PgBouncer in transaction mode."""

import asyncio
from collections.abc import Iterator

import pytest

from service.store.database import DATABASE_UNAVAILABLE, Database
from tests.faults.conftest import tell, under_load
from tests.faults.network import a_network
from tests.faults.pooler import PROGRAM, a_pooler
from tests.faults.servers import Server, a_server

SLOW = 0.03
"""Seconds in each direction: another region. A delivery takes some twelve round trips; ten times this is too slow."""
END_ALL = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with a_server() as server:
        yield server


@pytest.fixture
def server(running: Server) -> Server:
    running.run_sql("DROP SCHEMA public CASCADE")
    running.run_sql("CREATE SCHEMA public")
    return running


async def test_over_a_slow_network_answers_are_slower_and_no_others(server: Server) -> None:
    async with a_network("127.0.0.1", server.port) as network:
        url = server.url.replace(server.host, f"127.0.0.1:{network.port}")
        async with under_load(url, prepared_by=server.url) as traffic:
            network.delay = SLOW
            await tell(f"{SLOW} s each way", traffic)
            network.delay = 0.0
            await tell("and quick again", traffic)
            await traffic.assert_nothing_lost(server.url)


async def test_a_cut_network_costs_503s_until_it_is_mended(server: Server) -> None:
    async with a_network("127.0.0.1", server.port) as network:
        url = server.url.replace(server.host, f"127.0.0.1:{network.port}")
        async with under_load(url, prepared_by=server.url) as traffic:
            network.cut()
            await traffic.until_503("sign-in")
            network.remedy()
            await tell("cut", traffic)
            await traffic.assert_nothing_lost(server.url)


async def test_a_connection_to_which_the_server_said_goodbye_is_given_up_though_its_end_never_comes(
    server: Server,
) -> None:
    async with a_network("127.0.0.1", server.port) as network:
        network.hides_ends = True
        database = Database(server.url.replace(server.host, f"127.0.0.1:{network.port}"), connections=1)
        await database.open()
        assert await one(database) == 1
        await asyncio.to_thread(server.run_sql, END_ALL)
        await network.hidden.wait()
        await asyncio.sleep(0.05)  # the close arrives; if later, the statement's own limit applies
        with pytest.raises(DATABASE_UNAVAILABLE):
            await one(database)
        assert await one(database) == 1
        await database.close()


async def one(database: Database) -> object:
    async with database.connection() as connection:
        return await connection.fetchval("SELECT 1")


@pytest.mark.skipif(PROGRAM is None, reason="NOT TESTED: PgBouncer in transaction mode; pgbouncer is not installed")
async def test_behind_pgbouncer_in_transaction_mode_every_answer_is_right(server: Server) -> None:
    with a_pooler(server) as url:
        async with under_load(url, prepared_by=server.url, DATABASE_POOLER="1", DATABASE_POOL_SIZE="8") as traffic:
            await traffic.until_well()
            assert not traffic.answers["database_away"]  # a busy machine may exceed the time
            # The pooler's connections to the server are lost, ours to the pooler are not.
            server.run_sql(END_ALL)
            await tell("behind PgBouncer", traffic)
            await traffic.assert_nothing_lost(server.url)
