"""An issuer of tokens that is down, slow or wrong: how often it is asked, who waits, and which keys stay in use."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from cryptography.hazmat.primitives.asymmetric import rsa
from yarl import URL

from service.app import make_app, make_parts
from service.auth import issuer_keys
from service.auth.issuer_keys import (
    MAX_DOCUMENT,
    METADATA,
    REFETCH_AFTER,
    REFRESH_LATEST,
    REFRESH_SOONEST,
    RETRY_EVERY,
    BadIssuer,
    IssuerKeys,
    IssuerUnreachable,
    fetch_keys,
)
from service.auth.tokens import Expected, Keys, judge, read_keys
from service.store.database import Database
from simulator.clients import Key
from tests.auth.forging import AUDIENCE, CLIENT, SCOPE, Issuer
from tests.people import sign_in
from tests.service_fixtures import Add, settings_of

ISSUER = "https://issuer.example.com/oauth2/default"
NOWHERE = "http://127.0.0.1:9/oauth2/default"


@pytest.fixture(scope="module")
def private() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


class FakeIssuer:
    """Fakes `fetch_keys`: returns the answer or raises the fault; `gate` delays it, and fetching takes `seconds`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, answer: tuple[Keys, float]) -> None:
        self.answer = answer
        self.fault: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.now, self.seconds = 0.0, 0.0
        self.keys = IssuerKeys(ISSUER, clock=lambda: self.now)
        monkeypatch.setattr(issuer_keys, "fetch_keys", self.fetch)

    async def fetch(self, _issuer: str) -> tuple[Keys, float]:
        await self.gate.wait()
        self.now += self.seconds
        if self.fault is not None:
            raise self.fault
        return self.answer


@pytest.fixture
def issuer(monkeypatch: pytest.MonkeyPatch, private: rsa.RSAPrivateKey) -> FakeIssuer:
    return FakeIssuer(monkeypatch, ({"k": private.public_key()}, 300.0))


async def renew(issuer: FakeIssuer, number: int) -> list[BaseException | None]:
    return await asyncio.gather(*(issuer.keys.renew() for _ in range(number)), return_exceptions=True)


async def test_unknown_keys_ask_an_issuer_that_is_down_once_in_the_pause(issuer: FakeIssuer) -> None:
    assert REFETCH_AFTER == 5.0
    issuer.fault = ConnectionError()
    for moment, fetches in ((0.0, 1), (0.0, 1), (4.9, 1), (5.0, 2), (9.9, 2), (10.0, 3)):
        issuer.now = moment
        assert {type(each) for each in await renew(issuer, 20)} == {IssuerUnreachable}
        assert issuer.keys.fetches == fetches, moment


async def test_over_http_an_issuer_is_down_and_asked_once_in_the_pause(
    database_url: str, database: Database, add: Add, private: rsa.RSAPrivateKey
) -> None:
    await add("kim@example.com", "right")
    settings = settings_of(
        database_url=database_url,
        oauth_issuer=NOWHERE,
        oauth_audience=AUDIENCE,
        oauth_client_id=CLIENT,
        event_hook_secrets='["event-secret"]',
    )
    tokens = [Issuer(NOWHERE, private).sign({"kid": f"unknown {number}"}).decode() for number in range(20)]
    async with make_parts(settings, database) as parts, TestClient(TestServer(make_app(parts))) as client:
        keys = parts.issuer_keys
        assert keys is not None
        moment = keys._clock()
        keys._clock = lambda: moment

        async def ask(token: str) -> int:
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
            answer = await client.post("/okta/password-import", data=sign_in("kim@example.com", "x"), headers=headers)
            return answer.status

        for fetches in (1, 2):
            statuses = [await ask(tokens[0]), *await asyncio.gather(*map(ask, tokens))]
            assert set(statuses) == {503}
            assert keys.fetches == fetches
            moment += REFETCH_AFTER


async def test_a_call_waits_for_the_fetch_that_is_under_way(issuer: FakeIssuer) -> None:
    issuer.gate.clear()
    waiting = [asyncio.create_task(issuer.keys.renew()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting.append(asyncio.create_task(issuer.keys.renew()))
    await asyncio.sleep(0)
    issuer.gate.set()
    assert await asyncio.gather(*waiting) == [None] * 4
    assert issuer.keys.fetches == 1


async def test_known_keys_are_not_fetched_again(issuer: FakeIssuer) -> None:
    await issuer.keys.renew()
    issuer.now = 4.9
    await issuer.keys.renew()
    assert issuer.keys.fetches == 1
    issuer.now = 5.0
    await issuer.keys.renew()
    assert issuer.keys.fetches == 2


async def test_a_call_that_gives_up_ends_the_fetch_of_no_other(issuer: FakeIssuer) -> None:
    issuer.gate.clear()
    first, second = (asyncio.create_task(issuer.keys.renew()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    issuer.gate.set()
    await second
    assert issuer.keys.keys


async def test_keys_are_as_old_as_the_question_that_brought_them(issuer: FakeIssuer) -> None:
    """A key may have been rotated while the answer was in transit."""
    issuer.seconds = 4.0
    await issuer.keys.renew()
    issuer.now += 1.0
    await issuer.keys.renew()
    assert issuer.keys.fetches == 2


async def test_a_failed_fetch_keeps_the_keys_that_are_known(issuer: FakeIssuer) -> None:
    await issuer.keys.renew()
    issuer.now, issuer.fault = 60.0, BadIssuer("no key that can sign")
    with pytest.raises(IssuerUnreachable):
        await issuer.keys.renew()
    assert issuer.keys.keys


class Sleeps:
    """The sleeps of the background work, one for each step of a test; it never ends by itself."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, steps: list[Callable[[], object]]) -> None:
        self.slept: list[float] = []
        self.steps = steps
        self.is_done = asyncio.Event()
        monkeypatch.setattr(asyncio, "sleep", self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if not self.steps:
            self.is_done.set()
            await asyncio.Event().wait()
        self.steps.pop(0)()


async def test_the_next_refresh_is_due_by_the_answer_within_limits_and_goes_on_after_a_fault(
    issuer: FakeIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = issuer.answer[0]

    def answers(max_age: float) -> Callable[[], object]:
        return lambda: setattr(issuer, "answer", (keys, max_age))

    def fails(fault: Exception | None) -> Callable[[], object]:
        return lambda: setattr(issuer, "fault", fault)

    steps = [answers(0.0), answers(86_400.0), answers(600.0), fails(ConnectionError()), fails(None)]
    sleeps = Sleeps(monkeypatch, steps)
    await issuer.keys.open()
    await sleeps.is_done.wait()
    await issuer.keys.close()
    assert sleeps.slept == [300.0, REFRESH_SOONEST, REFRESH_LATEST, 600.0, RETRY_EVERY, 600.0]


async def test_the_service_goes_on_asking_an_issuer_that_was_down_at_its_start(
    issuer: FakeIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer.fault = TimeoutError()
    sleeps = Sleeps(monkeypatch, [lambda: None, lambda: setattr(issuer, "fault", None)])
    await issuer.keys.open()
    assert not issuer.keys.are_known
    await sleeps.is_done.wait()
    await issuer.keys.close()
    assert issuer.keys.are_known


# Answers that an issuer may give

Handler = Callable[[web.Request], Coroutine[Any, Any, web.StreamResponse]]


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Handler, Handler], Coroutine[Any, Any, str]]]:
    """Start an issuer with these two answers; yield its name."""
    servers: list[TestServer] = []

    async def start(metadata: Handler, jwks: Handler) -> str:
        app = web.Application()
        app.router.add_get(METADATA, metadata)
        app.router.add_get("/keys", jwks)
        app.router.add_get("/elsewhere", jwks)
        server = TestServer(app)
        await server.start_server()
        servers.append(server)
        return str(server.make_url("")).rstrip("/")

    yield start
    for server in servers:
        await server.close()


def own(request: web.Request) -> str:
    return f"http://{request.host}"


async def metadata(request: web.Request) -> web.Response:
    return web.json_response({"issuer": own(request), "jwks_uri": f"{own(request)}/keys"})


@pytest.mark.parametrize("name", ["redirect", "status", "no keys", "too large", "no object"])
async def test_bad_answers_of_an_issuer_bring_no_keys(serve: Any, private: rsa.RSAPrivateKey, name: str) -> None:  # noqa: ANN401
    good = {"keys": [Key("k", private).public_jwk()]}

    async def jwks(request: web.Request) -> web.Response:
        if name == "redirect" and request.path != "/elsewhere":
            raise web.HTTPFound(f"{own(request)}/elsewhere")
        if name == "status":
            return web.json_response(good, status=203)
        if name == "too large":
            return web.json_response(good | {"more": "x" * MAX_DOCUMENT})
        return web.json_response([good] if name == "no object" else good if name == "redirect" else {"keys": []})

    with pytest.raises(BadIssuer):
        await fetch_keys(await serve(metadata, jwks))


async def test_an_answer_that_does_not_say_how_long_it_is_good_is_asked_for_soon_to_refresh(
    serve: Any,  # noqa: ANN401
    private: rsa.RSAPrivateKey,
) -> None:
    async def jwks(_request: web.Request) -> web.Response:
        return web.json_response({"keys": [Key("k", private).public_jwk()]})

    async def cached(_request: web.Request) -> web.Response:
        headers = {"Cache-Control": "private, Max-Age=120, must-revalidate"}
        return web.json_response({"keys": [Key("k", private).public_jwk()]}, headers=headers)

    assert (await fetch_keys(await serve(metadata, jwks)))[1] == REFRESH_SOONEST
    assert (await fetch_keys(await serve(metadata, cached)))[1] == 120.0


@pytest.mark.parametrize("place", ["http://issuer.example.com/keys", "file:///keys", "/keys", ""])
def test_bad_answers_about_the_place_of_the_keys_are_refused(place: str) -> None:
    with pytest.raises(BadIssuer):
        issuer_keys._keys_url({"jwks_uri": place}, URL(ISSUER))


def test_a_token_of_the_second_client_is_counted_as_the_second_one_s(private: rsa.RSAPrivateKey) -> None:
    made = Issuer(ISSUER, private)
    expected = Expected(ISSUER, AUDIENCE, ("0oaother", CLIENT), SCOPE)
    assert judge(made.sign(), {made.kid: private.public_key()}, expected) == 2


def test_every_key_of_an_issuer_is_read(private: rsa.RSAPrivateKey) -> None:
    assert set(read_keys({"keys": [Key(kid, private).public_jwk() for kid in "abc"]})) == {"a", "b", "c"}
