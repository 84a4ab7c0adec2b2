"""The outermost of what answers a call: whatever is raised further in becomes an answer of ours. Knows no route."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog
from aiohttp import web

from service.telemetry import describe
from service.web.refusals import error_response, http_error_response

log = structlog.get_logger()

Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Draining(Protocol):
    """A server that may be about to stop."""

    is_draining: bool
    """Whether each connection ends with its next answer."""


class Answering:
    """Calls the application; whatever it raises becomes an answer of ours, also where no middleware was reached."""

    __slots__ = ("_handle", "_server")

    def __init__(self, handle: Handle, server: Draining) -> None:
        self._handle = handle
        self._server = server

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer the call."""
        try:
            answer = await self._handle(request)
        except web.HTTPException as error:
            answer = http_error_response(error)
        except Exception as error:  # noqa: BLE001 (a fault of ours is a 503, whatever it was)
            log.warning("fault", code="unhandled", **describe(error))
            answer = error_response(503, "fault", "the call could not be answered")
        answer.headers["Server"] = "password-import"
        if self._server.is_draining:
            answer.force_close()
        return answer
