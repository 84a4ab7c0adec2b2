"""The same hook on Starlette; served by uvicorn with uvloop and httptools."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from passwords import expected, judge, open_pool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

EXPECTED = expected()


@asynccontextmanager
async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, Any]]:
    yield {"pool": await open_pool()}


async def answer(request: Request) -> Response:
    if request.headers.get("Authorization") != EXPECTED:
        return Response(status_code=401)
    return Response(await judge(request.state.pool, await request.body()), media_type="application/json")


app = Starlette(lifespan=lifespan, routes=[Route("/okta/password-import", answer, methods=["POST"])])
