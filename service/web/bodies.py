"""Request bodies, read within bounds of size, memory and time.

A delivery of 32 MiB takes the decoder a third of a second, in which nobody could sign in: large ones are parsed in a
process of their own, a few at a time; the others wait in their sockets, where they cost no memory.
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
"""Bytes of a call of an inline hook; Okta's have about one kilobyte."""
MAX_DELIVERY = 64 * 1024 * 1024
"""Bytes of a delivery. Okta states no limit, and refusing one loses it."""
LARGE = 256 * 1024
"""Bytes from which a delivery is parsed elsewhere: about 3 ms of the decoder's time."""
LARGE_AT_ONCE = 2
"""Large deliveries held in memory at a time: with the parser's own, some 0.5 GB at the size of 32 MiB."""
BODY_WITHIN = 30.0
"""Seconds for a whole body, so that a slow sender does not hold a place for ever; an inline call ends earlier."""
JSON_TYPE = "application/json"


async def read_call(request: web.Request, deadline: float) -> bytes:
    """Read the body of an inline hook's call before `deadline`. Raises aiohttp's 413 and 415, and `TimeoutError`."""
    headers = request.headers
    # Okta's own is this and no more, and need not be taken apart.
    is_json = headers.get("Content-Type") == JSON_TYPE or request.content_type == JSON_TYPE
    if not is_json or headers.get("Content-Encoding", "identity") != "identity":
        raise web.HTTPUnsupportedMediaType
    return bytes(await _read(request, MAX_INLINE_CALL, deadline))


async def _read(request: web.Request, most: int, deadline: float = math.inf) -> bytearray:
    if (request.content_length or 0) > most:
        raise web.HTTPRequestEntityTooLarge(max_size=most, actual_size=request.content_length or 0)
    if request.content.is_eof():  # it came with the headers, as Okta's calls do
        return _bounded(bytearray(request.content.read_nowait()), most)
    body = bytearray()
    latest = asyncio.get_running_loop().time() + BODY_WITHIN
    async with asyncio.timeout_at(min(latest, deadline)):  # out of time is a 503: Okta sends a delivery once more
        async for chunk in request.content.iter_any():
            body += chunk
            _bounded(body, most)
    return body


def _bounded(body: bytearray, most: int) -> bytearray:
    if len(body) > most:
        raise web.HTTPRequestEntityTooLarge(max_size=most, actual_size=len(body))
    return body


def _serve_the_service() -> None:
    """Begin the parser's process: it ends when the service does, also where that is killed, and not before."""
    # Supervisors and terminals signal every process of a service; what was accepted is to be finished.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    hide_memory()
    threading.Thread(target=_end_with_the_service, daemon=True).start()


def _end_with_the_service() -> None:
    # The pool's pipe has both its ends here, so nothing else would tell.
    service = multiprocessing.parent_process()
    assert service is not None  # noqa: S101 (for the type checker: this process was started by one)
    service.join()
    os._exit(1)


class DeliveryReader:
    """Reads and parses deliveries; the large ones beside the event loop."""

    def __init__(self) -> None:
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)
        self._parser: ProcessPoolExecutor | None = None
        self._recording: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def read(self, request: web.Request) -> AsyncIterator[Delivery]:
        """Read a delivery of whatever media type, and count it as held while it is used. Raises aiohttp's 413."""
        length = request.content_length
        if length is not None and length <= LARGE:
            yield parse_delivery(await _read(request, LARGE))
            return
        async with self._large:
            body = await _read(request, MAX_DELIVERY)
            if len(body) <= LARGE:
                yield parse_delivery(body)
            else:
                yield await self._parse_elsewhere(body)

    async def finish(self, recording: Coroutine[Any, Any, None]) -> None:
        """Run to its end what records a delivery, also where Okta stops waiting for the answer."""
        task = asyncio.create_task(recording)
        self._recording.add(task)
        task.add_done_callback(self._recording.discard)
        await asyncio.shield(task)

    async def close(self) -> None:
        """Finish what was begun, and end the parser's process."""
        await asyncio.gather(*self._recording, return_exceptions=True)
        if self._parser is not None:
            self._parser.shutdown(cancel_futures=True)

    async def _parse_elsewhere(self, body: bytearray) -> Delivery:
        if self._parser is None:
            # The child imports before it takes over our path: nothing from the folder that the service was started in.
            os.putenv("PYTHONSAFEPATH", "1")
            self._parser = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _serve_the_service)
        try:
            # Submitting may start the process, which takes longer than the loop may stand still.
            return await asyncio.wrap_future(await asyncio.to_thread(self._parser.submit, parse_delivery, body))
        except BrokenProcessPool:
            # Killed from outside, perhaps for its memory: the next delivery gets a new one, this one is sent again.
            self._parser = None
            raise
