"""One login under attack at ten times the capacity, from many addresses, and the remaining capacity for other logins.

The addresses are reused in each round, so that in the later ones they have waited as long as the throttle lets any
address wait: then only the queue's turns keep the attack from taking the pool.
"""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from bench import open_loop, store
from bench.closed_loop import measure
from bench.http_client import sign_in
from bench.own_process import begin
from bench.raw_limit import raw_limit
from bench.setting import Setting
from bench.table import Row


def rows(setting: Setting) -> Iterator[Row]:
    """Saturate the service with other people's sign-ins, alone and during the attack."""
    cost = 4 if setting.quick else 10
    url, ratios = setting.people(f"bcrypt {cost}"), []
    others = [sign_in(store.login(number), store.PASSWORD) for number in range(1, setting.number)]
    limit = raw_limit(store.bcrypt_hash(cost), cores=setting.cores, seconds=min(2, setting.seconds))
    with setting.service(url) as server, ProcessPoolExecutor(1, get_context("spawn")) as attacker:
        # The attacker's process uses CPU time as it starts, which must not be part of a round.
        begin(attacker, open_loop.arrive, server.port, _attempts(-1), rate=10, seconds=0.1, quiet=1.0).result()
        for number in range(setting.rounds):
            alone = measure(server.port, others, callers=4 * setting.cores, seconds=setting.seconds)
            attack = begin(
                attacker,
                open_loop.arrive,
                server.port,
                _attempts(number),
                rate=min(10 * limit, 500),
                seconds=setting.seconds + 2,
                quiet=1.0,
            )
            beside = measure(server.port, others, callers=4 * setting.cores, seconds=setting.seconds, warm=1)
            attack.result()
            ratios.append(beside.per_second / alone.per_second)
    yield Row("sign-ins/s of others, one login hammered at 10 times capacity", ratios, "without the attack")


def _attempts(seed: int) -> list[bytes]:
    return [
        sign_in(
            store.login(0),
            f"guess {seed} {number}",
            address=f"198.51.{number // 250}.{number % 250}",
            event=f"e{seed}x{number}",
        )
        for number in range(5000)
    ]
