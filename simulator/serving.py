"""The org over HTTP: the routes, and a server on loopback."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from simulator.api.errors import ApiError
from simulator.api.gate import gate
from simulator.api.recording import record
from simulator.api.routes import ROUTES
from simulator.keys import ORG
from simulator.org import Org
from simulator.pages import overview, registering, signing_in

UNROUTED = {404: "E0000007", 405: "E0000022"}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_simulator_app(org: Org) -> web.Application:
    """Create the application that serves an org. The caller closes the org."""
    app = web.Application(middlewares=[record, errors, gate])
    app[ORG] = org
    app.add_routes(ROUTES)
    app.router.add_get("/", signing_in.show)
    app.router.add_post("/", signing_in.submit)
    app.router.add_get("/register", registering.show)
    app.router.add_post("/register", registering.submit)
    app.router.add_get("/org", overview.show)
    app.router.add_post("/org", overview.switch)
    app.router.add_post("/org/verify", overview.verify)
    app.router.add_post("/org/rotate", overview.rotate)
    app.router.add_get("/wire", overview.wire)
    return app


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Return errors in Okta's form, and add the request id to every management call's answer."""
    org = request.app[ORG]
    try:
        response = await handler(request)
    except ApiError as error:
        response = error.response(org.ids.token(20))
    except web.HTTPException as refused:
        if not request.path.startswith("/api/v1/") or refused.status not in UNROUTED:
            raise
        response = ApiError(UNROUTED[refused.status]).response(org.ids.token(20))
    if request.path.startswith("/api/"):
        response.headers["X-Okta-Request-Id"] = org.ids.request()
    return response


@asynccontextmanager
async def serve(org: Org, host: str = "127.0.0.1", port: int = 0, url: str | None = None) -> AsyncIterator[str]:
    """Serve an org on a socket (any free port by default) and yield its URL, which becomes the org's own.

    `url` is for an org that others reach by another name than the address it listens on. Raises `OSError`.
    """
    runner = web.AppRunner(make_simulator_app(org), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        org.url = url or _reachable(*runner.addresses[0][:2])
        yield org.url
    finally:
        await runner.cleanup()
        await org.close()


def _reachable(host: str, port: int) -> str:
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - read here, not bound
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
