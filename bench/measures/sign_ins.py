"""Verified sign-ins a second with bcrypt, relative to the maximum of the cores, and to the guide's Express."""

from collections.abc import Iterator
from contextlib import ExitStack

from bench import servers, store
from bench.closed_loop import measure
from bench.http_client import sign_in
from bench.raw_limit import raw_limit
from bench.setting import Setting
from bench.table import Row

CALLERS = 64
"""More than are checked at once, so that every lane of every core is in use."""


def rows(setting: Setting) -> Iterator[Row]:
    """Saturate each server, round by round; a rejected call counts as lost."""
    for cost in (4,) if setting.quick else (10, 12):
        yield from _rows(setting, cost, setting.seconds * (1 if cost < 12 else 2))  # noqa: PLR2004 (few in a round)


def _rows(setting: Setting, cost: int, seconds: float) -> Iterator[Row]:
    url, stored = setting.people(f"bcrypt {cost}"), store.bcrypt_hash(cost)
    requests = [sign_in(store.login(number), store.PASSWORD) for number in range(setting.number)]
    rates: dict[str, list[float]] = {"raw": []}
    with ExitStack() as stack:
        running = [stack.enter_context(setting.service(url))]
        if setting.node is not None:
            running.append(stack.enter_context(servers.express(setting.node, url)))
            running.append(stack.enter_context(servers.express(setting.node, url, setting.cores)))
        for _ in range(setting.rounds):
            rates["raw"].append(raw_limit(stored, cores=setting.cores, seconds=seconds))
            for server in running:
                seen = measure(server.port, requests, callers=CALLERS, seconds=seconds)
                rates.setdefault(server.name, []).append(seen.per_second * seen.verified)
    for other, name in (("raw", "the raw limit"), ("Express", "Express"), ("Express cluster", "Express cluster")):
        ratios = [
            ours / max(theirs, 1e-9) for ours, theirs in zip(rates["service"], rates.get(other, []), strict=False)
        ]
        yield Row(f"sign-ins/s, bcrypt {cost}", ratios, name)
    if not setting.quick:
        yield _alone(setting, cost, url, requests, seconds)


def _alone(setting: Setting, cost: int, url: str, requests: list[bytes], seconds: float) -> Row:
    """Compare the sign-ins of a single caller, without load on the cores, with those without the C extension."""
    with setting.service(url) as ours, servers.service(url, BCRYPT="libxcrypt") as plain:
        ratios = [
            measure(ours.port, requests, callers=1, seconds=seconds).per_second
            / measure(plain.port, requests, callers=1, seconds=seconds).per_second
            for _ in range(setting.rounds)
        ]
    return Row(f"sign-ins/s of one caller, bcrypt {cost}", ratios, "BCRYPT=libxcrypt")
