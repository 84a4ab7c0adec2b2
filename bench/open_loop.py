"""Sign-ins that arrive at a fixed rate, regardless of the server's load, with Okta's timeout and its retry.

Okta waits three seconds and calls once more after a timeout or a 5xx. Runs in a separate process.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.http_client import Answer, Connection, connect
from bench.own_process import in_own_process

OKTA_WAITS = 3.0
"""Seconds for one call."""
SOON = 1.0
"""Seconds; a faster answer shows that the server has recovered."""
TAIL = 4.0
"""Seconds of quiet arrivals after the burst, which show when the server has recovered."""


@dataclass(slots=True)
class Opened:
    """The results of the sign-ins of a burst."""

    arrivals: int = 0
    calls: int = 0
    refused: int = 0
    out_of_time: int = 0
    """Calls that had no answer after three seconds."""
    good_per_second: float = 0.0
    """Successful sign-ins, by the first call or the second, per second of the burst after its first second."""
    well_after: float = float("inf")
    """Seconds from the end of the burst to the first answer that came within one second."""
    good: list[float] = field(default_factory=list)
    """When each good answer arrived, in seconds since the start."""

    def summary(self) -> str:
        """Return what the ratio does not show."""
        well = f"well after {self.well_after:.1f} s" if self.well_after < TAIL else f"not well after {TAIL:.0f} s"
        return f"{self.calls / max(1, self.arrivals):.2f} calls each, {self.out_of_time} out of time, {well}"


def burst(port: int, requests: Sequence[bytes], *, rate: float, seconds: float, quiet: float, seed: int = 1) -> Opened:
    """Let people arrive at `rate` for `seconds`, then at `quiet` per second."""
    return in_own_process(arrive, port, list(requests), rate=rate, seconds=seconds, quiet=quiet, seed=seed)


async def arrive(
    port: int, requests: list[bytes], *, rate: float, seconds: float, quiet: float, seed: int = 1
) -> Opened:
    """Implement `burst` in this process."""
    storm = _Storm(port, seconds)
    rng, at, number = random.Random(seed), 0.0, 0
    async with asyncio.TaskGroup() as people:
        while at < seconds + min(TAIL, 2 * seconds):
            at += rng.expovariate(rate if at < seconds else quiet)
            await asyncio.sleep(max(0.0, storm.begin + at - storm.now()))
            people.create_task(storm.sign_in(requests[number % len(requests)], at < seconds))
            number += 1
    first = min(1.0, seconds / 4)
    storm.seen.good_per_second = sum(first <= at < seconds for at in storm.seen.good) / (seconds - first)
    return storm.seen


class _Storm:
    def __init__(self, port: int, seconds: float) -> None:
        self.port = port
        self.now = asyncio.get_running_loop().time
        self.begin, self.end = self.now(), self.now() + seconds
        self.free: list[Connection] = []
        self.seen = Opened()

    async def sign_in(self, request: bytes, counts: bool) -> None:  # noqa: FBT001 (of the burst, or after it)
        self.seen.arrivals += counts
        for _ in range(2):
            asked = self.now()
            self.seen.calls += counts
            answer = await self._call(request)
            if answer is None:
                self.seen.out_of_time += 1
            elif answer.verified:
                self._note_good(asked)
            elif answer.status == 429:  # noqa: PLR2004 (overloaded)
                self.seen.refused += counts
            if answer is not None and answer.status < 500:  # noqa: PLR2004 (Okta retries only after 5xx)
                return

    def _note_good(self, asked: float) -> None:
        now = self.now()
        self.seen.good.append(now - self.begin)
        if now >= self.end and now - asked < SOON:
            self.seen.well_after = min(self.seen.well_after, now - self.end)

    async def _call(self, request: bytes) -> Answer | None:
        connection = None
        try:
            async with asyncio.timeout(OKTA_WAITS):
                connection = await self._connection()
                answer = await connection.ask(request)
        except (TimeoutError, OSError):
            if connection is not None:
                connection.close()  # as Okta does
            return None
        self.free.append(connection)
        return answer

    async def _connection(self) -> Connection:
        while self.free:
            connection = self.free.pop()
            if connection.is_open:
                return connection
        return await connect(self.port)
