"""The hook as a straightforward aiohttp handler: every check goes to the executor, without a limit on its queue."""

import os

from aiohttp import web
from passwords import expected, judge, open_pool

EXPECTED = expected()


async def answer(request: web.Request) -> web.Response:
    if request.headers.get("Authorization") != EXPECTED:
        return web.Response(status=401)
    body = await judge(request.app["pool"], await request.read())
    return web.Response(body=body, content_type="application/json")


async def make() -> web.Application:
    app = web.Application()
    app["pool"] = await open_pool()
    app.router.add_post("/okta/password-import", answer)
    return app


web.run_app(make(), host="127.0.0.1", port=int(os.environ["PORT"]), access_log=None, print=None)
