"""A network between the service and its database that is slow, or silently drops everything."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

SHARE = 65536
"""Bytes read at a time."""


class Network:
    """A relay on a port of its own."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._open = asyncio.Event()
        self._open.set()
        self.delay = 0.0
        """Seconds in each direction."""
        self.port = 0
        self.hides_ends = False
        """Whether the remaining side is not notified when the other one closes the connection."""
        self.hidden = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def cut(self) -> None:
        self._open.clear()

    def remedy(self) -> None:
        self._open.set()

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            there, here = await asyncio.open_connection(*self._target)
            ways = [asyncio.create_task(self._pass(reader, here)), asyncio.create_task(self._pass(there, writer))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                here.transport.abort()  # before the wait, which may be cancelled too
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        writer.transport.abort()
        self._tasks.discard(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(SHARE):
            await asyncio.sleep(self.delay)
            await self._open.wait()
            writer.write(data)
            await writer.drain()
        if self.hides_ends:
            self.hidden.set()
            await asyncio.Event().wait()

    async def close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def a_network(host: str, port: int) -> AsyncIterator[Network]:
    network = Network(host, port)
    server = await asyncio.start_server(network.relay, "127.0.0.1")
    network.port = server.sockets[0].getsockname()[1]
    try:
        yield network
    finally:
        server.close()
        await network.close()
