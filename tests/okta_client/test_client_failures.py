"""Our client of Okta's API when answers are lost, rejected or late: what is repeated, what waits, and what fails."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import rsa
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from service.okta.errors import INVALID, NOT_FOUND, READ_ONLY, NoAnswer, OktaFault, ReadOnly, Refused
from service.okta.hooks import HeaderChannel, HookKind, inline_hook
from service.okta.users import HOOK
from service.okta_client import OrgSettings, open_org, transport
from service.okta_client.credentials import ApiToken, PrivateKeyJwt
from service.okta_client.org import OktaOrg
from service.okta_client.rate_limits import RateLimits, Reported, Window, bucket_of, read_headers
from service.okta_client.transport import Calls, read_answer

USER = {"id": "00u1", "profile": {"login": "x@example.com"}}
HOOKED = {"id": "cal1", "name": "n", "status": "ACTIVE", "channel": {"config": {"uri": "https://x/okta"}}}
PROFILE = {"login": "x@example.com", "email": "x@example.com"}
Reply = tuple[int, object]


@dataclass
class Scripted:
    """A server that sends the given replies in turn, the last one forever."""

    replies: list[Reply]
    server: TestServer | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append((request.method, request.path))
        status, body = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(body, Mapping) and "Location" in body:
            return web.Response(status=status, headers={"Location": str(body["Location"])})
        return (
            web.Response(status=status, text=body) if isinstance(body, str) else web.json_response(body, status=status)
        )


Script = Callable[..., Any]


@pytest.fixture
async def scripted() -> AsyncIterator[Script]:
    """Yield a scripted server and a client of it."""
    servers: list[TestServer] = []

    async def start(*replies: Reply) -> tuple[Scripted, str]:
        script = Scripted(list(replies))
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", script.answer)
        server = TestServer(app)
        await server.start_server()
        servers.append(server)
        return script, str(server.make_url("")).rstrip("/")

    yield start
    for server in servers:
        await server.close()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without pauses."""
    monkeypatch.setattr(transport, "_spread", lambda: 0.0)


def settings(url: str, within: float = 10.0) -> OrgSettings:
    return OrgSettings(URL(url), ApiToken("token"), within)


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


# Lost answers


async def test_a_write_whose_answer_is_lost_is_sent_once_and_a_replacement_again(scripted: Script) -> None:
    script, url = await scripted((503, {"errorCode": "E0000009"}))
    async with open_org(settings(url)) as okta:
        with pytest.raises(NoAnswer):
            await okta.create_user(PROFILE, HOOK, ())
    assert len(script.asked) == 1
    script, url = await scripted((503, {"errorCode": "E0000009"}), (200, HOOKED))
    given = inline_hook(HookKind.REGISTRATION, "n", "https://x/okta", HeaderChannel("A", "s"))
    async with open_org(settings(url)) as okta:
        assert (await okta.replace_hook(HookKind.REGISTRATION, "cal1", given)).id == "cal1"
    assert [method for method, _ in script.asked] == ["PUT", "PUT"]


async def test_a_read_is_sent_so_often_and_no_more(scripted: Script) -> None:
    script, url = await scripted((500, {}))
    async with open_org(settings(url)) as okta:
        with pytest.raises(NoAnswer):
            await okta.find_user("x@example.com")
    assert len(script.asked) == transport.TRIES == 6


async def test_a_call_that_hangs_has_no_answer() -> None:
    async def hang(_request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", hang)
    async with TestServer(app) as server, open_org(settings(str(server.make_url("")).rstrip("/"), 0.05)) as okta:
        with pytest.raises(NoAnswer, match="it did not answer in time"):
            await okta.create_user(PROFILE, HOOK, ())


async def test_a_lost_answer_counts_in_its_window_until_an_answer_tells_what_is_left() -> None:
    limits = RateLimits(share=1.0)
    limits.take_in("users", _headers(limit=10, remaining=2), refused=False)
    async with aiohttp.ClientSession() as session:
        org = OktaOrg(URL("http://127.0.0.1:9"), Calls(session, ApiToken("token"), limits))
        for _ in range(2):
            with pytest.raises(NoAnswer):
                await org.create_user(PROFILE, HOOK, ())
    assert await waits(limits, "users")
    limits.take_in("users", _headers(limit=10, remaining=2), refused=False, sent=0.0)
    assert await waits(limits, "users")  # that answer had been requested before
    limits.take_in("users", _headers(limit=10, remaining=2), refused=False, sent=time.monotonic())
    assert not await waits(limits, "users")


@pytest.mark.parametrize("page", ["<html>bad request</html>", "", '{"errorCo'])
async def test_a_400_without_okta_s_error_code_is_a_lost_answer(scripted: Script, page: str) -> None:
    script, url = await scripted((400, page), (200, USER))
    async with open_org(settings(url)) as okta:
        with pytest.raises(NoAnswer, match="400 came without Okta's error code"):
            await okta.create_user(PROFILE, HOOK, ())
        assert (await okta.find_user("x@example.com")) is not None
    assert len(script.asked) == 2


# Rejections


async def test_a_token_refused_twice_ends_the_call(scripted: Script) -> None:
    class Renewing:
        async def headers(self, _session: aiohttp.ClientSession, _method: str, _url: str) -> Mapping[str, str]:
            return {"Authorization": "Bearer x"}

        def learn(self, _status: int, _headers: CIMultiDictProxy[str], _content: bytes) -> bool:
            return False

        def renew(self, _refused: Mapping[str, str]) -> bool:
            return True

    script, url = await scripted(*[(401, {"errorCode": "E0000011"})] * 3, (200, USER))
    async with open_org(OrgSettings(URL(url), Renewing(), 10.0)) as okta:
        with pytest.raises(Refused, match="401"):
            await okta.find_user("x@example.com")
    assert len(script.asked) == 2


async def test_read_only_mode_is_a_refusal_that_is_waited_out_only_where_that_is_asked_for(scripted: Script) -> None:
    refused: Reply = (503, {"errorCode": READ_ONLY})
    with pytest.raises(ReadOnly):
        read_answer(503, CIMultiDictProxy(CIMultiDict()), b'{"errorCode": "E0000010"}')
    script, url = await scripted(refused, (200, USER))
    async with open_org(settings(url)) as okta:
        with pytest.raises(ReadOnly):
            await okta.create_user(PROFILE, HOOK, ())
    script, url = await scripted(refused, refused, (200, USER))
    progress: list[str] = []
    async with open_org(settings(url), wait_out_read_only=True, progress=progress.append) as okta:
        assert (await okta.create_user(PROFILE, HOOK, ())).id == "00u1"
    assert (len(script.asked), len(progress)) == (3, 2)


async def test_a_404_of_a_proxy_is_no_user_that_is_missing(scripted: Script) -> None:
    """A missing user would cost the account its hash."""
    _, url = await scripted((404, "<html>"))
    async with open_org(settings(url)) as okta:
        with pytest.raises(Refused, match="404"):
            await okta.find_user("00u1")
    _, url = await scripted((404, {"errorCode": NOT_FOUND}))
    async with open_org(settings(url)) as okta:
        assert await okta.find_user("00u1") is None


async def test_a_group_is_found_by_its_whole_name_and_so_is_one_that_another_made_meanwhile(scripted: Script) -> None:
    longer = {"id": "00g-longer", "profile": {"name": "pilot 2"}}
    own = {"id": "00g-own", "profile": {"name": "pilot"}}
    script, url = await scripted((200, [longer]), (200, own))
    async with open_org(settings(url)) as okta:
        assert await okta.ensure_group("pilot") == "00g-own"
    script, url = await scripted((200, []), (400, {"errorCode": INVALID}), (200, [longer, own]))
    async with open_org(settings(url)) as okta:
        assert await okta.ensure_group("pilot") == "00g-own"
    assert [method for method, _ in script.asked] == ["GET", "POST", "GET"]
    _, url = await scripted((200, []), (400, {"errorCode": INVALID}), (200, [longer]))
    async with open_org(settings(url)) as okta:
        with pytest.raises(Refused, match=INVALID):
            await okta.ensure_group("pilot")


# Access tokens


async def test_a_token_that_is_about_to_end_is_not_used_any_more(scripted: Script, key: rsa.RSAPrivateKey) -> None:
    for life, fetched in ((119, 2), (3600, 1)):
        script, url = await scripted((200, {"access_token": "t", "expires_in": life}))
        credentials = PrivateKeyJwt(f"{url}/token", "0oa", key, None, ("x",))
        async with aiohttp.ClientSession() as session:
            for _ in range(2):
                assert await credentials.headers(session, "GET", url) == {"Authorization": "Bearer t"}
        assert len(script.asked) == fetched


async def test_a_late_refusal_of_an_old_token_does_not_forget_the_new_one(
    scripted: Script, key: rsa.RSAPrivateKey
) -> None:
    script, url = await scripted(*[(200, {"access_token": name, "expires_in": 3600}) for name in ("one", "two")])
    credentials = PrivateKeyJwt(f"{url}/token", "0oa", key, None, ("x",))
    async with aiohttp.ClientSession() as session:
        old = await credentials.headers(session, "GET", url)
        assert credentials.renew(old)
        assert await credentials.headers(session, "GET", url) == {"Authorization": "Bearer two"}
        assert credentials.renew(old)
        assert await credentials.headers(session, "GET", url) == {"Authorization": "Bearer two"}
    assert len(script.asked) == 2


async def test_a_token_redirect_is_not_followed(scripted: Script, key: rsa.RSAPrivateKey) -> None:
    """The assertion would be sent to another server."""
    elsewhere, other = await scripted((200, {"access_token": "t", "expires_in": 3600}))
    _, url = await scripted((307, {"Location": other}))
    async with aiohttp.ClientSession() as session:
        with pytest.raises(OktaFault):
            await PrivateKeyJwt(f"{url}/token", "0oa", key, None, ("x",)).headers(session, "GET", url)
    assert elsewhere.asked == []


# Limits


def _headers(limit: int, remaining: int, seconds: float = 30) -> dict[str, str]:
    numbers = {"Limit": limit, "Remaining": remaining, "Reset": int(time.time() + seconds)}
    return {f"X-Rate-Limit-{name}": str(number) for name, number in numbers.items()}


async def waits(limits: RateLimits, bucket: str) -> bool:
    try:
        async with asyncio.timeout(0), limits.turn(bucket):
            return False
    except TimeoutError:
        return True


def test_a_bucket_is_a_kind_of_endpoint_and_a_write_is_another_than_a_read() -> None:
    paths = ("/api/v1/users", "/api/v1/users/00u1", "/api/v1/eventHooks/who1/lifecycle/verify", "/")
    assert [bucket_of("GET", path) for path in paths] == ["users", "users/read", "eventHooks/read", "other"]
    assert [bucket_of("POST", path) for path in paths] == ["users", "users/write", "eventHooks/write", "other"]


async def test_no_more_calls_run_at_once_than_may_and_one_that_fails_makes_room() -> None:
    limits = RateLimits(share=1.0, concurrent=2)
    async with limits.turn("a"):
        with pytest.raises(ZeroDivisionError):  # noqa: PT012 (the call within the turn fails)
            async with limits.turn("b"):
                assert await waits(limits, "c")
                raise ZeroDivisionError
        assert not await waits(limits, "c")
        assert not await waits(limits, "b")


async def test_a_429_spends_what_seemed_to_be_left() -> None:
    limits = RateLimits(share=1.0)
    limits.take_in("users", _headers(limit=10, remaining=5), refused=True)
    assert await waits(limits, "users")
    assert not await waits(limits, "logs")


async def test_calls_at_once_are_halved_down_to_one_and_come_back_one_by_one() -> None:
    limits = RateLimits(share=1.0, concurrent=8)
    found = []
    for _ in range(5):
        limits.take_in("users", _headers(limit=0, remaining=0), refused=True)
        found.append(limits.concurrent)
    assert found == [4, 2, 1, 1, 1]
    assert await waits(limits, "logs")
    for number in range(6, 50):
        limits.take_in("users", _headers(limit=1000, remaining=900), refused=False)
        assert limits.concurrent == 1, number
    limits.take_in("users", _headers(limit=1000, remaining=900), refused=False)
    assert limits.concurrent == 2
    for _ in range(1000):
        limits.take_in("users", _headers(limit=1000, remaining=900), refused=False)
    assert limits.concurrent == 8


def window(limit: int, remaining: int, resets: float, *, running: int = 0) -> Window:
    made = Window()
    made.take_in(Reported(limit, remaining, resets), 0.0)
    made.running = running
    return made


def test_the_smallest_share_of_a_limit_is_one_call() -> None:
    assert window(10, 10, 60.0).wait(0.01, 0.0) == 0.0
    assert window(10, 9, 60.0).wait(0.01, 0.0) == 60.0


def test_of_answers_that_overtake_each_other_the_lowest_counts_until_the_next_window() -> None:
    known = window(10, 3, 60.0)
    known.take_in(Reported(10, 7, 60.5), 1.0)
    assert known.reported == Reported(10, 3, 60.5)
    known.take_in(Reported(10, 9, 120.0), 10.0)
    assert known.reported == Reported(10, 9, 120.0)


def test_a_window_waits_for_its_end_or_for_a_call_that_runs() -> None:
    unknown = Window()
    assert unknown.wait(1.0, 0.0) == 0.0
    unknown.running = 1
    assert unknown.wait(1.0, 0.0) is None
    assert window(10, 2, 60.0, running=1).wait(1.0, 0.0) == 0.0
    assert window(10, 2, 60.0, running=2).wait(1.0, 0.0) is None
    assert window(10, 0, 60.0, running=2).wait(1.0, 20.0) == 40.0
    assert window(10, 0, 60.0).wait(1.0, 60.0) == 0.0


def test_a_difference_of_two_clocks_within_rounding_does_not_move_the_reset() -> None:
    headers = {"X-Rate-Limit-Limit": "10", "X-Rate-Limit-Remaining": "1", "X-Rate-Limit-Reset": "1000060"}
    date = {"Date": "Mon, 12 Jan 1970 13:46:40 GMT"}  # 1,000,000
    for now, resets in ((999_998.0, 1_000_060.0), (1_000_002.0, 1_000_060.0), (999_997.0, 1_000_057.0)):
        reported = read_headers(headers | date, now=now)
        assert reported is not None
        assert reported.resets == resets
