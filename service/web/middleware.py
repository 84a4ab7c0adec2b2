"""The middleware of every call: authentication first, then error responses and metrics."""

import ipaddress
import re
import time

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from aiohttp.typedefs import Middleware as AppMiddleware

from service.auth.authenticator import Accepted, Authenticator, CredentialFault, Refused
from service.auth.tokens import TokenFault
from service.telemetry import describe
from service.web.errors import ERROR_CODE, error_response, error_response_for, fault_code, http_error_response
from service.web.parts import Parts

log = structlog.get_logger()

_HOST = re.compile(r"(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<name>[^\[\]:/@\s]+))(?::[0-9]{1,5})?")
"""RFC 9110, section 7.2: a host and an optional port."""
OKTA_PREFIX = "/okta/"
EVENTS_PATH = "/okta/events"
_MESSAGES: dict[Refused, str] = {
    CredentialFault.MISSING: "the call carries no credentials",
    CredentialFault.REPEATED: "a header with credentials was sent twice",
    CredentialFault.MALFORMED: "credentials of this kind are not accepted",
    CredentialFault.WRONG: "the credentials are wrong",
    TokenFault.MALFORMED: "the bearer token is not a signed JWT",
    TokenFault.ALGORITHM: "the bearer token is not signed with RS256",
    TokenFault.UNKNOWN_KEY: "the bearer token names a key that the issuer does not have",
    TokenFault.SIGNATURE: "the bearer token's signature is wrong",
    TokenFault.EXPIRED: "the bearer token has expired",
    TokenFault.NOT_YET: "the bearer token is not valid yet",
    TokenFault.ISSUER: "the bearer token was issued by another issuer",
    TokenFault.AUDIENCE: "the bearer token is for another audience",
    TokenFault.CLIENT: "the bearer token was issued to another client",
    TokenFault.SCOPE: "the bearer token lacks the scope",
}


def route_of(request: web.Request) -> str:
    """Return the route for metrics, never the path, which callers choose."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unmatched"


def require_host(names: frozenset[str]) -> AppMiddleware:
    """Return a middleware that accepts calls only by an IP address, `localhost` or one of `names`.

    Otherwise a page in an operator's browser could make its own name resolve to this machine, and read the answers.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        hosts = request.headers.getall(hdrs.HOST, [])
        if len(hosts) == 1 and _is_allowed(hosts[0], names):
            return await handler(request)
        message = "the admin port answers by IP address, by localhost and by the names in ADMIN_HOSTS"
        return error_response(421, "host_not_allowed", message)

    return check


def _is_allowed(host: str, names: frozenset[str]) -> bool:
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    name = (match["address"] or match["name"]).lower().removesuffix(".")
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return match["address"] is None and name in {"localhost", *names}
    return True


class Middleware:
    """Wraps the handlers of one application.

    It holds its parts itself: looking them up in the application takes four function calls of aiohttp each time.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @web.middleware
    async def admit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Admit only Okta's calls, before the body is read; count and time every response."""
        started, route = time.perf_counter(), route_of(request)
        try:
            refused = await self._refused(request, route) if request.path.startswith(OKTA_PREFIX) else None
            answer = await handler(request) if refused is None else refused
        except Exception as error:  # noqa: BLE001 (any internal error is a 503; it is logged and counted)
            answer = self._error_response(error, route)
        self._count(answer, route, time.perf_counter() - started)
        return answer

    @web.middleware
    async def errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Convert any exception to an error response; none is a 500."""
        try:
            return await handler(request)
        except Exception as error:  # noqa: BLE001 (likewise)
            return self._error_response(error, route_of(request))

    def _error_response(self, error: Exception, route: str) -> web.Response:
        if isinstance(error, web.HTTPException):
            return http_error_response(error)
        answer = error_response_for(error)
        if answer.status >= web.HTTPInternalServerError.status_code:
            self._parts.telemetry.faults.labels(fault_code(error)).inc()
            log.warning("fault", route=route, code=fault_code(error), **describe(error))
        return answer

    def _count(self, answer: web.StreamResponse, route: str, seconds: float) -> None:
        telemetry, status = self._parts.telemetry, answer.status
        telemetry.requests.labels(route, status).inc()
        telemetry.request_duration_seconds.labels(route).observe(seconds)
        if status >= web.HTTPBadRequest.status_code and ERROR_CODE in answer:
            telemetry.error_responses.labels(route, answer[ERROR_CODE]).inc()

    async def _refused(self, request: web.Request, route: str) -> web.Response | None:
        """Reject the call unless it is Okta's; a token with an unknown key is verified again with newer keys.

        Raises `IssuerUnreachable`.
        """
        judged = self._authenticator(request)(request.raw_headers)
        if judged is TokenFault.UNKNOWN_KEY and self._parts.issuer_keys is not None:
            await self._parts.issuer_keys.renew()
            judged = self._authenticator(request)(request.raw_headers)
        if isinstance(judged, Accepted):
            self._parts.telemetry.credentials.labels(route, judged.kind, judged.position).inc()
            return None
        return error_response(401, judged.value, _MESSAGES[judged], {hdrs.WWW_AUTHENTICATE: _challenge(judged)})

    def _authenticator(self, request: web.Request) -> Authenticator:
        parts = self._parts  # read at each call: a reload replaces its attributes
        return parts.event_authenticator if request.path == EVENTS_PATH else parts.inline_authenticator


def _challenge(judged: Refused) -> str:
    """Return the scheme to use (RFC 9110, 11.6.1; RFC 6750, section 3, for tokens)."""
    if isinstance(judged, TokenFault):
        return 'Bearer realm="password-import", error="invalid_token"'
    return 'Basic realm="password-import"'
