"""Runs the service and kills it with SIGKILL as KILL_AT says: `before` or `after` a statement, by its name.

Run as a program by test_kill.py. The points are the statements of a delivery's transaction, so the service itself needs
no code for crashing.
"""

import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine

import asyncpg
from aiohttp import web

from service import app
from service.cli import main
from service.import_events import queries
from service.web import hooks

Handler = Callable[[web.Request], Coroutine[object, object, web.Response]]
STATEMENTS = {
    "look": queries.MATCHES,
    "gate": queries.ACQUIRE_BINDING_LOCK[queries.BindingLock.EXCLUSIVE],
    "lock": queries.LOCK_MATCHES,
    "record": queries.RECORD_EVENTS,
    "bind": queries.BIND,
    "delete": queries.DELETE_HASHES,
    "migrate": queries.MARK_MIGRATED,
    "begin": "BEGIN;",
    "commit": "COMMIT;",
}
POINTS = [f"{when} {name}" for name in STATEMENTS for when in ("before", "after")] + ["before answer"]


def arm(point: str) -> None:
    when, name = point.split()
    if name == "answer":
        hooks.post_events = _dying_over_its_answer(hooks.post_events)  # type: ignore[assignment]  # same shape
        app.post_events = hooks.post_events  # type: ignore[attr-defined]  # the name that the routes use
        return
    for method in ("execute", "fetch"):
        setattr(asyncpg.Connection, method, _dying(getattr(asyncpg.Connection, method), when, STATEMENTS[name]))


def _dying_over_its_answer(handle: Handler) -> Handler:
    async def dying(request: web.Request) -> web.Response:
        await handle(request)
        die()
        raise AssertionError

    return dying


def _dying(run: Callable[..., Awaitable[object]], when: str, statement: str) -> Callable[..., Awaitable[object]]:
    async def dying(self: asyncpg.Connection, query: str, *args: object, **more: object) -> object:
        if query == statement and when == "before":
            die()
        result = await run(self, query, *args, **more)
        if query == statement and when == "after":
            die()
        return result

    return dying


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    if point := os.environ.get("KILL_AT"):
        arm(point)
    sys.argv = ["password-import", "serve"]
    main()
