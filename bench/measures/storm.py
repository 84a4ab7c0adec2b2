"""Goodput within three seconds when more people come than can be served, against handlers that queue them all."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial

from bench import servers, store
from bench.http_client import sign_in
from bench.open_loop import burst
from bench.raw_limit import raw_limit
from bench.setting import Setting
from bench.table import Row


def rows(setting: Setting) -> Iterator[Row]:
    """Send each a burst at 0.5, 1, 2 and 5 times the raw limit; a new process for each burst."""
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
            yield _row(setting, name, start, times, store.bcrypt_hash(cost))


def _row(
    setting: Setting, name: str, start: Callable[[], AbstractContextManager[servers.Server]], times: float, stored: str
) -> Row:
    requests = [sign_in(store.login(number), store.PASSWORD) for number in range(setting.number)]
    ratios, notes = [], []
    for number in range(max(1, setting.rounds // 3)):
        limit = raw_limit(stored, cores=setting.cores, seconds=min(2, setting.seconds))
        with start() as server:
            rate = times * min(limit, 200)
            seen = burst(server.port, requests, rate=rate, seconds=4 * setting.seconds, quiet=limit / 4, seed=number)
        ratios.append(seen.good_per_second / min(rate, limit))
        notes.append(seen.summary())
    of = "capacity" if times >= 1 else "what was offered"
    return Row(f"goodput at {times:g} times capacity: {name}", ratios, of, notes[len(notes) // 2])
