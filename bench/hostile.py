"""Sends mutated calls to the parsers and over HTTP, and says what came back: any fault of ours, or growth, ends it.

    python -m bench.hostile [--parsed 10000000] [--sent 100000] [--workers 2] [--seed 1]

`make test` tries a few thousand of the same kind (tests/security/test_hostile.py).
"""

import argparse
import asyncio
import multiprocessing
import random
import resource
import sys
import time
from collections import Counter

import aiohttp
import structlog

from service.cli.simulate.stage import set_stage
from service.settings import Settings
from tests.security.mutating import mutant
from tests.security.test_hostile import PATHS, TABLE, parse_all

PART = 10_000
SESSIONS = 32
GROWTH = 1.25
"""How much larger the peak of memory may be at the end than after the first tenth."""


def parse_part(task: tuple[int, int]) -> tuple[int, int]:
    """Parse mutants under one seed; give how many, and the peak of this process's memory in KiB."""
    seed, number = task
    chance = random.Random(seed)
    for _ in range(number):
        body = mutant(chance)
        try:
            parse_all(body)
        except BaseException:
            print(f"seed {seed}: {body[:500]!r}", file=sys.stderr)
            raise
    return number, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def parse_many(number: int, workers: int, seed: int) -> None:
    tasks = [(seed + part, min(PART, number - part * PART)) for part in range(-(-number // PART))]
    peaks, done, began = [], 0, time.monotonic()
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for parsed, peak in pool.imap_unordered(parse_part, tasks):
            done += parsed
            peaks.append(peak)
    early = max(peaks[: max(len(peaks) // 10, workers)])
    growth = max(peaks) / early
    print(f"parsed {done:,} in {time.monotonic() - began:.0f} s: no fault; peak {growth:.2f} of the first tenth's")
    assert growth < GROWTH, "memory grew"


async def send_many(number: int, seed: int) -> None:
    chance, statuses, began = random.Random(seed), Counter[int](), time.monotonic()
    calls = ((mutant(chance), PATHS[count % len(PATHS)]) for count in range(number))
    async with set_stage(Settings()) as stage, aiohttp.ClientSession(stage.service_url) as session:
        headers = {"Authorization": stage.authorization, "Content-Type": "application/json"}

        async def send() -> None:
            for body, path in calls:
                async with session.post(path, data=body, headers=headers) as answer:
                    await answer.read()
                    statuses[answer.status] += 1
                    assert answer.status in TABLE, (answer.status, path, body[:500])

        await asyncio.gather(*(send() for _ in range(SESSIONS)))
    told = ", ".join(f"{status}: {count:,}" for status, count in sorted(statuses.items()))
    print(f"sent {statuses.total():,} in {time.monotonic() - began:.0f} s: {told}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parsed", type=int, default=10_000_000)
    parser.add_argument("--sent", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    parse_many(given.parsed, given.workers, given.seed)
    asyncio.run(send_many(given.sent, given.seed))


if __name__ == "__main__":
    main()
