"""Deliveries of 32 MiB: the longest stall of the event loop, and the memory that one, and ten at once, take.

`python -m bench.large_deliveries` prints one line for each case. The stall is the loop thread's own CPU time in one
iteration, which is independent of other load on the machine.
"""

import asyncio
import io
import json
import multiprocessing
import secrets
import time
from contextlib import AsyncExitStack

import aiohttp
import psutil
from pydantic import SecretStr

from service.app import freeze_startup_objects, make_app, make_parts, open_database
from service.cli.simulate_stage import fresh_database
from service.settings import Settings, basic_header, load_settings
from service.telemetry import configure_logging
from service.web.server import listening

SIZE = 32 * 1024 * 1024


def body(kind: str) -> bytes:
    """Return a delivery of 32 MiB: of other events, or of import events that match no account."""
    events: list[dict[str, object]] = []
    number, size = 0, 0
    while size < SIZE:
        if kind == "foreign":
            events.append({"eventType": "user.session.start", "filler": "x" * 1500})
        else:
            user = {"type": "User", "id": f"00u{number}", "alternateId": f"p{number}@example.com"}
            said = {"target": [user], "outcome": {"result": "SUCCESS"}, "debugData": "x" * 1500}
            events.append({"eventType": "user.import.password", "uuid": f"e{number}", **said})
        size += len(json.dumps(events[-1])) + 2
        number += 1
    return json.dumps({"eventId": "bench", "data": {"events": events}}).encode()


def send(url: str, authorization: str, kind: str, at_once: int, results: "multiprocessing.Queue[list[int]]") -> None:
    """Send deliveries as Okta does, in a separate process."""
    results.put(asyncio.run(_send(url, authorization, body(kind), at_once)))


async def _send(url: str, authorization: str, data: bytes, at_once: int) -> list[int]:
    async with aiohttp.ClientSession(headers={"Authorization": authorization}) as session:

        async def one() -> int:
            async with session.post(f"{url}/okta/events", data=io.BytesIO(data)) as answer:
                return answer.status

        return await asyncio.gather(*(one() for _ in range(at_once)))


class Watch:
    """Measures the loop thread's iterations, and the memory of this process and its parser."""

    def __init__(self, sender: int | None) -> None:
        self._sender = sender
        self.stall = 0.0
        self.peak = 0

    async def run(self) -> None:
        """Measure until cancelled."""
        process, turn = psutil.Process(), 0
        while True:
            before = time.thread_time()
            await asyncio.sleep(0)
            self.stall = max(self.stall, time.thread_time() - before)
            turn += 1
            if turn % 20 == 0:
                children = [
                    each for each in process.children() if each.pid != self._sender and "spawn" in str(each.cmdline())
                ]
                self.peak = max(self.peak, sum(each.memory_info().rss for each in [process, *children]))
                await asyncio.sleep(0.001)


async def measure(url: str, authorization: str, kind: str, at_once: int) -> None:
    """Print the line of one case."""
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[list[int]] = context.Queue()
    sender = context.Process(target=send, args=(url, authorization, kind, at_once, results))
    rest = psutil.Process().memory_info().rss
    sender.start()
    watch = Watch(sender.pid)
    watching = asyncio.create_task(watch.run())
    answers = await asyncio.to_thread(results.get)
    watching.cancel()
    sender.join()
    print(
        f"{kind:8} x {at_once:2}: answers {sorted(set(answers))}, "
        f"longest turn of the loop {watch.stall * 1000:.0f} ms, "
        f"memory at rest {rest >> 20} MiB, peak {watch.peak >> 20} MiB"
    )


async def main() -> None:
    """Run all cases against a service in this process."""
    configure_logging("error")
    password = secrets.token_urlsafe()
    async with AsyncExitStack() as stack:
        dsn = await stack.enter_async_context(fresh_database(load_settings()))
        settings = Settings(_env_file=None, database_url=SecretStr(dsn)).model_copy(
            update={"basic_auth_user": "okta", "basic_auth_password": SecretStr(password)}
        )
        database = await stack.enter_async_context(open_database(settings))
        parts = await stack.enter_async_context(make_parts(settings, database))
        url = await stack.enter_async_context(listening("service", make_app(parts), "127.0.0.1", 0))
        freeze_startup_objects()
        for kind in ("foreign", "import"):
            for at_once in (1, 10):
                await measure(url, basic_header("okta", password), kind, at_once)


if __name__ == "__main__":
    asyncio.run(main())
