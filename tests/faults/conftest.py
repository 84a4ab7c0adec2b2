"""A service in a separate process with servers that a test breaks, under constant load."""

from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.faults.traffic import Traffic, prepare
from tests.import_events.test_kill import Service


@asynccontextmanager
async def under_load(
    url: str, *, prepared_by: str | None = None, services: int = 1, pause: float = 0.01, **environment: str
) -> AsyncIterator[Traffic]:
    """Run services over a database, prepared by another URL if given, and keep them busy."""
    signers, leavers = await prepare(prepared_by or url)
    running = [Service(url, **environment) for _ in range(services)]
    async with _all(running) as processes:
        traffic = Traffic([service.url for service in running], signers, leavers)
        traffic.processes = processes
        async with traffic.flowing(pause):
            await traffic.until_well()
            yield traffic


async def tell(what: str, traffic: Traffic) -> None:
    """Wait until there are no more errors, and print how long that took."""
    after = await traffic.until_well()
    print(f"{what}: last fault {after:.1f} s after it was mended; {dict(traffic.answers)}")  # noqa: T201


@asynccontextmanager
async def _all(services: list[Service]) -> AsyncIterator[list[Process]]:
    if not services:
        yield []
        return
    async with services[0].running() as process, _all(services[1:]) as others:
        yield [process, *others]
