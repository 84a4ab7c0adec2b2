"""A service to be called, which answers over real HTTP as a test determines."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
from multidict import CIMultiDictProxy
from yarl import URL

from simulator import EventHook, HeaderSecret, Org

SECRET = HeaderSecret("Authorization", "Basic YWRtaW46c3VwZXJzZWNyZXQ=")


@dataclass
class Received:
    """One request as received."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


def verdict(credential: str) -> web.Response:
    return web.json_response({"commands": [{"type": "com.okta.action.update", "value": {"credential": credential}}]})


@dataclass
class Service:
    """`answers` is a queue of the next answers; if it is empty, the password decides."""

    url: str = ""
    calls: list[Received] = field(default_factory=list)
    answers: list[Callable[[], web.StreamResponse]] = field(default_factory=list)
    slow: float = 0.0

    def posts(self, path: str) -> list[Received]:
        return [call for call in self.calls if call.path == path and call.method == "POST"]

    @property
    def delivered(self) -> list[dict[str, Any]]:
        return [event for call in self.posts("/events") for event in call.body["data"]["events"]]

    @property
    def imports(self) -> list[str]:
        return [event["outcome"]["result"] for event in self.delivered if event["eventType"] == "user.import.password"]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        body: Any = json.loads(raw) if raw else None
        self.calls.append(Received(request.method, request.path, dict(request.headers), body))
        if self.slow:
            await asyncio.sleep(self.slow)
        if self.answers:
            return self.answers.pop(0)()
        if request.method == "GET":
            return web.json_response({"verification": request.headers["x-okta-verification-challenge"]})
        if request.path == "/password":
            right = body["data"]["context"]["credential"]["password"] == "password1"
            return verdict("VERIFIED" if right else "UNVERIFIED")
        return web.Response(status=204)


def event_hook(org: Org, service: Service) -> EventHook:
    return org.add_event_hook(f"{service.url}/events", SECRET)


@dataclass
class Api:
    """Calls the org's management API with its token."""

    org: Org
    session: aiohttp.ClientSession

    async def __call__(
        self, method: str, path: str, body: object = None, *, token: str | None = None, **query: str
    ) -> tuple[int, Any]:
        status, members, _ = await self.whole(method, path, body, token=token, **query)
        return status, members

    async def whole(
        self, method: str, path: str, body: object = None, *, token: str | None = None, **query: str
    ) -> tuple[int, Any, CIMultiDictProxy[str]]:
        headers = {"Authorization": token or f"SSWS {self.org.api_token}"}
        url = URL(path, encoded=True) if path.startswith("http") else URL(f"{self.org.url}/api/v1/{path}")
        if query:
            url = url.with_query(query)
        async with self.session.request(method, url, json=body, headers=headers) as response:
            text = await response.text()
            return response.status, json.loads(text) if text else None, response.headers


def person(login: str, **credentials: object) -> dict[str, Any]:
    profile = {"firstName": "Jessie", "lastName": "Smith", "email": login, "login": login}
    return {"profile": profile, "credentials": {"password": credentials or {"hook": {"type": "default"}}}}
