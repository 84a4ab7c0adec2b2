"""Random histories against the store; prints the first that violates a rule as a script that replays it.

    python -m bench.histories [--histories 100000] [--processes 2] [--minutes 60] [--seed 1]

`make test` runs a few hundred histories of the same kind (tests/histories). Histories are generated from the seed in
parts of a hundred. Completed parts are recorded in var/bench, so that an interrupted run continues. The output states
the number of histories and of steps by kind.
"""

import argparse
import asyncio
import contextlib
import logging
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from multiprocessing.queues import Queue
from queue import Empty

import asyncpg
import structlog
import uvloop
from hypothesis import HealthCheck, Phase, given, seed, settings

from bench.parts import Done, shown
from service.embedded_postgres import embedded_sync
from service.settings import ForgetWhen
from service.store.migrations import ROOT, upgrade
from tests.histories.player import Player, playing
from tests.histories.replay import script
from tests.histories.steps import Step
from tests.histories.strategies import histories

FOLDER = ROOT / "var" / "bench"
SERVER = {
    "max_connections": "100",
    # No history kills the server, so nothing needs to be on disk.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    # Compiling the plans of asyncpg's queries on a new connection would take most of the time.
    "jit": "off",
    # The time after which a deadlock is detected.
    "deadlock_timeout": "50ms",
}
PART = 100
"""Histories per seed, run by one process; a run may be interrupted between two such parts."""
Progress = tuple[int | None, "Counter[str]"]
"""The part that a process has completed, and its counts; None if the process has finished."""


def play_part(runner: asyncio.Runner, player: Player, number: int) -> "Counter[str]":
    """Run the histories of a part; count them, and their steps by kind."""
    played, broken = Counter[str](), list[str]()

    @seed(number)
    @settings(
        max_examples=PART, deadline=None, database=None, phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck), print_blob=False,
    )  # fmt: skip
    @given(history=histories)
    def play(history: Sequence[Step]) -> None:
        try:
            runner.run(player.play(history))
        except BaseException:
            broken.append(script(history, player.forget_when))
            raise
        played.update(["histories", *(type(step).__name__ for step in history)])

    try:
        play()
    except BaseException:
        # If the violation depends on timing, the shortest history may not reproduce it each time.
        print(f"{broken[:1][0]}\n\n# shortened:\n{broken[-1]}", file=sys.stderr) if broken else None
        raise
    return played


def remember_types() -> None:
    """Cache asyncpg's queries for types on a new connection; crashes open many, and the answer is the same."""
    ask: Callable[..., Awaitable[object]] = getattr(asyncpg.Connection, "_introspect_types")  # noqa: B009 (no stub)
    known: dict[frozenset[int], object] = {}

    async def remembered(connection: asyncpg.Connection, types: Iterable[int], limit: float) -> object:
        asked = frozenset(types)
        if asked not in known:
            known[asked] = await ask(connection, asked, limit)
        return known[asked]

    setattr(asyncpg.Connection, "_introspect_types", remembered)  # noqa: B010 (likewise)


def work(process: int, parts: Sequence[int], options: argparse.Namespace, queue: "Queue[Progress]") -> None:
    """Run parts in a separate database, until all are done or the time has passed."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable()
    remember_types()
    until = time.monotonic() + options.minutes * 60
    with (
        embedded_sync(FOLDER, database=f"histories_{process}", server_settings=SERVER) as dsn,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        upgrade(dsn)
        for forget_when in ForgetWhen:
            own = [part for part in parts if (part % 4 == 3) == (forget_when is ForgetWhen.VERIFIED)]  # noqa: PLR2004
            stage = playing(dsn, forget_when)
            player = runner.run(stage.__aenter__())
            for part in own:
                if time.monotonic() < until:
                    queue.put((part, play_part(runner, player, options.seed * 10**6 + part)))
            runner.run(stage.__aexit__(None, None, None))
    queue.put((None, Counter()))


def progress_of(done: Done) -> str:
    """Return how many histories and steps are done."""
    kinds = done.total()
    number = kinds.pop("histories", 0)
    return f"{number:,} histories of {kinds.total():,} steps ({shown(kinds)})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--histories", type=int, default=100_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--again", action="store_true", help="forget which parts are done")
    options = parser.parse_args()
    done = Done(FOLDER / f"histories-{options.seed}.jsonl", again=options.again)
    broken = play_all(done.left(-(-options.histories // PART)), options, done)
    print(f"{progress_of(done)} under seed {options.seed}: {'a rule was broken' if broken else 'every rule held'}")
    sys.exit(broken)


def play_all(left: Sequence[int], options: argparse.Namespace, done: Done) -> bool:
    """Distribute the parts to processes; return whether a rule was violated."""
    spawning = multiprocessing.get_context("spawn")
    queue: Queue[Progress] = spawning.Queue()
    processes = [
        spawning.Process(target=work, args=(each, left[each :: options.processes], options, queue))
        for each in range(options.processes)
    ]
    for process in processes:
        process.start()
    began, played, working = time.monotonic(), 0, len(processes)
    while working and all(process.exitcode in {None, 0} for process in processes):
        with contextlib.suppress(Empty):
            part, counted = queue.get(timeout=1)
            if part is None:
                working -= 1
                continue
            done.add(part, counted)
            played += counted["histories"]
            print(
                f"{len(done.parts) * PART:,} histories, {played / (time.monotonic() - began):.0f} a second", flush=True
            )
    for process in processes:
        process.join()
    return any(process.exitcode for process in processes)


if __name__ == "__main__":
    main()
