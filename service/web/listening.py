"""A port that an application listens on, from its first call to the answer of its last. Knows no route."""

import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import structlog
from aiohttp import web

from service.settings import BadSettings
from service.web.guarded_port import GuardedRunner, GuardedSite
from service.web.keys import PARTS
from service.web.tls import ServerTls

log = structlog.get_logger()

CONNECTIONS: Mapping[str, Any] = {
    "access_log": None,
    # A compressed body could be a bomb, and Okta compresses none: the bytes are taken as they come.
    "auto_decompress": False,
}
"""How aiohttp treats connections, in the service and in its tests."""
SETTINGS = {"service": "HOST and PORT", "admin": "ADMIN_HOST and ADMIN_PORT"}
"""What says where they listen."""
SHUTDOWN_WITHIN = 10.0
"""Seconds that calls in hand get to end: more than Okta waits, less than orchestrators' grace."""


@asynccontextmanager
async def listening(
    name: str, app: web.Application, host: str, port: int, *, tls: ServerTls | None = None
) -> AsyncIterator[str]:
    """Serve an application on a port (0: any free one) and give its URL; afterwards, finish what was accepted.

    Raises `BadSettings` where the host is no address here, `OSError` where the port can't be had.
    """
    parts = app[PARTS]
    runner = GuardedRunner(
        app,
        most_connections=parts.settings.max_connections,
        count=lambda reason: parts.telemetry.connections.labels(reason).inc(),
        shutdown_timeout=SHUTDOWN_WITHIN,
        handler_cancellation=True,
        **CONNECTIONS,
    )
    await runner.setup()
    try:
        await _start(name, GuardedSite(runner, host, port, ssl_context=tls.context if tls else None), f"{host}:{port}")
        bound_host, bound_port, *_ = runner.addresses[0]
        place = f"[{bound_host}]:{bound_port}" if ":" in bound_host else f"{bound_host}:{bound_port}"
        url = f"{'https' if tls else 'http'}://{place}"
        log.info("listening", name=name, url=url)
        yield url
    finally:
        await runner.cleanup()


async def _start(name: str, site: GuardedSite, place: str) -> None:
    try:
        await site.start()
    except socket.gaierror as error:
        host = SETTINGS[name].partition(" ")[0]
        raise BadSettings(f"{host}: no such address: {error.strerror}") from None
    except OSError as error:
        error.add_note(f"{SETTINGS[name]}, {place}")
        raise
