"""Comparison with another checkout, for changes that must not cost speed: `python -m bench.against DIR`.

DIR is a git worktree whose `.venv` was made by its own `make setup`. Both run in turns, each over a store that its own
commands made. Above 1.00 this checkout is faster.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from bench import servers, store
from bench.closed_loop import measure
from bench.http_client import sign_in
from bench.measures.events import ARM, delivery_of
from bench.measures.fast_hash import PEOPLE_VERIFIED
from bench.setting import Setting, setting
from bench.table import Row, lines

Running = AbstractContextManager[servers.Server]
CALLERS = 64
PEOPLE = 4_000
DELIVERED = 20_000
"""Events of one round."""


class Side:
    """One of the two checkouts."""

    def __init__(self, at_hand: Setting, name: str, folder: Path) -> None:
        self.name, self.folder, self._at_hand = name, folder, at_hand
        self.python = str(folder / ".venv" / "bin" / "python")

    def url(self, database: str) -> str:
        """Return the URL of one of its databases."""
        return self._at_hand.administrator.replace("@/app?", f"@/{self.name}_{database}?")

    def create(self, database: str) -> str:
        """Create an empty store by its own migrations."""
        store.execute(self._at_hand.administrator, f"DROP DATABASE IF EXISTS {self.name}_{database}")
        store.execute(self._at_hand.administrator, f"CREATE DATABASE {self.name}_{database}")
        self.command("migrate", url=self.url(database))
        return self.url(database)

    def command(self, *arguments: str, url: str) -> float:
        """Run one of its commands; return the seconds that it took."""
        begin = time.perf_counter()
        environment = {**os.environ, "DATABASE_URL": url, "PYTHONPATH": str(self.folder)}
        command = [self.python, "-m", "service", *arguments]
        subprocess.run(command, cwd=self.folder, env=environment, check=True, capture_output=True)
        return time.perf_counter() - begin

    def serve(self, url: str) -> Running:
        """Run its service."""
        settings: Mapping[str, str] = {"PYTHONPATH": str(self.folder)}
        return servers.run_server(self.name, [self.python, "-m", "service", "serve"], url, settings, cwd=self.folder)


def rows(at_hand: Setting, ours: Side, theirs: Side) -> Iterator[Row]:
    """Compare loading, sign-ins with fast hashes and with bcrypt, and events."""
    yield _loading(at_hand, ours, theirs)
    for name, hashes in (("fast", store.salted_sha256), ("bcrypt10", None)):
        stored = store.bcrypt_hash(10)
        export = _export(at_hand, name, [hashes(n) if hashes else stored for n in range(PEOPLE)])
        urls = [_filled(side, name, export) for side in (ours, theirs)]
        yield _sign_ins(at_hand, name, ours.serve(urls[0]), theirs.serve(urls[1]))
        if name == "fast":
            yield _events(at_hand, ours, theirs, urls)


def _export(at_hand: Setting, name: str, hashes: list[str]) -> Path:
    path = at_hand.folder / f"{name}.csv"
    people = (f"{store.login(number)},{stored}\n" for number, stored in enumerate(hashes))
    path.write_text("login,password_hash\n" + "".join(people))
    return path


def _filled(side: Side, name: str, export: Path) -> str:
    url = side.create(name)
    side.command("load", str(export), "--source", "bench", url=url)
    store.execute(url, PEOPLE_VERIFIED)
    store.execute(url, "VACUUM ANALYZE")
    return url


def _loading(at_hand: Setting, ours: Side, theirs: Side) -> Row:
    number = 2_000 if at_hand.quick else 1_000_000
    export = _export(at_hand, "large", [store.salted_sha256(each) for each in range(number)])
    ratios = []
    for _ in range(1 if at_hand.quick else 2):
        seconds = [
            side.command("load", str(export), "--source", "bench", url=side.create("large")) for side in (theirs, ours)
        ]
        ratios.append(seconds[0] / seconds[1])
    return Row(f"load of {number:,} rows", ratios, theirs.name)


def _sign_ins(
    at_hand: Setting,
    name: str,
    ours: AbstractContextManager[servers.Server],
    theirs: AbstractContextManager[servers.Server],
) -> Row:
    requests = [sign_in(store.login(number), store.PASSWORD) for number in range(PEOPLE)]
    with ours as us, theirs as them:
        ratios = [
            _per_second(at_hand, us, requests) / _per_second(at_hand, them, requests) for _ in range(at_hand.rounds)
        ]
    return Row(f"sign-ins/s, {name}, c = {CALLERS}", ratios, them.name)


def _per_second(at_hand: Setting, server: servers.Server, requests: list[bytes]) -> float:
    seen = measure(server.port, requests, callers=CALLERS, seconds=at_hand.seconds)
    return max(seen.per_second * seen.verified, 1e-9)


def _events(at_hand: Setting, ours: Side, theirs: Side, urls: list[str]) -> Row:
    deliveries = [delivery_of(range(at, at + 100)) for at in range(0, DELIVERED, 100)]
    with ours.serve(urls[0]) as us, theirs.serve(urls[1]) as them:
        ratios = []
        for _ in range(at_hand.rounds):
            rates = []
            for url, server in zip(urls, (us, them), strict=True):
                store.execute(url, ARM.format(people=DELIVERED))
                rates.append(measure(server.port, deliveries, callers=4, seconds=1.0, warm=0).per_second)
            ratios.append(rates[0] / max(rates[1], 1e-9))
    return Row("import events/s, 100 in a delivery", ratios, theirs.name)


def main() -> None:
    """Compare, and print one table."""
    parser = argparse.ArgumentParser(prog="python -m bench.against", description=__doc__)
    parser.add_argument("checkout", type=Path, help="a worktree of another commit, after its `make setup`")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--quick", action="store_true", help="a smoke test; the numbers mean nothing")
    given = parser.parse_args()
    seconds, rounds = (0.3, 1) if given.quick else (3.0, given.rounds)
    with setting(rounds=rounds, seconds=seconds, full=False, quick=given.quick, peers=False) as at_hand:
        ours, theirs = Side(at_hand, "ours", Path.cwd()), Side(at_hand, "theirs", given.checkout.resolve())
        found = []
        for row in rows(at_hand, ours, theirs):
            print("  " + " | ".join(row.cells()), file=sys.stderr, flush=True)
            found.append(row)
        print("\n".join(lines(found)))


if __name__ == "__main__":
    main()
