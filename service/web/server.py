"""The HTTP server's limits on connections, headers and slow senders, and its response to malformed HTTP.

aiohttp answers unreadable HTTP with text that quotes it, waits for headers without a limit, and accepts any number of
connections. Here every response is ours, and idle and slow clients are disconnected.
"""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol

import structlog
from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_server import Server

from service.settings import BadSettings
from service.telemetry import describe
from service.web.errors import error_response, http_error_response
from service.web.parts import PARTS
from service.web.tls import ServerTls

# The outermost handler: any exception inside becomes an error response.

log = structlog.get_logger()

Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Draining(Protocol):
    """A server that may be stopping."""

    is_draining: bool
    """Whether each connection ends with its next answer."""


class Answering:
    """Calls the application and converts any exception to an error response, even if no middleware was reached."""

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
        except Exception as error:  # noqa: BLE001 (any internal error is a 503)
            log.warning("fault", code="unhandled", **describe(error))
            answer = error_response(503, "fault", "the call could not be answered")
        answer.headers["Server"] = "password-import"
        if self._server.is_draining:
            answer.force_close()
        return answer


HEADERS_WITHIN = 5.0
"""Seconds from the first byte of a call (or from connecting) until its headers are complete; Okta's call has three."""
KEEP_IDLE = 75.0
"""Seconds that an idle connection is kept: longer than the minute of common load balancers, which must close first."""
LINGER = 2.0
"""Seconds in which the rest of a rejected body is discarded, so that the caller sees the answer and no reset."""
DRAIN_WITHIN = 1.0
"""Seconds in which a stopping service still answers over existing connections: a call may be on its way."""
MAX_HEADERS = 64
"""Maximum header fields of a call; Okta sends a dozen."""
MAX_FIELD = 8190
"""Maximum bytes of a request line or a field; a bearer token has about 1,000."""
MAX_HEAD = 64 * 1024
"""Maximum bytes of all headers together."""

SILENT_SHARE = 0.5
"""The share of all connections that may be without complete headers: the other half is reserved for calls."""
REFUSED_FOR = 1.0
"""Seconds in which the input of a rejected connection is discarded, so that the caller sees the answer and no reset."""
REFUSED = 256
"""Maximum rejected connections whose input is discarded; beyond them the oldest is closed."""

LIMITS: Mapping[str, Any] = {
    "max_line_size": MAX_FIELD,
    "max_field_size": MAX_FIELD,
    "max_headers": MAX_HEADERS,
    "keepalive_timeout": KEEP_IDLE,
    "lingering_time": LINGER,
}
Count = Callable[[str], None]


class GuardedServer(Server):
    """Creates a guarded handler for each connection, up to the limit."""

    def __init__(self, server: Server, most: int, count: Count) -> None:
        super().__init__(
            server.request_handler,
            request_factory=server.request_factory,
            handler_cancellation=server.handler_cancellation,
            **server._kwargs,  # noqa: SLF001 (aiohttp has no other way to choose the class of the handlers)
        )
        self.most = most
        self.count = count
        self.is_draining = False
        """Whether each connection ends with its next answer."""
        self._is_empty = asyncio.Event()
        self._silent: dict[GuardedHandler, None] = {}
        """Connections without complete headers, the longest waiting first."""
        self._refused: dict[GuardedHandler, None] = {}
        """Connections that have their answer and are about to be closed, the oldest first."""

    def __call__(self) -> RequestHandler:
        """Create the handler of a new connection."""
        return GuardedHandler(self, loop=self._loop, **self._kwargs)

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        """Remove a connection."""
        if isinstance(handler, GuardedHandler):
            self._silent.pop(handler, None)
            self._refused.pop(handler, None)
        super().connection_lost(handler, exc)
        if not self._connections:
            self._is_empty.set()

    async def drain(self) -> None:
        """Let each connection end with its next answer, and wait a moment for them."""
        self.is_draining = True
        self._is_empty.clear()
        if self._connections:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._is_empty.wait(), DRAIN_WITHIN)

    def make_room(self) -> bool:
        """Return whether one more connection may stay, closing another if necessary.

        If too many have no complete headers, the one waiting longest is closed. If there are too many in total, the one
        idle longest is closed, or else one without headers.
        """
        if len(self._silent) >= max(2, int(SILENT_SHARE * self.most)):
            self._refuse_longest_silent()
        if len(self._connections) - len(self._refused) < self.most:
            return True
        return self._evict_idle() or self._refuse_longest_silent()

    def headers_awaited(self, handler: "GuardedHandler") -> None:
        """Record a connection without complete headers."""
        self._silent.setdefault(handler)

    def headers_complete(self, handler: "GuardedHandler") -> None:
        """Record a connection whose headers are complete."""
        self._silent.pop(handler, None)

    def refused(self, handler: "GuardedHandler") -> None:
        """Record a connection that has its answer; close the oldest of them if there are too many."""
        self._refused[handler] = None
        if len(self._refused) > REFUSED:
            next(iter(self._refused)).force_close()

    def _refuse_longest_silent(self) -> bool:
        if not self._silent:
            return False
        next(iter(self._silent)).refuse_connection()
        return True

    def _evict_idle(self) -> bool:
        idle = [handler for handler in self._connections if isinstance(handler, GuardedHandler) and handler.is_idle]
        if not idle:
            return False
        min(idle, key=lambda handler: handler.idle_until).force_close()
        self.count("evicted")
        return True


class GuardedHandler(RequestHandler):
    """One connection."""

    __slots__ = ("_deadline", "_end", "_head", "_server")

    def __init__(self, server: GuardedServer, **options: Any) -> None:
        super().__init__(server, **options)
        self._server = server
        self._deadline: asyncio.TimerHandle | None = None
        self._end: asyncio.TimerHandle | None = None
        """Set if the connection has its answer and is about to be closed."""
        self._head = 0

    @property
    def is_idle(self) -> bool:
        """Return whether the connection waits for another call, none of which has started."""
        return self._waiter is not None and not self._waiter.done() and self._deadline is None

    @property
    def idle_until(self) -> float:
        """When it would be closed as idle, on the loop's clock."""
        return self._next_keepalive_close_time

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accept a connection, or reject it if there are too many."""
        has_room = self._server.make_room()
        super().connection_made(transport)
        if has_room:
            self._await_headers()
        else:
            self.refuse_connection()

    def refuse_connection(self) -> None:
        """Answer that there are too many connections, and close this one."""
        self._reject(503, "too_many_connections", "there are too many connections")

    def connection_lost(self, exc: BaseException | None) -> None:
        """Remove the connection."""
        self._headers_are_complete()
        if self._end is not None:
            self._end.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Process received data. A call whose headers arrive at once needs no timer."""
        if self._end is not None:
            return
        calls = self._request_count
        super().data_received(data)
        if self._request_count != calls:
            self._headers_are_complete()
        elif self._waiter is not None and not self._waiter.done():
            self._head += len(data)
            if self._head > MAX_HEAD:
                self._reject(431, "headers_too_large", "the headers are larger than any call that Okta makes")
            elif self._deadline is None:
                self._await_headers()

    def _handle_request(
        self, request: web.BaseRequest, start_time: float | None, request_handler: Handle
    ) -> Coroutine[Any, Any, tuple[web.StreamResponse, bool]]:
        return super()._handle_request(request, start_time, Answering(request_handler, self._server))

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 (it quotes the input)
    ) -> web.StreamResponse:
        """Respond to malformed HTTP without quoting it."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was under way")
        if status >= web.HTTPInternalServerError.status_code:
            answer = error_response(503, "fault", "the call could not be answered")
        elif isinstance(exc, LineTooLong):
            answer = error_response(431, "headers_too_large", "a header is larger than any that Okta sends")
        else:
            answer = error_response(400, "not_http", "the request is not valid HTTP")
        self._server.count("unreadable")
        answer.force_close()
        return answer

    def _await_headers(self) -> None:
        self._server.headers_awaited(self)
        self._deadline = self._loop.call_later(HEADERS_WITHIN, self._too_slow)

    def _headers_are_complete(self) -> None:
        self._server.headers_complete(self)
        self._head = 0
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._reject(408, "too_slow", "the headers did not arrive in time")

    def _reject(self, status: int, code: str, message: str) -> None:
        """Send an error response, without a request, and close."""
        self._server.count(code)
        self._headers_are_complete()
        if not isinstance(self.transport, asyncio.Transport) or self.transport.is_closing():
            self.force_close()
            return
        self.transport.write(_raw_refusal(status, code, message))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        # If it were closed with unread input, the kernel would send a reset, and the caller might not see the answer.
        self._end = self._loop.call_later(REFUSED_FOR, self.force_close)
        self._server.refused(self)


def _raw_refusal(status: int, code: str, message: str) -> bytes:
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    head = f"HTTP/1.1 {status} {code}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"Connection: close\r\nServer: password-import\r\n\r\n" + body


# A port behind the guard: TLS handshakes with a time limit, and a graceful shutdown.

HANDSHAKE_WITHIN = 5.0
"""Seconds for a TLS handshake."""


class GuardedRunner(web.AppRunner):
    """Runs an application behind the guard."""

    def __init__(self, app: web.Application, *, most_connections: int, count: Count, **options: Any) -> None:
        super().__init__(app, **LIMITS, **options)
        self._most, self._count = most_connections, count

    async def cleanup(self) -> None:
        """Stop accepting, answer existing connections, and end.

        aiohttp would close idle connections at once, and lose calls that were just sent over them.
        """
        for site in list(self.sites):
            await site.stop()
        if isinstance(self.server, GuardedServer):
            await self.server.drain()
        await super().cleanup()

    async def _make_server(self) -> Server:
        return GuardedServer(await super()._make_server(), self._most, self._count)


class GuardedSite(web.TCPSite):
    """A port; with TLS, handshakes have a time limit."""

    async def start(self) -> None:
        """Start to listen."""
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


# A port that an application listens on, from its first call to the answer of its last.

CONNECTIONS: Mapping[str, Any] = {
    "access_log": None,
    # A compressed body could be a decompression bomb, and Okta compresses none: bodies are not decompressed.
    "auto_decompress": False,
}
"""aiohttp's settings for connections, in the service and in its tests."""
SETTINGS = {"service": "HOST and PORT", "admin": "ADMIN_HOST and ADMIN_PORT"}
"""The settings that determine where they listen."""
SHUTDOWN_WITHIN = 10.0
"""Seconds that running calls get to end: more than Okta waits, less than orchestrators' grace period."""


@asynccontextmanager
async def listening(
    name: str, app: web.Application, host: str, port: int, *, tls: ServerTls | None = None
) -> AsyncIterator[str]:
    """Serve an application on a port (0: any free one) and yield its URL; at exit, finish accepted calls.

    Raises `BadSettings` if the host is not an address of this machine, `OSError` if the port is unavailable.
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
