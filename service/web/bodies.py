"""Reading request bodies within bounds of size, memory and time on the event loop. Knows no call's meaning.

A delivery of 32 MiB takes the decoder a third of a second, in which nobody could sign in: large ones are parsed in a
process of their own, a few at a time; the others wait in their sockets, where they cost no memory.
"""

import asyncio
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from aiohttp import web

from service.okta.events import Delivery, parse_delivery

MAX_INLINE_CALL = 64 * 1024
"""Bytes of a call of an inline hook; Okta's have about one kilobyte."""
MAX_DELIVERY = 64 * 1024 * 1024
"""Bytes of a delivery. Okta states no limit, and refusing one loses it."""
LARGE = 256 * 1024
"""Bytes from which a delivery is parsed elsewhere: about 3 ms of the decoder's time."""
LARGE_AT_ONCE = 2
"""Large deliveries held in memory at a time: with the parser's own, some 0.5 GB at the size of 32 MiB."""
JSON_TYPE = "application/json"


async def read_call(request: web.Request) -> bytes:
    """Read the body of an inline hook's call. Raises aiohttp's 413 and 415."""
    if request.content_type != JSON_TYPE or request.headers.get("Content-Encoding", "identity") != "identity":
        raise web.HTTPUnsupportedMediaType
    return await _read(request, MAX_INLINE_CALL)


async def _read(request: web.Request, most: int) -> bytes:
    if (request.content_length or 0) > most:
        raise web.HTTPRequestEntityTooLarge(max_size=most, actual_size=request.content_length or 0)
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > most:
            raise web.HTTPRequestEntityTooLarge(max_size=most, actual_size=len(body))
    return bytes(body)


class DeliveryReader:
    """Reads and parses deliveries; the large ones beside the event loop."""

    def __init__(self) -> None:
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)
        self._parser: ProcessPoolExecutor | None = None

    async def read(self, request: web.Request) -> Delivery:
        """Read a delivery of whatever media type. Raises aiohttp's 413."""
        length = request.content_length
        if length is not None and length <= LARGE:
            return parse_delivery(await _read(request, LARGE))
        async with self._large:
            body = await _read(request, MAX_DELIVERY)
            if len(body) <= LARGE:
                return parse_delivery(body)
            return await self._parse_elsewhere(body)

    async def _parse_elsewhere(self, body: bytes) -> Delivery:
        if self._parser is None:
            self._parser = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
        try:
            return await asyncio.get_running_loop().run_in_executor(self._parser, parse_delivery, body)
        except BrokenProcessPool:
            # Killed from outside, perhaps for its memory: the next delivery gets a new one, this one is sent again.
            self._parser = None
            raise

    def close(self) -> None:
        """End the parser's process."""
        if self._parser is not None:
            self._parser.shutdown(cancel_futures=True)
