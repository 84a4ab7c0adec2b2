"""The handlers of Okta's hooks: password import, events, registration."""

import asyncio

import structlog
from aiohttp import web

from service.hashing.pool import Overloaded
from service.import_events.record import Channel, record_delivery
from service.okta.events import CHALLENGE_HEADER, Delivery, answer_challenge
from service.okta.password_import import PasswordImportCall, answer, parse_call
from service.okta.registration import parse_request
from service.signin.throttling import TooManyFailures
from service.signin.verify import SignInResult
from service.telemetry import Telemetry
from service.web.bodies import JSON_TYPE, LARGE, read_call
from service.web.errors import error_code
from service.web.parts import PARTS, Parts

# `/okta/events`: the one-time verification of the event hook, and its deliveries.

log = structlog.get_logger()


async def get_events(request: web.Request) -> web.Response:
    """Echo the challenge of the verification."""
    return web.Response(body=answer_challenge(request.headers.getall(CHALLENGE_HEADER, [])), content_type=JSON_TYPE)


async def post_events(request: web.Request) -> web.Response:
    """Answer 204 after all effects of the delivery are committed.

    If that takes longer than Okta waits, the response is a 503, and the work is still committed: Okta sends a delivery
    once more, and the second finds it done. A large delivery takes longer.
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


# `POST /okta/registration`: Okta asks whether a person may register, or change their profile.


async def post_registration(request: web.Request) -> web.Response:
    """Answer with commands or an error, with 204 for an empty answer, or raise why there is no decision."""
    parts = request.app[PARTS]
    deadline = asyncio.get_running_loop().time() + parts.settings.request_timeout
    async with asyncio.timeout_at(deadline):
        screening = await parts.screener.screen(parse_request(await read_call(request, deadline)))
    if screening.answer is None:
        return web.Response(status=web.HTTPNoContent.status_code)
    return web.Response(body=screening.answer, content_type=JSON_TYPE)


REFUSAL_PACE = 0.25
"""Seconds for which a call that is rejected for lack of CPU time is held before its 429. Callers that retry immediately
would take CPU time from the checks: with 64 of them, bcrypt 12 and two cores, 2.4 times as many sign-ins a second are
verified as without it (`bench`, row `refusal_pace`)."""
pause = asyncio.sleep


async def post_password_import(request: web.Request) -> web.Response:
    """Answer VERIFIED or UNVERIFIED before the deadline, or raise why there is no verdict."""
    parts, clock = request.app[PARTS], asyncio.get_running_loop().time
    began = clock()
    deadline = began + parts.settings.request_timeout
    try:
        call = parse_call(await read_call(request, deadline))
        answered = await _verify(parts, call, deadline)
    except (Exception, asyncio.CancelledError) as error:
        outcome = error_code(error) if isinstance(error, Exception) else "disconnected"
        account_id = error.account_id if isinstance(error, TooManyFailures) else None
        log.info("sign_in", outcome=outcome, account_id=account_id, total_ms=_milliseconds(clock() - began))
        raise
    log.info(
        "sign_in",
        outcome=answered.label,
        account_id=answered.account_id,
        total_ms=_milliseconds(clock() - began),
        queue_ms=_milliseconds(answered.queue_seconds),
    )
    return web.Response(body=answer(answered.verdict, answered.code), content_type=JSON_TYPE)


async def _verify(parts: Parts, call: PasswordImportCall, deadline: float) -> SignInResult:
    try:
        return await parts.verifier.verify(call, deadline=deadline)
    except Overloaded:
        if not parts.refusals.locked():
            async with parts.refusals:
                await pause(REFUSAL_PACE)
        raise


def _milliseconds(seconds: float) -> float:
    return round(1000 * seconds, 1)
