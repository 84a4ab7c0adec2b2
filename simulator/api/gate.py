"""The middleware of management calls: token, scopes, limits, read-only mode, faults."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable

from aiohttp import web

from simulator.api.errors import ApiError
from simulator.dpop import BadProof
from simulator.keys import ORG
from simulator.limits import bucket_of
from simulator.org import Org

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
OPEN = ("/api/v1/authn",)
"""Management paths without a token; sign-in uses the person's credentials."""
SCOPES = {
    "users": "okta.users",
    "groups": "okta.groups",
    "inlineHooks": "okta.inlineHooks",
    "hook-keys": "okta.inlineHooks",
    "eventHooks": "okta.eventHooks",
    "logs": "okta.logs",
    "meta": "okta.schemas",
}


@web.middleware
async def gate(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Pass a management call to its handler, or reject it as Okta would."""
    org = request.app[ORG]
    if not request.path.startswith("/api/v1/") or request.path in OPEN:
        return await handler(request)
    if org.switches.latency:
        await asyncio.sleep(org.switches.latency)
    authenticate(org, request)
    bucket = bucket_of(request.method, request.path)
    if org.limits.running >= org.limits.concurrent:
        raise ApiError("E0000047", headers=org.limits.concurrency_headers())
    if not org.limits.take(bucket):
        raise ApiError("E0000047", headers=org.limits.headers(bucket))
    org.limits.running += 1
    try:
        return await _answer(org, request, handler, bucket)
    finally:
        org.limits.running -= 1


def authenticate(org: Org, request: web.Request) -> None:
    """Check an API token (`SSWS`), or an access token (`Bearer`, `DPoP`) and its scopes. Raises `ApiError`."""
    sent = request.headers.get("Authorization", "")
    # Okta's own SDK (3.4.6) omits the space after SSWS, and works, so Okta must accept both.
    token = sent.removeprefix("SSWS").strip()
    if sent.startswith("SSWS") and hmac.compare_digest(token.encode(), org.api_token.encode()):
        return
    scheme, _, token = sent.partition(" ")
    granted = org.access_tokens.get(token)
    if granted is None or scheme != ("DPoP" if token in org.bound_tokens else "Bearer"):
        raise ApiError("E0000011")
    if scheme == "DPoP":
        _check_proof(org, request, token)
    needed = SCOPES.get(request.path.removeprefix("/api/v1/").partition("/")[0], "okta.unknown")
    enough = {f"{needed}.manage"} | ({f"{needed}.read"} if request.method == "GET" else set())
    if not granted & enough:
        raise ApiError("E0000006")


def _check_proof(org: Org, request: web.Request, token: str) -> None:
    try:
        url = f"{org.url}{request.rel_url.raw_path}"
        key = org.api_proofs.verify(request.headers.getall("DPoP", []), request.method, url, token=token)
    except BadProof as bad:
        error = "use_dpop_nonce" if bad.nonce else "invalid_dpop_proof"
        headers = {"WWW-Authenticate": f'DPoP error="{error}", error_description="{bad}"'}
        raise ApiError("E0000011", headers=headers | ({"DPoP-Nonce": bad.nonce} if bad.nonce else {})) from None
    if key != org.bound_tokens[token]:
        raise ApiError("E0000011", headers={"WWW-Authenticate": 'DPoP error="invalid_token"'})


async def _answer(org: Org, request: web.Request, handler: Handler, bucket: str) -> web.StreamResponse:
    if org.drawn(org.switches.api_errors):
        raise ApiError("E0000009", headers=org.limits.headers(bucket))
    if org.switches.read_only and request.method != "GET":
        raise ApiError("E0000010", headers=org.limits.headers(bucket))
    try:
        response = await handler(request)
    except ApiError as refused:
        refused.headers = {**(refused.headers or {}), **org.limits.headers(bucket)}
        raise
    for name, value in org.limits.headers(bucket).items():
        response.headers[name] = value
    if org.drawn(org.switches.lost_answers) and request.transport:
        # The work is done, but the answer is lost.
        request.transport.abort()
    return response
