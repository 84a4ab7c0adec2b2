"""Goodput within three seconds when more people sign in than can be served, relative to handlers that queue all.

The capacity of a handler is its throughput with callers that each call again when they have their answer.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial

from bench import servers, store
from bench.closed_loop import measure
from bench.http_client import sign_in
from bench.open_loop import burst
from bench.setting import Setting
from bench.table import Row

CALLERS = 32
"""Callers that measure the capacity: four for each of the eight places of two cores, so that no place is ever empty."""


def rows(setting: Setting) -> Iterator[Row]:
    """Send each a burst at 0.5, 1, 2 and 5 times its capacity; a new process for each burst."""
    cost = 4 if setting.quick else 10
    url = setting.people(f"bcrypt {cost}")
    starts: dict[str, Callable[[], AbstractContextManager[servers.Server]]] = {
        "service": partial(setting.service, url),
    }
    if not setting.quick:
        starts["naive aiohttp"] = partial(servers.naive_aiohttp, url)
    if setting.node is not None:
        starts["Express"] = partial(servers.express, setting.node, url)
    for times in (2,) if setting.quick else (0.5, 1, 2, 5):
        for name, start in starts.items():
            yield _row(setting, name, start, times)


def _row(setting: Setting, name: str, start: Callable[[], AbstractContextManager[servers.Server]], times: float) -> Row:
    requests = [sign_in(store.login(number), store.PASSWORD) for number in range(setting.number)]
    ratios, notes = [], []
    for number in range(max(1, setting.rounds // 3)):
        with start() as server:
            closed = measure(server.port, requests, callers=CALLERS, seconds=min(3, setting.seconds))
            limit = max(1.0, closed.per_second * closed.verified)
            rate = times * min(limit, 200)
            seen = burst(server.port, requests, rate=rate, seconds=4 * setting.seconds, quiet=limit / 4, seed=number)
        ratios.append(seen.good_per_second / min(rate, limit))
        notes.append(seen.summary())
    of = "capacity" if times >= 1 else "what was offered"
    return Row(f"goodput at {times:g} times capacity: {name}", ratios, of, notes[len(notes) // 2])
