"""`GET /api/v1/logs`: the two ways to read the System Log, polling and bounded."""

import base64
import binascii
from datetime import UTC, datetime, timedelta

from aiohttp import web

from simulator.api.errors import ApiError
from simulator.api.filtering import Filter, Predicate
from simulator.api.paging import limit_of, listed
from simulator.channel import JsonObject
from simulator.keys import ORG
from simulator.log import Record
from simulator.org import Org

RETENTION = timedelta(days=90)
OLDEST_SINCE = timedelta(days=180)
LONGEST_WORD = 40
ROOTS = frozenset(
    [
        "actor",
        "authenticationContext",
        "client",
        "debugContext",
        "displayMessage",
        "eventType",
        "legacyEventType",
        "outcome",
        "request",
        "securityContext",
        "severity",
        "target",
        "transaction",
        "uuid",
    ]
)
"""The attributes that a filter may use; `published` is not among them."""


async def list_events(request: web.Request) -> web.Response:
    """Return a page. Without `until` it is a polling request, whose `next` never ends."""
    org = request.app[ORG]
    limit = limit_of(request, default=100, most=1000, least=0)
    since = _moment(request, "since", org.clock.now() - timedelta(days=7))
    if since < org.clock.now() - OLDEST_SINCE:
        summary = "Invalid parameter: The since parameter is over 180 days prior to the current day."
        raise ApiError("E0000053", summary=summary)
    predicate = _predicate(request)
    descending = request.query.get("sortOrder", "ASCENDING").upper() == "DESCENDING"
    if "until" in request.query or descending:
        return _bounded(request, since, limit, predicate, descending=descending)
    return _polled(request, since, limit, predicate)


def _polled(request: web.Request, since: datetime, limit: int, predicate: Predicate) -> web.Response:
    # Ordered by the time of persistence: an event that arrives late still comes after the cursor.
    org = request.app[ORG]
    records = org.log.visible()
    start = _position(org, request)
    page: list[JsonObject] = []
    at = start
    while at < len(records) and len(page) < limit:
        record = records[at]
        if record.persisted >= since and _kept(org, record) and predicate(record.event):
            page.append(record.event)
        at += 1
    return listed(request, page, _cursor(org, at))


def _bounded(
    request: web.Request, since: datetime, limit: int, predicate: Predicate, *, descending: bool
) -> web.Response:
    org = request.app[ORG]
    until = _moment(request, "until", org.clock.now())
    found = [
        record.event
        for record in sorted(org.log.visible(), key=lambda record: record.published, reverse=descending)
        if since <= record.published < until and _kept(org, record) and predicate(record.event)
    ]
    start = _position(org, request)
    more = start + limit < len(found)
    return listed(request, found[start : start + limit], _cursor(org, start + limit) if more else None)


def _kept(org: Org, record: Record) -> bool:
    return record.published > org.clock.now() - RETENTION


def _moment(request: web.Request, name: str, default: datetime) -> datetime:
    text = request.query.get(name)
    if not text:
        return default
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        cause = "The date format in your query is not recognized. Please enter dates using ISO8601 string format."
        summary = f"Api validation failed: '{name}': {cause}"
        raise ApiError("E0000001", f"{name}: {cause}", summary=summary) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _predicate(request: web.Request) -> Predicate:
    words = request.query.get("q", "").casefold().split()
    if any(len(word) > LONGEST_WORD for word in words):
        summary = "Api validation failed: 'q': Freeform search cannot contain items longer than 40 characters."
        raise ApiError("E0000001", summary=summary)
    text = request.query.get("filter")
    asked = Filter(lambda name: name.partition(".")[0] in ROOTS).parse(text) if text else lambda _: True
    return lambda event: asked(event) and all(word in str(event).casefold() for word in words)


def _cursor(org: Org, position: int) -> str:
    return base64.b64encode(f"{org.log.epoch}_{position}".encode()).decode()


def _position(org: Org, request: web.Request) -> int:
    after = request.query.get("after")
    if not after:
        return 0
    try:
        epoch, _, position = base64.b64decode(after, validate=True).decode().partition("_")
        if int(epoch) == org.log.epoch:
            return int(position)
    except (binascii.Error, ValueError):
        pass
    raise ApiError("E0000001", "after: Invalid paging request.", summary="Api validation failed: after")
