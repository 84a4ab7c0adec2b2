"""The maximum that the cores can check: bcrypt in as many threads as cores, and nothing else."""

import threading
import time

from bench.own_process import in_own_process
from bench.store import PASSWORD
from service.hashing.formats.bcrypt import fastest_bcrypt


def raw_limit(stored: str, *, cores: int, seconds: float) -> float:
    """Return the checks per second of a hash, with the implementation that the service would choose."""
    return in_own_process(_raw_limit, stored.encode(), cores, seconds)


async def _raw_limit(stored: bytes, cores: int, seconds: float) -> float:
    fastest_bcrypt.choose()
    rates: list[float] = []

    def work() -> None:
        begun, checks = time.perf_counter(), 0
        while time.perf_counter() - begun < seconds:
            assert fastest_bcrypt(PASSWORD.encode(), stored) == stored
            checks += 1
        rates.append(checks / (time.perf_counter() - begun))

    threads = [threading.Thread(target=work) for _ in range(cores)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(rates)
