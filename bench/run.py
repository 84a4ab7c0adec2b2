"""Measure everything, and print one table. Each row is a ratio of two sides that were measured in the same run."""

import argparse
import os
import platform
import sys
import time
from collections.abc import Iterator

from bench.measures import (
    events,
    fast_hash,
    hammered,
    lookups,
    mechanisms,
    memory,
    resolver_caches,
    sign_ins,
    soak,
    stalls,
    storm,
    timing,
)
from bench.setting import Setting, setting
from bench.table import Row, lines

MEASURES = {
    "sign-ins": sign_ins,
    "storm": storm,
    "hammered": hammered,
    "fast-hash": fast_hash,
    "mechanisms": mechanisms,
    "caches": resolver_caches,
    "timing": timing,
    "stalls": stalls,
    "memory": memory,
    "soak": soak,
    "lookups": lookups,
    "events": events,
}
"""The last ones change the store that the others use."""


def main(arguments: list[str] | None = None) -> None:
    """Run the selected measurements."""
    given = _parser().parse_args(arguments)
    seconds = given.seconds or (0.3 if given.quick else 5.0)
    rounds = given.rounds or (1 if given.quick else 10)
    begun = time.monotonic()
    with setting(
        rounds=rounds, seconds=seconds, full=given.full, quick=given.quick, peers=not given.no_peers
    ) as at_hand:
        rows = [row for name in given.only or MEASURES for row in _rows(name, at_hand)]
        print("\n".join(["", *lines(rows), "", _where(at_hand, time.monotonic() - begun)]))


def _rows(name: str, at_hand: Setting) -> Iterator[Row]:
    print(f"measuring {name}", file=sys.stderr, flush=True)
    for row in MEASURES[name].rows(at_hand):
        print("  " + " | ".join(row.cells()), file=sys.stderr, flush=True)
        yield row


def _where(at_hand: Setting, seconds: float) -> str:
    installed = vars(at_hand)  # of those that were needed
    absent = [name for name in ("node", "starlette") if installed.get(name, at_hand) is None]
    return (
        f"{at_hand.cores} cores, {platform.machine()}, Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.1f} at the end, {seconds / 60:.0f} min"
        + (f"; without {' and '.join(absent)}" if absent else "")
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="only a smoke test of a few seconds; the numbers mean nothing"
    )
    parser.add_argument("--full", action="store_true", help="ten minutes of load, and ten million accounts")
    parser.add_argument("--rounds", type=int, help="interleaved rounds of each comparison [10]")
    parser.add_argument("--seconds", type=float, help="of one side in one round [5]")
    parser.add_argument("--only", nargs="+", choices=list(MEASURES), help="some of the measurements")
    parser.add_argument("--no-peers", action="store_true", help="without Node and Starlette, which must be installed")
    return parser
