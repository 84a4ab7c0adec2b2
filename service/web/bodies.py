"""Request bodies, read within bounds on size, memory and time.

Decoding a delivery of 32 MiB takes a third of a second, during which no sign-in could be served. Large deliveries are
therefore parsed in a separate process, a few at a time: beside 8 MiB deliveries, the 99th percentile of sign-ins is
0.39 of that without it (`bench`, `mechanisms`). The others wait in their sockets, where they use no memory.
"""

import asyncio
import math
import multiprocessing
import os
import signal
import threading
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from service.hardening import hide_memory
from service.okta.events import Delivery, parse_delivery

MAX_INLINE_CALL = 64 * 1024
"""Maximum bytes of a call of an inline hook; Okta's have about one kilobyte."""
MAX_DELIVERY = 64 * 1024 * 1024
"""Maximum bytes of a delivery. Okta states no limit, and rejecting one loses it."""
LARGE = 256 * 1024
"""Bytes from which a delivery is parsed in the separate process: about 3 ms of decoding."""
LARGE_AT_ONCE = 2
"""Large deliveries held in memory at a time: with the parser's copies, some 0.5 GB at the size of 32 MiB."""
BODY_WITHIN = 30.0
"""Seconds for a whole body, so that a slow sender does not hold its slot; an inline call has an earlier deadline."""
JSON_TYPE = "application/json"


async def read_call(request: web.Request, deadline: float) -> bytes:
    """Read the body of an inline hook's call before `deadline`. Raises aiohttp's 413 and 415, and `TimeoutError`."""
    headers = request.headers
    # Okta sends exactly this value, which need not be parsed.
    is_json = headers.get("Content-Type") == JSON_TYPE or request.content_type == JSON_TYPE
    if not is_json or headers.get("Content-Encoding", "identity") != "identity":
        raise web.HTTPUnsupportedMediaType
    return bytes(await _read(request, MAX_INLINE_CALL, deadline))


async def _read(request: web.Request, most: int, deadline: float = math.inf) -> bytearray:
    if (request.content_length or 0) > most:
        raise web.HTTPRequestEntityTooLarge(max_size=most, actual_size=request.content_length or 0)
    if request.content.is_eof():  # it arrived with the headers, as Okta's calls do
        return _bounded(bytearray(request.content.read_nowait()), most)
    body = bytearray()
    latest = asyncio.get_running_loop().time() + BODY_WITHIN
    async with asyncio.timeout_at(min(latest, deadline)):  # a timeout is a 503: Okta sends a delivery once more
        async for chunk in request.content.iter_any():
            body += chunk
            _bounded(body, most)
    return body


def _bounded(body: bytearray, most: int) -> bytearray:
    if len(body) > most:
        raise web.HTTPRequestEntityTooLarge(max_size=most, actual_size=len(body))
    return body


def _init_parser_process() -> None:
    """Initialise the parser's process: it ends when the service ends, even if that is killed, and not before."""
    # Supervisors and terminals signal every process of a service, but accepted work must be finished.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    hide_memory()
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    # The pool's pipe has both its ends here, so it does not signal the end of the service.
    service = multiprocessing.parent_process()
    assert service is not None  # noqa: S101 (for the type checker: this process has a parent)
    service.join()
    os._exit(1)


class DeliveryReader:
    """Reads and parses deliveries; large ones outside the event loop."""

    def __init__(self) -> None:
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)
        self._parser: ProcessPoolExecutor | None = None
        self._recording: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def read(self, request: web.Request) -> AsyncIterator[Delivery]:
        """Read a delivery with any media type, and count it as held while it is used. Raises aiohttp's 413."""
        length = request.content_length
        if length is not None and length <= LARGE:
            yield parse_delivery(await _read(request, LARGE))
            return
        async with self._large:
            body = await _read(request, MAX_DELIVERY)
            if len(body) <= LARGE:
                yield parse_delivery(body)
            else:
                yield await self._parse_in_process(body)

    async def finish(self, recording: Coroutine[Any, Any, None]) -> None:
        """Run the recording of a delivery to its end, even if Okta stops waiting for the answer."""
        task = asyncio.create_task(recording)
        self._recording.add(task)
        task.add_done_callback(self._recording.discard)
        await asyncio.shield(task)

    async def close(self) -> None:
        """Finish what was started, and end the parser's process."""
        await asyncio.gather(*self._recording, return_exceptions=True)
        if self._parser is not None:
            self._parser.shutdown(cancel_futures=True)

    async def _parse_in_process(self, body: bytearray) -> Delivery:
        if self._parser is None:
            # The child imports before it takes over our path, and must not import from the current directory.
            os.putenv("PYTHONSAFEPATH", "1")
            self._parser = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _init_parser_process)
        try:
            # Submitting may start the process, which would block the loop for too long.
            return await asyncio.wrap_future(await asyncio.to_thread(self._parser.submit, parse_delivery, body))
        except BrokenProcessPool:
            # The process was killed, perhaps for its memory: the next delivery gets a new one, this one is sent again.
            self._parser = None
            raise
