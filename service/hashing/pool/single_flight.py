"""Single flight: a call with the login and password of one that is still being checked waits for its verdict.

Calls are compared by a keyed digest under a random key of this process, so that no password is kept. The `eventId` is
not compared. An entry is removed when its last caller leaves.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(eq=False, slots=True)
class _Flight:
    task: asyncio.Task[Any]
    waiting: list[asyncio.Future[Any]] = field(default_factory=list)


class SingleFlight:
    """Work in flight, by its key."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._flights: dict[bytes, _Flight] = {}
        self.coalesced = 0
        """Number of calls that joined the work of another."""

    def __len__(self) -> int:
        return len(self._flights)

    async def run(
        self, key_parts: tuple[str, str], work: Callable[[], Coroutine[Any, Any, T]], *, deadline: float
    ) -> T:
        """Await `work()`, or the same work that another caller with equal `key_parts` has started.

        A caller that is cancelled or times out does not affect the others; when the last one leaves, the work is
        cancelled. Raises the work's exception to every caller, and `TimeoutError` at `deadline` on the loop's clock.
        """
        key = self._digest(key_parts)
        flight = self._flights.get(key) or self._begin(key, work)
        self.coalesced += len(flight.waiting) > 0
        # Not `asyncio.shield`, which makes five more function calls per caller.
        loop = flight.task.get_loop()
        result: asyncio.Future[T] = loop.create_future()
        flight.waiting.append(result)
        timer = loop.call_at(deadline, _time_out, result)
        try:
            return await result
        finally:
            timer.cancel()
            flight.waiting.remove(result)
            _retrieve(result)  # also if this caller disconnected at the moment of a fault
            if not flight.waiting and not flight.task.done():
                self._land(key, flight)
                flight.task.cancel()

    def _begin(self, key: bytes, work: Callable[[], Coroutine[Any, Any, T]]) -> _Flight:
        flight = self._flights[key] = _Flight(asyncio.get_running_loop().create_task(work()))
        flight.task.add_done_callback(lambda _: self._land(key, flight))
        return flight

    def _land(self, key: bytes, flight: _Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
        if flight.task.done():
            _retrieve(flight.task)  # no caller is left to receive this error
            for result in flight.waiting:
                _deliver(result, flight.task)

    def _digest(self, key_parts: tuple[str, str]) -> bytes:
        login, password = key_parts
        first, second = login.encode("utf-8", "surrogatepass"), password.encode("utf-8", "surrogatepass")
        # A keyed hash (RFC 7693), as good as an HMAC here; OpenSSL's HMAC is slow to initialise.
        return hashlib.blake2b(len(first).to_bytes(8, "big") + first + second, key=self._key, digest_size=32).digest()


def _time_out(result: asyncio.Future[Any]) -> None:
    if not result.done():
        result.set_exception(TimeoutError())


def _deliver(result: asyncio.Future[Any], task: asyncio.Task[Any]) -> None:
    if result.done():  # the caller disconnected
        return
    if task.cancelled():
        result.cancel()
    elif (fault := task.exception()) is not None:
        result.set_exception(fault)
    else:
        result.set_result(task.result())


def _retrieve(future: asyncio.Future[Any]) -> None:
    """Retrieve the exception, so that asyncio does not log it as never retrieved."""
    if future.done() and not future.cancelled():
        future.exception()
