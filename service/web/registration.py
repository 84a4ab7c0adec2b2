"""`POST /okta/registration`: Okta asks whether somebody may register, or change their profile so."""

import asyncio

from aiohttp import web

from service.okta.registration import parse_request
from service.web.bodies import JSON_TYPE, read_call
from service.web.keys import PARTS


async def post_registration(request: web.Request) -> web.Response:
    """Answer with commands or an error, with 204 where there is nothing to say, or raise why there is no decision."""
    parts = request.app[PARTS]
    deadline = asyncio.get_running_loop().time() + parts.settings.request_timeout
    async with asyncio.timeout_at(deadline):
        screening = await parts.screener.screen(parse_request(await read_call(request, deadline)))
    if screening.answer is None:
        return web.Response(status=web.HTTPNoContent.status_code)
    return web.Response(body=screening.answer, content_type=JSON_TYPE)
