"""Mutated inputs to the parsers and over HTTP; a fault, growth of memory or a leaked secret ends the run.

    python -m bench.hostile [--parsed 10000000] [--sent 100000] [--processes 2] [--minutes 60] [--seed 1]

`make test` tries a few thousand of the same kind (tests/security). Completed parts are recorded in var/bench, so that
an interrupted run continues.
"""

import argparse
import asyncio
import io
import itertools
import multiprocessing
import random
import sys
import time
from collections import Counter

import aiohttp
import psutil

from bench.parts import Done, shown
from service.cli.simulate_stage import set_stage
from service.settings import Settings
from service.store.migrations import ROOT
from service.telemetry import configure_logging
from tests.security.mutating import PASSWORD, mutant
from tests.security.parsing import parse_any
from tests.security.test_hostile import PATHS, TABLE

FOLDER = ROOT / "var" / "bench"
PARSED_PART, SENT_PART = 10_000, 2_000
SESSIONS = 32
WARM = 5
"""Parts of a process after which its memory is measured, when its caches are full."""
GROWTH = 1.25
"""The largest allowed growth of memory since the first measurement, as a factor."""


def resident() -> float:
    """Return the memory of this process, in MiB."""
    return float(psutil.Process().memory_info().rss) / 2**20


def parse_part(task: tuple[int, int]) -> tuple[int, int, float]:
    """Parse mutants under one seed; return the part, this process and its memory in MiB."""
    seed, part = task
    chance = random.Random(f"{seed}/{part}")
    for number in range(PARSED_PART):
        state = chance.getstate()
        try:
            parse_any(chance)
        except BaseException:
            print(f"number {number} of part {part} under seed {seed}, from {state!r}"[:300], file=sys.stderr)
            raise
    return part, multiprocessing.current_process().pid or 0, resident()


class Memory:
    """The memory of each process after its parts."""

    def __init__(self) -> None:
        self._sizes: dict[int, list[float]] = {}

    def add(self, process: int, size: float) -> None:
        """Add the memory of a process after one more part."""
        self._sizes.setdefault(process, []).append(size)

    def __str__(self) -> str:
        """Return the growth; raises `AssertionError` if it is too large."""
        grown = [(sizes[WARM], sizes[-1]) for sizes in self._sizes.values() if len(sizes) > WARM]
        assert all(last < first * GROWTH for first, last in grown), f"memory grew: {grown}"
        return ", ".join(f"{first:.0f} to {last:.0f} MiB" for first, last in grown) or "too short to say"


def parse_many(given: argparse.Namespace) -> Done:
    done = Done(FOLDER / f"parsed-{given.seed}.jsonl", again=given.again)
    tasks = [(given.seed, part) for part in done.left(-(-given.parsed // PARSED_PART))]
    memory, began, until = Memory(), time.monotonic(), time.monotonic() + given.minutes * 60
    with multiprocessing.get_context("spawn").Pool(given.processes) as pool:
        for number, (part, process, size) in enumerate(pool.imap_unordered(parse_part, tasks), 1):
            done.add(part, Counter(parsed=PARSED_PART))
            memory.add(process, size)
            if number % 10 == 0:
                rate = number * PARSED_PART / (time.monotonic() - began)
                print(f"{len(done.parts) * PARSED_PART:,} parsed, {rate:,.0f} a second, {size:.0f} MiB", flush=True)
            if time.monotonic() > until:
                break
    print(f"parsed {done.total()['parsed']:,} under seed {given.seed}: no fault; memory of each process: {memory}")
    return done


async def send_many(given: argparse.Namespace) -> Done:
    done = Done(FOLDER / f"sent-{given.seed}.jsonl", again=given.again)
    memory, until, log = Memory(), time.monotonic() + given.minutes * 60, io.StringIO()
    configure_logging("debug", stream=log)
    async with set_stage(Settings()) as stage, aiohttp.ClientSession(stage.service_url) as session:
        marks = (PASSWORD, stage.authorization.partition(" ")[2])
        for part in done.left(-(-given.sent // SENT_PART)):
            began = time.monotonic()
            done.add(part, await send_part(session, stage.authorization, random.Random(f"{given.seed}/{part}"), marks))
            memory.add(0, resident())
            rate = SENT_PART / (time.monotonic() - began)
            print(f"{len(done.parts) * SENT_PART:,} sent, {rate:,.0f} a second, {resident():.0f} MiB", flush=True)
            assert not any(mark in log.getvalue() for mark in marks), "a log line holds a secret"
            log.seek(0)
            log.truncate()
            if time.monotonic() > until:
                break
    print(f"sent {done.total().total():,} under seed {given.seed}: {shown(done.total())}; no leak; memory: {memory}")
    return done


async def send_part(
    session: aiohttp.ClientSession, authorization: str, chance: random.Random, marks: tuple[str, ...]
) -> "Counter[str]":
    """Send mutants, several at once; count the answers by status."""
    statuses = Counter[str]()
    headers = {"Authorization": authorization, "Content-Type": "application/json"}
    calls = ((mutant(chance), path) for path in itertools.islice(itertools.cycle(PATHS), SENT_PART))

    async def send() -> None:
        for body, path in calls:
            async with session.post(path, data=body, headers=headers) as answer:
                text = await answer.text("latin-1")
            statuses[str(answer.status)] += 1
            assert answer.status in TABLE, (answer.status, path, body[:500])
            assert not any(mark in text for mark in marks), (path, body[:500])

    await asyncio.gather(*(send() for _ in range(SESSIONS)))
    return statuses


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parsed", type=int, default=10_000_000)
    parser.add_argument("--sent", type=int, default=100_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=60.0, help="for each of the two")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--again", action="store_true", help="forget which parts are done")
    given = parser.parse_args()
    parse_many(given)
    asyncio.run(send_many(given))


if __name__ == "__main__":
    main()
