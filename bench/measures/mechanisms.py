"""The effect of each mechanism: the service as it is, relative to one with the plain alternative, in one run."""

import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from bench import servers, store
from bench.closed_loop import Closed, ask, measure
from bench.http_client import post, sign_in
from bench.measures.fast_hash import PEOPLE_VERIFIED
from bench.own_process import begin
from bench.setting import Setting
from bench.table import Row

IN_SIGN_INS = ("immutable", "shared_lookups")
"""Mechanisms that every sign-in uses."""
CALLERS = 64
LARGE_DELIVERY = 8 * 1024 * 1024
"""Bytes of a delivery of other events: far beyond what is parsed on the event loop."""


def rows(setting: Setting) -> Iterator[Row]:
    """Compare sign-ins with a fast hash, which consist only of the service's own work."""
    url = setting.people("fast")
    store.execute(url, PEOPLE_VERIFIED)
    people = [sign_in(store.login(number), store.PASSWORD) for number in range(setting.number)]
    with servers.service(url) as ours:
        for name in IN_SIGN_INS[: 1 if setting.quick else None]:
            with servers.service_without(name, url) as plain:
                ratios = [
                    _per_second(setting, ours, people) / _per_second(setting, plain, people)
                    for _ in range(setting.rounds)
                ]
            yield Row(f"requests/s, fast hash, c = {CALLERS}: with {name}", ratios, "without it")
        if setting.quick:
            return
        yield _beside_deliveries(setting, url, ours, people)
    yield _with_refusals(setting, people)


def _per_second(setting: Setting, server: servers.Server, people: list[bytes]) -> float:
    return measure(server.port, people, callers=CALLERS, seconds=min(setting.seconds, 3)).per_second


def _with_refusals(setting: Setting, people: list[bytes]) -> Row:
    """Compare verified sign-ins if rejected callers retry at once."""
    url = setting.people("bcrypt 12")
    with servers.service(url) as ours, servers.service_without("refusal_pace", url) as plain:
        ratios = [_verified(setting, ours, people) / _verified(setting, plain, people) for _ in range(setting.rounds)]
    return Row(f"verified sign-ins/s, bcrypt 12, c = {CALLERS}: with refusal_pace", ratios, "without it")


def _verified(setting: Setting, server: servers.Server, people: list[bytes]) -> float:
    seen = measure(server.port, people, callers=CALLERS, seconds=setting.seconds)
    return seen.per_second * seen.verified


def _beside_deliveries(setting: Setting, url: str, ours: servers.Server, people: list[bytes]) -> Row:
    """Compare the slowest of a hundred sign-ins while large deliveries are read."""
    event = {"eventType": "user.session.start", "filler": "x" * 1500}
    events = [event] * (LARGE_DELIVERY // len(json.dumps(event)))
    delivery = [post("/okta/events", json.dumps({"eventId": "bench", "data": {"events": events}}).encode())]
    with servers.service_without("parser_process", url) as plain:
        ratios = [
            _beside(setting, ours, people, delivery, callers=1).p99
            / _beside(setting, plain, people, delivery, callers=1).p99
            for _ in range(setting.rounds)
        ]
    return Row("99th percentile of sign-ins beside 8 MiB deliveries: with parser_process", ratios, "without it")


def _beside(
    setting: Setting, server: servers.Server, people: list[bytes], others: list[bytes], *, callers: int = 16
) -> Closed:
    with ProcessPoolExecutor(1, get_context("spawn")) as beside:
        seconds = min(setting.seconds, 3)
        load = begin(beside, ask, server.port, others, callers, seconds + 1, 0.0)
        seen = measure(server.port, people, callers=8, seconds=seconds, warm=0.5)
        load.result()
    return seen
