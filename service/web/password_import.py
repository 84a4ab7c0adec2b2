"""`POST /okta/password-import`: Okta asks whether a password is right."""

import asyncio

from aiohttp import web

from service.okta.password_import import answer, parse_call
from service.web.bodies import JSON_TYPE, read_call
from service.web.keys import PARTS


async def post_password_import(request: web.Request) -> web.Response:
    """Answer VERIFIED or UNVERIFIED before the deadline, or raise why there is no verdict."""
    parts = request.app[PARTS]
    deadline = asyncio.get_running_loop().time() + parts.settings.request_timeout
    call = parse_call(await read_call(request, deadline))
    answered = await parts.verifier.verify(call, deadline=deadline)
    return web.Response(body=answer(answered.verdict, answered.code), content_type=JSON_TYPE)
