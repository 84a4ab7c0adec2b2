"""Recording of incoming calls for the transcript."""

import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from simulator.keys import ORG
from simulator.transcript import Exchange

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
RECORDED = ("/api/", "/oauth2/")


@web.middleware
async def record(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Record a management or token call and its answer, with secrets masked."""
    if not request.path.startswith(RECORDED):
        return await handler(request)
    org = request.app[ORG]
    at, start, body = org.clock.now(), time.monotonic(), await request.read()
    response = await handler(request)
    answer = response.body if isinstance(response, web.Response) and isinstance(response.body, bytes) else b""
    org.transcript.add(
        Exchange(
            at=at,
            kind="management API",
            method=request.method,
            url=str(request.url),
            headers=org.transcript.headers(request.headers),
            body=org.transcript.body(body),
            status=response.status,
            answer_headers=org.transcript.headers(response.headers),
            answer=org.transcript.body(answer),
            fault="answer lost" if request.transport is None or request.transport.is_closing() else None,
            seconds=time.monotonic() - start,
        )
    )
    return response
