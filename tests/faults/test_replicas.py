"""Several services over one database, and one that is stopped: every accepted call is processed exactly once."""

import asyncio
import signal
from collections.abc import Iterator

import aiohttp
import pytest

from tests.faults.conftest import tell, under_load
from tests.faults.servers import Server, a_server
from tests.faults.traffic import success_of
from tests.people import delivery
from tests.service_fixtures import AUTHORIZATION

MANY = 300
WAIT = 300
"""Seconds to wait for a service to stop."""


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with a_server() as server:
        yield server


@pytest.fixture
def server(running: Server) -> Server:
    running.run_sql("DROP SCHEMA public CASCADE")
    running.run_sql("CREATE SCHEMA public")
    return running


async def test_two_replicas_given_the_same_events_at_once_do_them_once(server: Server) -> None:
    async with under_load(server.url, services=2, pause=0.05) as traffic:
        async with aiohttp.ClientSession(headers={"Authorization": AUTHORIZATION}) as session:

            async def deliver(url: str, numbers: list[int]) -> None:
                events = [success_of(number, traffic.leavers[number]) for number in numbers]
                while True:  # a busy machine answers 503 after Okta's time limit, and Okta then sends again
                    async with session.post(f"{url}/okta/events", data=delivery(*events)) as answer:
                        if answer.status == 204:
                            return
                        assert answer.status == 503

            numbers = list(range(len(traffic.leavers) - MANY, len(traffic.leavers)))
            traffic.sent |= set(numbers)
            halves = numbers[::2], numbers[1::2], numbers[::-1], numbers
            await asyncio.gather(*(deliver(url, half) for half in halves for url in traffic.urls))
            traffic.acknowledged |= set(numbers)
        await tell("two replicas", traffic)
        await traffic.assert_nothing_lost(server.url)


async def test_a_service_stopped_under_load_finishes_what_it_accepted(server: Server) -> None:
    async with under_load(server.url, services=2, pause=0.0) as traffic:
        stopping = traffic.processes[0]
        stopping.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(stopping.wait(), WAIT) == 0
        # A connection without an answer was not accepted: the port is closed before the last answer.
        unanswered = {kind for kind in traffic.answers if "Error" in kind} - REFUSED
        assert not unanswered, traffic.answers
        await traffic.assert_nothing_lost(server.url)


REFUSED = {f"{route} ClientConnectorError" for route in ("sign-in", "delivery")}
