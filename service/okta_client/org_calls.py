"""Calls of one org's management API: where they lead, and how far its clock is ahead. Knows no endpoint."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from yarl import URL

from service.okta.faults import MalformedAnswer
from service.okta_client.address import is_of
from service.okta_client.answer import Answer, clock_ahead
from service.okta_client.calls import Calls


class OrgCalls:
    """Calls one org, and no other."""

    def __init__(self, url: URL, calls: Calls) -> None:
        self.url = url
        self.calls = calls
        self.clock_ahead: float | None = None
        """Seconds that Okta's clock is ahead of ours, by the last answer."""

    @property
    def host(self) -> str:
        """The org's name: what cursors and Okta ids belong to."""
        return self.url.authority

    async def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        again: bool | None = None,
    ) -> Answer:
        """Call an endpoint. Raises `OktaFault` where Okta did not do what was asked."""
        target = f"{self.url.origin()}/api/v1/{path}"
        if query:
            target += "?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
        return self._noted(await self.calls.send(method, target, body, again=again))

    async def follow(self, link: str) -> Answer:
        """Get what a link of an answer leads to. Raises `MalformedAnswer` where it leads away from the org."""
        if not is_of(self.url, link):
            raise MalformedAnswer(f"a link leads away from {self.host}: it is not followed")
        return self._noted(await self.calls.send("GET", link))

    def _noted(self, answer: Answer) -> Answer:
        ahead = clock_ahead(answer.at)
        self.clock_ahead = self.clock_ahead if ahead is None else ahead
        return answer
