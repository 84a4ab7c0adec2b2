"""Pages of a list, with `link` headers as Okta sends them: one line per link, self first."""

from collections.abc import Sequence
from typing import TypeVar
from urllib.parse import urlencode

from aiohttp import web
from multidict import CIMultiDict

from simulator.api.errors import ApiError
from simulator.channel import JsonObject
from simulator.keys import ORG

Item = TypeVar("Item")


def limit_of(request: web.Request, *, default: int, most: int, least: int = 1) -> int:
    """Parse `limit`. Raises `ApiError` if it is not a number in the range."""
    text = request.query.get("limit", str(default))
    if not text.isdecimal() or not least <= int(text) <= most:
        raise ApiError("E0000001", f"limit: must be from {least} to {most}", summary="Api validation failed: limit")
    return int(text)


def links(request: web.Request, after: str | None) -> CIMultiDict[str]:
    """Return the headers: `self`, and `next` if there is a cursor. The next link repeats the whole query."""
    base = f"{request.app[ORG].url}{request.path}"
    query = dict(request.query)
    headers = CIMultiDict({"Link": f'<{_url(base, query)}>; rel="self"'})
    if after is not None:
        headers.add("Link", f'<{_url(base, query | {"after": after})}>; rel="next"')
    return headers


def listed(request: web.Request, items: Sequence[JsonObject], after: str | None) -> web.Response:
    """Return a page."""
    return web.json_response(list(items), headers=links(request, after))


def _url(base: str, query: dict[str, str]) -> str:
    return f"{base}?{urlencode(query)}" if query else base
