"""One call of Okta's API: sent when the rate limit allows, retried if that is safe.

After a 429 a call is always retried, because Okta did nothing. After a lost answer or a 5xx it is retried only if it is
idempotent; otherwise the caller decides.
"""

import asyncio
import ipaddress
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from http import HTTPStatus
from typing import Any

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from service.immutable import immutable
from service.okta.errors import MAX_TEXT, MalformedAnswer, NoAnswer, ProofRefused, ReadOnly, refusal
from service.okta_client.credentials import Credentials, read_date, read_json, skew_texts
from service.okta_client.dpop import SETTING, challenge
from service.okta_client.rate_limits import RateLimits, bucket_of
from service.os_errors import explain

# Validation of the org's address, the only one that receives our credentials.


ADMIN_HOSTS = tuple(
    f"-admin.{domain}" for domain in ("okta.com", "oktapreview.com", "okta-emea.com", "okta-gov.com", "okta.mil")
)


class BadAddress(Exception):
    """The address must not receive credentials; the message gives the reason."""


def org_address(given: str, *, allow_http: bool = False) -> URL:
    """Validate an org's URL: https (http on loopback, for tests); no path, no user, no `-admin`. Raises `BadAddress`.

    `allow_http` accepts http for any host, for a rehearsal against the simulator: the token is then sent unencrypted.
    """
    try:
        url = URL(given.strip())
        host, port = url.host, url.port
    except ValueError:
        raise BadAddress("is not a URL") from None
    if not host or url.user or url.query_string or url.fragment or url.path not in ("", "/"):
        raise BadAddress("must be an address like https://example.okta.com, without a path")
    if host.endswith(ADMIN_HOSTS):
        raise BadAddress("is the Admin Console's address; the org's has no -admin")
    if url.scheme == "https" or (url.scheme == "http" and (allow_http or is_loopback(host))):
        return URL.build(scheme=url.scheme, host=host, port=port)
    raise BadAddress("must begin with https:// (http:// only on loopback)")


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_of(org: URL, link: str) -> bool:
    """Return whether a link leads to the org's own API, and may be sent its credentials."""
    try:
        url = URL(link, encoded=True)
        own = (url.scheme, url.host, url.port) == (org.scheme, org.host, org.port)
        return own and url.user is None and url.password is None and url.path.startswith("/api/v1/")
    except ValueError:
        return False


# Okta's answers: status, headers and bytes to a value, or to the fault that they represent.

LINK = re.compile(r"<(?P<target>[^>]*)>(?P<parameters>[^<]*)")
IS_NEXT = re.compile(r""";\s*rel\s*=\s*("?)next\1\s*(?:[;,]|$)""", re.IGNORECASE)


@immutable
class Answer:
    """An answer of Okta."""

    value: object = field(repr=False)
    next_link: str | None = None
    at: datetime | None = None
    """The time on Okta's clock."""


def read_answer(status: int, headers: CIMultiDictProxy[str], content: bytes) -> Answer:
    """Parse an answer. Raises the `OktaFault` that it represents."""
    value = read_json(content)
    if status >= HTTPStatus.BAD_REQUEST:
        refused = refusal(status, value)
        if refused.is_about_us and (said := challenge(headers)):
            texts = [*refused.texts, said[:MAX_TEXT], SETTING, *skew_texts(headers)]
            refused = ProofRefused(status, refused.code, texts)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(refused, ReadOnly):
            raise NoAnswer(str(refused))
        if status == HTTPStatus.BAD_REQUEST and refused.code is None:
            # A proxy's page, or a truncated body: it does not show what Okta did.
            raise NoAnswer(f"{status} came without Okta's error code")
        raise refused
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        raise MalformedAnswer(f"Okta answered {status}; redirects are not followed")
    if content and value is None:
        raise NoAnswer(f"{status} came with a body that is not JSON")
    return Answer(value, next_link(headers.getall("Link", [])), read_date(headers.get("Date")))


def next_link(lines: Sequence[str]) -> str | None:
    """Return the link to the next page, unchanged (RFC 8288; Okta sends one line per link)."""
    # A proxy may have joined the lines.
    links = (link for line in lines for link in LINK.finditer(line))
    return next((link["target"] for link in links if IS_NEXT.search(link["parameters"])), None)


TRIES = 6
"""Maximum attempts of a call that may be repeated, if no answer arrives."""
LONGEST_WAIT = 60.0
"""Seconds between attempts while Okta is in read-only mode."""
Progress = Callable[[str], None]


class Calls:
    """Sends calls to one org."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        credentials: Credentials,
        limits: RateLimits,
        *,
        wait_out_read_only: bool = False,
        progress: Progress = lambda _text: None,
    ) -> None:
        self.limits = limits
        self._session = session
        self._credentials = credentials
        self._wait_out = wait_out_read_only
        self._report_progress = progress

    async def send(
        self, method: str, url: str | URL, body: Mapping[str, Any] | None = None, *, again: bool | None = None
    ) -> Answer:
        """Send a call; `again` says whether it may be repeated (by default only a GET). Raises `OktaFault`."""
        again = method == "GET" if again is None else again
        lost, read_only = 0, 0
        while True:
            try:
                return await self._send_once(method, URL(url, encoded=True), body)
            except NoAnswer:
                lost += 1
                if not again or lost == TRIES:
                    raise
                await asyncio.sleep(min(10.0, 0.25 * 2**lost) * _spread())
            except ReadOnly:
                if not self._wait_out:
                    raise
                read_only += 1
                self._report_progress("Okta is in read-only mode; waiting until it ends")
                await asyncio.sleep(min(LONGEST_WAIT, 0.5 * 2**read_only) * _spread())

    async def _send_once(self, method: str, url: URL, body: Mapping[str, Any] | None) -> Answer:
        bucket = bucket_of(method, url.path)
        renewed = another_nonce = False
        while True:
            async with self.limits.turn(bucket) as sent:
                proof = await self._credentials.headers(self._session, method, str(url))
                status, headers, content = await self._exchange(bucket, method, url, body, proof)
                self.limits.take_in(bucket, headers, refused=status == HTTPStatus.TOO_MANY_REQUESTS, sent=sent)
            if status == HTTPStatus.TOO_MANY_REQUESTS:
                continue
            if self._credentials.learn(status, headers, content) and not another_nonce:
                another_nonce = True
                continue
            if status == HTTPStatus.UNAUTHORIZED and not renewed and self._credentials.renew(proof):
                renewed = True  # only once: Okta may reject the app with every token
                continue
            return read_answer(status, headers, content)

    async def _exchange(
        self, bucket: str, method: str, url: URL, body: Mapping[str, Any] | None, proof: Mapping[str, str]
    ) -> tuple[int, CIMultiDictProxy[str], bytes]:
        headers = {**proof, "Accept": "application/json"}
        try:
            # A redirect would send the token elsewhere.
            async with self._session.request(
                method, url, json=body, headers=headers, allow_redirects=False
            ) as response:
                return response.status, response.headers, await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self.limits.lost(bucket)
            raise NoAnswer(f"no answer from {url.host}:{url.port}: {explain(error)}") from None


def _spread() -> float:
    return random.uniform(0.5, 1.0)  # noqa: S311 (spreads retries, not for security)
