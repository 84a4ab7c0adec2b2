"""`/okta/events`: the one-time verification of the event hook, and its deliveries."""

import asyncio

import structlog
from aiohttp import web

from service.actions.record_events import Channel, record_delivery
from service.okta.events import Delivery
from service.okta.verification import CHALLENGE_HEADER, answer_challenge
from service.telemetry import Telemetry
from service.web.bodies import JSON_TYPE, LARGE
from service.web.keys import PARTS, Parts

log = structlog.get_logger()


async def get_events(request: web.Request) -> web.Response:
    """Echo the challenge of the verification."""
    return web.Response(body=answer_challenge(request.headers.getall(CHALLENGE_HEADER, [])), content_type=JSON_TYPE)


async def post_events(request: web.Request) -> web.Response:
    """Answer 204 after all that the delivery causes is committed.

    Where that takes longer than Okta waits it is a 503, and is committed all the same: Okta sends a delivery once more,
    and the second finds it done. A large delivery takes its time.
    """
    parts = request.app[PARTS]
    is_small = request.content_length is not None and request.content_length <= LARGE
    async with parts.deliveries.read(request) as delivery:
        async with asyncio.timeout(parts.settings.request_timeout if is_small else None):
            await parts.deliveries.finish(_record(parts, delivery))
    return web.Response(status=204)


async def _record(parts: Parts, delivery: Delivery) -> None:
    effects = await record_delivery(parts.database, delivery, channel=Channel.HOOK, forget_when=parts.forget_when)
    for effect, count in effects.items():
        parts.telemetry.import_events.labels(Channel.HOOK, effect).inc(count)
    _count(parts.telemetry, delivery)
    log.info(
        "delivery",
        event_id=delivery.delivery_id,
        effects={effect.value: count for effect, count in effects.items()},
        foreign=delivery.foreign,
        unreadable=len(delivery.unreadable),
    )


def _count(telemetry: Telemetry, delivery: Delivery) -> None:
    telemetry.foreign_events.inc(delivery.foreign)
    for unreadable in delivery.unreadable:
        telemetry.unreadable_events.labels(unreadable.fault).inc()
