"""A port behind the guard: TLS in bounded time, and an end that cuts nobody off. Knows no limit of a call."""

import asyncio
from typing import Any

from aiohttp import web
from aiohttp.web_server import Server

from service.web.guard import LIMITS, Count, GuardedServer

HANDSHAKE_WITHIN = 5.0
"""Seconds for a TLS handshake."""


class GuardedRunner(web.AppRunner):
    """Runs an application behind the guard."""

    def __init__(self, app: web.Application, *, most_connections: int, count: Count, **options: Any) -> None:
        super().__init__(app, **LIMITS, **options)
        self._most, self._count = most_connections, count

    async def cleanup(self) -> None:
        """Accept nobody any more, answer those who are connected, and end.

        aiohttp closes idle connections at once, and with them what a caller has just sent over one.
        """
        for site in list(self.sites):
            await site.stop()
        if isinstance(self.server, GuardedServer):
            await self.server.drain()
        await super().cleanup()

    async def _make_server(self) -> Server:
        return GuardedServer(await super()._make_server(), self._most, self._count)


class GuardedSite(web.TCPSite):
    """A port; with TLS, handshakes are bounded in time."""

    async def start(self) -> None:
        """Begin to listen."""
        await web.BaseSite.start(self)
        self._server = await asyncio.get_running_loop().create_server(
            self._runner.server,  # type: ignore[arg-type]  # it is a factory of protocols
            self._host,
            self._port,
            ssl=self._ssl_context,
            backlog=self._backlog,
            reuse_address=True,
            ssl_handshake_timeout=HANDSHAKE_WITHIN if self._ssl_context else None,
        )
