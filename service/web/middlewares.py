"""What happens to every call: authentication before anything else, one table for errors, one line of metrics."""

import time

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from service.okta.authentication import Accepted, Authenticator, Refusal, Refused
from service.okta.bearer import TokenFault
from service.telemetry import describe
from service.web.keys import PARTS
from service.web.refusals import REFUSAL_CODE, fault_code, refusal, refusal_for, refusal_for_http

log = structlog.get_logger()

OKTA_PREFIX = "/okta/"
EVENTS_PATH = "/okta/events"
_MESSAGES: dict[Refused, str] = {
    Refusal.MISSING: "the call carries no credentials",
    Refusal.REPEATED: "a header with credentials came twice",
    Refusal.MALFORMED: "the credentials are of no kind that is accepted here",
    Refusal.WRONG: "the credentials are wrong",
    TokenFault.MALFORMED: "the bearer token is no signed JWT",
    TokenFault.ALGORITHM: "the bearer token is not signed with RS256",
    TokenFault.UNKNOWN_KEY: "the bearer token names no key of the issuer's",
    TokenFault.SIGNATURE: "the bearer token's signature is wrong",
    TokenFault.EXPIRED: "the bearer token has expired",
    TokenFault.NOT_YET: "the bearer token is not valid yet",
    TokenFault.ISSUER: "the bearer token is another issuer's",
    TokenFault.AUDIENCE: "the bearer token is for another audience",
    TokenFault.CLIENT: "the bearer token was given to another client",
    TokenFault.SCOPE: "the bearer token lacks the scope",
}


def route_of(request: web.Request) -> str:
    """Name the route for metrics: never the path, which anybody may invent."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unmatched"


@web.middleware
async def measure(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count and time every answer."""
    started = time.perf_counter()
    answer = await handler(request)
    route, telemetry = route_of(request), request.app[PARTS].telemetry
    telemetry.answers.labels(route, answer.status).inc()
    telemetry.answer_seconds.labels(route).observe(time.perf_counter() - started)
    if REFUSAL_CODE in answer:
        telemetry.refusals.labels(route, answer[REFUSAL_CODE]).inc()
    return answer


@web.middleware
async def refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever was raised into an answer of the table; nothing leaves as a 500."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return refusal_for_http(error)
    except Exception as error:  # noqa: BLE001 (a fault of ours is a 503, whatever it was; it is logged and counted)
        answer = refusal_for(error)
        if answer.status >= web.HTTPInternalServerError.status_code:
            request.app[PARTS].telemetry.faults.labels(fault_code(error)).inc()
            log.warning("fault", route=route_of(request), code=fault_code(error), **describe(error))
        return answer


@web.middleware
async def authenticate(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let nobody but Okta past, before the body is read as anything."""
    if not request.path.startswith(OKTA_PREFIX):
        return await handler(request)
    parts = request.app[PARTS]
    judged = await _judge(request)
    if isinstance(judged, Accepted):
        parts.telemetry.credentials.labels(route_of(request), judged.kind, judged.position).inc()
        return await handler(request)
    return refusal(401, judged.value, _MESSAGES[judged], {hdrs.WWW_AUTHENTICATE: _challenge(judged)})


async def _judge(request: web.Request) -> Accepted | Refused:
    """Judge the call; where a token names a key we don't have, once more with newer keys. Raises `KeysAway`."""
    judged = _authenticator(request)(request.raw_headers)
    keys = request.app[PARTS].issuer_keys
    if judged is TokenFault.UNKNOWN_KEY and keys is not None:
        await keys.renew()
        judged = _authenticator(request)(request.raw_headers)
    return judged


def _challenge(judged: Refused) -> str:
    """Name the scheme to use (RFC 9110, 11.6.1; RFC 6750, section 3, for tokens)."""
    if isinstance(judged, TokenFault):
        return 'Bearer realm="password-import", error="invalid_token"'
    return 'Basic realm="password-import"'


def _authenticator(request: web.Request) -> Authenticator:
    parts = request.app[PARTS]
    return parts.event_authenticator if request.path == EVENTS_PATH else parts.inline_authenticator
