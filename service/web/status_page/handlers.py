"""The handlers of the status page and of the account search, and the password of the latter."""

import base64
import hashlib
import hmac
import math
from urllib.parse import parse_qs, urlsplit

import structlog
from aiohttp import hdrs, web

from service.auth.authenticator import CredentialFault, basic_credentials, is_pair
from service.settings import Settings
from service.signin.throttling import client_network
from service.web.errors import error_response
from service.web.operations import still_missing
from service.web.parts import PARTS, Parts
from service.web.status_page.account import Allowance, search, search_page
from service.web.status_page.render import POLICY, status_page

log = structlog.get_logger()

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
USER = "admin"
CHALLENGE = {str(hdrs.WWW_AUTHENTICATE): 'Basic realm="password-import admin", charset="UTF-8"'}
MAX_FORM = 8 * 1024
"""Maximum bytes of the form: a name of 1,024 bytes, percent-encoded, and some room."""


async def get_status_page(request: web.Request) -> web.Response:
    """Show the status page: numbers, but no names."""
    parts = request.app[PARTS]
    await parts.recorder.look(lambda: still_missing(parts), again=False)
    await parts.counting.ask()
    view = await parts.page_figures.view(parts.recorder.figures())
    return _html(status_page(view))


class AccountSearch:
    """The account search, if ADMIN_PASSWORD is set."""

    SEARCHES = (30, 60.0)
    """Rate limit of all searches together."""
    WRONG_PASSWORDS = (10, 60.0)
    """Rate limit of wrong passwords per address (IPv6: /64); beyond it passwords are not compared."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._expected = _digest(_password(parts.settings))
        self._searches = Allowance(*self.SEARCHES)
        self._wrong = Allowance(*self.WRONG_PASSWORDS)

    async def get(self, request: web.Request) -> web.Response:
        """Show the form."""
        return self._refused(request) or _html(search_page())

    async def post(self, request: web.Request) -> web.Response:
        """Search, and show the result."""
        if (refused := self._refused(request)) is not None:
            return refused
        if not _is_same_origin(request):
            return error_response(403, "cross_site", "the form was sent from another site", HEADERS)
        name = await _name(request)
        if wait := self._searches.wait(""):
            answer = _html(search_page(name, wait=wait), 429)
            answer.headers[hdrs.RETRY_AFTER] = str(math.ceil(wait))
            return answer
        self._searches.count("")
        found = await search(self._parts.database, self._parts.opener, name, f"{USER} at {request.remote}")
        return _html(search_page(name, found))

    def _refused(self, request: web.Request) -> web.Response | None:
        """Reject a request without the right password."""
        address = client_network(request.remote) or ""
        if wait := self._wrong.wait(address):
            headers = {**HEADERS, str(hdrs.RETRY_AFTER): str(math.ceil(wait))}
            return error_response(429, "throttled", "too many wrong passwords from this address", headers)
        given = request.headers.getall(hdrs.AUTHORIZATION, [])
        if not given:
            fault = CredentialFault.MISSING
        elif len(given) == 1 and hmac.compare_digest(_digest(_pair(given[0])), self._expected):
            return None
        else:
            fault = CredentialFault.WRONG
            self._wrong.count(address)
            log.warning("admin_refused", address=request.remote)
        return error_response(401, fault, f"the user is {USER}, the password ADMIN_PASSWORD", {**HEADERS, **CHALLENGE})


def _password(settings: Settings) -> bytes:
    password = settings.admin_password
    return b"" if password is None else f"{USER}:{password.get_secret_value()}".encode()


def _pair(header: str) -> bytes:
    """Return `user:password` of a Basic header; empty if it is not one."""
    encoded = basic_credentials(header.encode("utf-8", "surrogateescape"))
    if encoded is None or not is_pair(encoded):
        return b""
    return base64.b64decode(encoded)


def _digest(value: bytes) -> bytes:
    # Of equal length, so that the time of the comparison does not reveal the password's length.
    return hashlib.sha256(value).digest()


def _is_same_origin(request: web.Request) -> bool:
    """Return whether the form was sent by this page: a browser adds the password to the forms of every site.

    Browsers send `Sec-Fetch-Site` (https://www.w3.org/TR/fetch-metadata/), older ones `Origin`, scripts neither.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get(hdrs.ORIGIN)
    return origin is None or urlsplit(origin).netloc == request.host


async def _name(request: web.Request) -> str:
    """Parse the name from the form. Raises aiohttp's 413 and 415."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise web.HTTPUnsupportedMediaType
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > MAX_FORM:
            raise web.HTTPRequestEntityTooLarge(max_size=MAX_FORM, actual_size=len(body))
    form = parse_qs(body.decode("utf-8", "replace"))
    return form.get("name", [""])[0].strip()


def _html(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, content_type="text/html", charset="utf-8", status=status, headers=HEADERS)
