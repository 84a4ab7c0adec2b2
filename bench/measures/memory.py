"""Memory at rest, and the maximum under 64 callers, relative to the guide's Express."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack

from bench import servers, store
from bench.closed_loop import measure
from bench.http_client import sign_in
from bench.setting import Setting
from bench.table import Row


def rows(setting: Setting) -> Iterator[Row]:
    """Measure the resident memory of each server and its children while it is called."""
    url = setting.people("fast")
    requests = [sign_in(store.login(number), store.PASSWORD) for number in range(setting.number)]
    found = {}
    with ExitStack() as stack:
        running = [stack.enter_context(setting.service(url))]
        if setting.node is not None:
            running.append(stack.enter_context(servers.express(setting.node, url)))
        for server in running:
            rest = server.memory()
            found[server.name] = rest, _peak(server, requests, setting.seconds)
    for moment, name in enumerate(("at rest", "the most under 64 callers")):
        ours, theirs = found["service"][moment], found.get("Express", found["service"])[moment]
        note = f"{ours >> 20} MiB; Express {theirs >> 20} MiB" if "Express" in found else f"{ours >> 20} MiB"
        yield Row(f"memory {name}", [ours / theirs], "Express" if "Express" in found else "itself", note)


def _peak(server: servers.Server, requests: list[bytes], seconds: float) -> int:
    done, peak = threading.Event(), [0]

    def watch() -> None:
        while not done.wait(0.05):
            peak[0] = max(peak[0], server.memory())

    watching = threading.Thread(target=watch)
    watching.start()
    measure(server.port, requests, callers=64, seconds=seconds)
    done.set()
    watching.join()
    return peak[0]
