"""A closed loop of callers, each calling again when it is answered: throughput and latency at a concurrency.

Runs in a separate process, so that it does not share an interpreter with the measured server.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.http_client import connect
from bench.own_process import in_own_process


@dataclass(frozen=True, slots=True)
class Closed:
    """The results of the callers."""

    per_second: float
    p50: float
    """Seconds, like the following fields."""
    p99: float
    verified: float
    """The share of answers with VERIFIED."""


def measure(port: int, requests: Sequence[bytes], *, callers: int, seconds: float, warm: float = 0.3) -> Closed:
    """Let `callers` send `requests` in turn for `seconds`, after a warm-up that does not count."""
    return in_own_process(ask, port, list(requests), callers, seconds, warm)


async def ask(port: int, requests: list[bytes], callers: int, seconds: float, warm: float) -> Closed:
    """Implement `measure` in this process."""
    begin = time.perf_counter() + warm
    end = begin + seconds
    share = len(requests) // callers
    parts = [requests[number * share : (number + 1) * share] for number in range(callers)]
    seen = [
        each for found in await asyncio.gather(*(_call(port, part, begin, end) for part in parts)) for each in found
    ]
    latencies = sorted(latency for latency, _, _ in seen) or [float("inf")]
    times = sorted(at for _, _, at in seen) or [begin]
    return Closed(
        # From answer to answer: with few slow answers, counting those in a window would err by several per cent.
        per_second=(len(times) - 1) / max(times[-1] - times[0], 1e-9),
        p50=latencies[len(latencies) // 2],
        p99=latencies[len(latencies) * 99 // 100],
        verified=sum(verified for _, verified, _ in seen) / max(1, len(seen)),
    )


async def _call(port: int, requests: list[bytes], begin: float, end: float) -> list[tuple[float, bool, float]]:
    connection = await connect(port)
    seen = []
    for request in _cycle(requests):
        sent = time.perf_counter()
        answer = await connection.ask(request)
        answered = time.perf_counter()
        if answered >= end:
            break
        if answered >= begin:
            seen.append((answered - sent, answer.verified, answered))
    connection.close()
    return seen


def _cycle(requests: list[bytes]) -> Iterator[bytes]:
    while True:
        yield from requests
