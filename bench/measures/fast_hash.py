"""Requests a second with a hash of negligible cost, which measures the service itself."""

from collections.abc import Iterator
from contextlib import ExitStack
from statistics import median

from bench import servers, store
from bench.closed_loop import Closed, measure
from bench.http_client import sign_in
from bench.setting import Setting
from bench.table import Row

PEOPLE_VERIFIED = "UPDATE accounts SET state = 'verified', verified_at = now()"
"""So that a sign-in reads once and writes nothing, like the peers."""


def rows(setting: Setting) -> Iterator[Row]:
    """Let 1, 8 and 64 callers call each server in turn, with right passwords only."""
    url = setting.people("fast")
    store.execute(url, PEOPLE_VERIFIED)
    store.execute(url, "VACUUM ANALYZE")
    with ExitStack() as stack:
        running = [stack.enter_context(setting.service(url))]
        if setting.node is not None:
            running.append(stack.enter_context(servers.express(setting.node, url)))
            running.append(stack.enter_context(servers.fastify(setting.node, url)))
        if setting.starlette is not None:
            running.append(stack.enter_context(servers.starlette(setting.starlette, url)))
        for callers in (1, 8, 64):
            yield from _rows(setting, running, callers)


def _rows(setting: Setting, running: list[servers.Server], callers: int) -> Iterator[Row]:
    requests = [sign_in(store.login(number), store.PASSWORD) for number in range(setting.number)]
    seen: dict[str, list[Closed]] = {server.name: [] for server in running}
    for _ in range(setting.rounds):
        for server in running:
            once = measure(server.port, requests, callers=callers, seconds=min(setting.seconds, 3))
            assert once.verified == 1, f"{server.name} did not verify everybody"
            seen[server.name].append(once)
    base = seen.get("Express") or seen["service"]
    for name, rounds in seen.items():
        p50, p99 = (median(getattr(once, which) for once in rounds) * 1000 for which in ("p50", "p99"))
        ratios = [each.per_second / other.per_second for each, other in zip(rounds, base, strict=True)]
        note = f"p50 {p50:.1f} ms, p99 {p99:.1f} ms"
        yield Row(
            f"requests/s, fast hash, c = {callers}: {name}", ratios, "Express" if "Express" in seen else name, note
        )
