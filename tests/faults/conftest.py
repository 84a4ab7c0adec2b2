"""A service in a process of its own over servers that a test breaks, and traffic to it all the while."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.faults.traffic import Traffic, prepare
from tests.service.test_kill import Service


@asynccontextmanager
async def under_load(
    url: str, *, prepared_by: str | None = None, services: int = 1, pause: float = 0.01, **environment: str
) -> AsyncIterator[Traffic]:
    """Run services over a database, which is prepared by another URL where that is given, and keep them busy."""
    signers, leavers = await prepare(prepared_by or url)
    running = [Service(url, **environment) for _ in range(services)]
    traffic = Traffic([f"http://127.0.0.1:{service.port}" for service in running], signers, leavers)
    async with _all(running), traffic.flowing(pause):
        await traffic.until_well()
        yield traffic


@asynccontextmanager
async def _all(services: list[Service]) -> AsyncIterator[None]:
    if not services:
        yield
        return
    async with services[0].running(), _all(services[1:]):
        yield
