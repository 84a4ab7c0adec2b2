"""Plays many random histories against the store, and prints the first that breaks a rule as a script that replays it.

    python -m bench.histories [--histories 100000] [--workers 2] [--minutes 60] [--seed 1]

`make test` plays a few hundred of the same kind (tests/histories). It says how many were played, and how many steps.
"""

import argparse
import asyncio
import logging
import multiprocessing
import sys
import time
from collections.abc import Sequence
from multiprocessing.queues import Queue
from queue import Empty

import structlog
from hypothesis import HealthCheck, Phase, given, seed, settings

from service.accounts.migrations import ROOT, upgrade
from service.postgres import embedded_sync
from service.settings import ForgetWhen
from tests.histories.player import Player, playing
from tests.histories.replay import script
from tests.histories.steps import Step
from tests.histories.strategies import histories

SERVER = {"fsync": "off", "max_connections": "100"}
PART = 500
"""Histories under one seed; between parts the tables are vacuumed."""
Told = tuple[int | None, int]
"""How many histories a worker played since it last told, and of how many steps; None where it is done."""


def play_part(runner: asyncio.Runner, player: Player, number: int, until: float) -> tuple[int, int]:
    """Play the histories that follow from a number; give how many and how many steps they were."""
    played, forget_when = [0, 0], player.forget_when

    @seed(number)
    @settings(
        max_examples=PART, deadline=None, database=None, phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck), print_blob=False,
    )  # fmt: skip
    @given(history=histories)
    def play(history: Sequence[Step]) -> None:
        if time.monotonic() > until:
            return
        try:
            runner.run(player.play(history))
        except BaseException:
            print(script(history, forget_when), file=sys.stderr)
            raise
        played[0] += 1
        played[1] += len(history)

    play()
    return played[0], played[1]


def work(worker: int, options: argparse.Namespace, told: "Queue[Told]") -> None:
    """Play a worker's share in a database of its own."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    until, wanted = time.monotonic() + options.minutes * 60, options.histories // options.workers
    with embedded_sync(ROOT / "var" / "bench", database=f"histories_{worker}", server_settings=SERVER) as dsn:
        upgrade(dsn)
        with asyncio.Runner() as runner:
            number = played = 0
            while played < wanted and time.monotonic() < until:
                forget_when = ForgetWhen.VERIFIED if number % 4 == 3 else ForgetWhen.SUCCESS  # noqa: PLR2004
                stage = playing(dsn, forget_when)
                player = runner.run(stage.__aenter__())
                part = play_part(runner, player, options.seed * 10**6 + worker * 10**5 + number, until)
                runner.run(stage.__aexit__(None, None, None))
                told.put(part)
                played, number = played + part[0], number + 1
    told.put((None, 0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--histories", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    spawning = multiprocessing.get_context("spawn")
    told = spawning.Queue()
    workers = [spawning.Process(target=work, args=(each, options, told)) for each in range(options.workers)]
    for process in workers:
        process.start()
    histories_played = steps = 0
    open_workers = len(workers)
    while open_workers and all(process.exitcode in {None, 0} for process in workers):
        try:
            played, part = told.get(timeout=1)
        except Empty:
            continue
        if played is None:
            open_workers -= 1
            continue
        histories_played, steps = histories_played + played, steps + part
        print(f"{histories_played} histories, {steps} steps", flush=True)
    for process in workers:
        process.join()
    broken = any(process.exitcode for process in workers)
    print(f"{histories_played} histories of {steps} steps: {'a rule was broken' if broken else 'every rule held'}")
    sys.exit(broken)


if __name__ == "__main__":
    main()
