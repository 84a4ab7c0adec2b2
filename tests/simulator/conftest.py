"""An org, and a service that it calls, over real HTTP."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from simulator import Org, serve
from tests.simulator.answering import SECRET, Api, Service, event_hook


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    service = Service()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", service.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    service.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield service
    await runner.cleanup()


@pytest.fixture
async def org() -> AsyncIterator[Org]:
    """Yield an org whose events are delivered only when a test flushes them, with time limits for a busy machine."""
    async with Org(seed=1, hook_timeout=60.0, batch_window=0.01, reveal=True) as org:
        org.hold_deliveries = True
        yield org


@pytest.fixture
async def hooked(org: Org, service: Service) -> Org:
    """Return the org with a password hook, a verified event hook and Jessie, whose password is `password1`."""
    org.set_password_hook(f"{service.url}/password", SECRET)
    await org.verify_event_hook(event_hook(org, service))
    org.add_user("jessie.smith@example.com", firstName="Jessie", lastName="Smith")
    await org.flush_events()
    service.calls.clear()
    return org


@pytest.fixture
async def api(org: Org) -> AsyncIterator[Api]:
    """Yield the org's management API, over HTTP."""
    async with serve(org), aiohttp.ClientSession() as session:
        yield Api(org, session)
