"""Our client of Okta's API: limits, tokens, addresses, and what it never reveals."""

import asyncio
import json
import time
from pathlib import Path

import aiohttp
import jwt
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from service.okta.errors import MalformedAnswer, NoAnswer, NoToken, OktaFault, Refused
from service.okta.hooks import HeaderChannel, HookKind, event_hook, inline_hook
from service.okta.users import HOOK, new_user
from service.okta_client import open_org, org_settings
from service.okta_client.credentials import OPTIONAL_SCOPES, PrivateKeyJwt
from service.okta_client.credentials import SCOPES as DEFAULT_SCOPES
from service.okta_client.org import OktaOrg
from service.okta_client.rate_limits import LONGEST_WINDOW, RateLimits, read_headers
from service.okta_client.transport import BadAddress, is_of, next_link, org_address, read_answer
from service.settings import BadSettings, Settings
from simulator import Org
from simulator.clients import Client
from tests import org_fixtures
from tests.service_fixtures import settings_of

SCOPES = "okta.users.manage okta.logs.read"


def pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def oauth_settings(org: Org, key: rsa.RSAPrivateKey, private_key: str, **more: object) -> Settings:
    org.clients["0oaservice"] = Client("0oaservice", frozenset(SCOPES.split()), public_key=key.public_key())
    return settings_of(
        okta_client_orgurl=org.url,
        okta_client_authorizationmode="PrivateKey",
        okta_client_clientid="0oaservice",
        okta_client_privatekey=private_key,
        okta_client_scopes=SCOPES,
        **more,
    )


async def many(okta: OktaOrg, number: int) -> None:
    await asyncio.gather(*(okta.find_user("nobody@example.com") for _ in range(number)))


async def test_never_more_than_the_share_of_a_window_is_used_and_no_call_is_refused(org: Org) -> None:
    org.limits.window, org.limits.calls["user"] = 1.0, 40  # a token may use 20 of them
    async with open_org(org_fixtures.org_settings(org), share=0.5, concurrent=8) as okta:
        await many(okta, 24)
    assert org.limits.most_used["user"] <= 10
    assert org.limits.refused["user"] == 0


async def test_calls_of_others_in_the_window_are_respected(org: Org) -> None:
    org.limits.window, org.limits.calls["user"] = 60.0, 40
    async with open_org(org_fixtures.org_settings(org), share=0.5) as okta:
        for _ in range(12):
            org.limits.take("user")
        calls = asyncio.create_task(many(okta, 2))
        while org.limits.most_used["user"] < 13:  # noqa: ASYNC110 (what it waits for has no event)
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)  # another call would have been made in this time
        assert not calls.done()
        assert org.limits.most_used["user"] == 13
        calls.cancel()
        await asyncio.gather(calls, return_exceptions=True)


async def test_a_429_is_waited_out_and_the_call_made_again(org: Org, okta: OktaOrg) -> None:
    org.limits.window, org.limits.calls["user"] = 4.0, 2  # so long that the call is made in it
    while org.limits.take("user"):
        pass
    refused = org.limits.refused["user"]
    assert await okta.find_user("nobody@example.com") is None
    assert org.limits.refused["user"] == refused + 1


@pytest.mark.parametrize("headers", [{}, {"X-Rate-Limit-Limit": "10", "X-Rate-Limit-Remaining": "0"}])
async def test_a_429_that_does_not_say_how_long_is_not_answered_by_calling_on_and_on(headers: dict[str, str]) -> None:
    limits = RateLimits()
    given = headers and headers | {"X-Rate-Limit-Reset": str(int(time.time()) - 10)}
    async with limits.turn("users"):
        limits.take_in("users", given, refused=True)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0), limits.turn("users"):
            pass


def test_a_reset_that_no_window_of_okta_has_is_not_waited_for() -> None:
    headers = {"X-Rate-Limit-Limit": "10", "X-Rate-Limit-Remaining": "0"}
    reported = read_headers(headers | {"X-Rate-Limit-Reset": "1764342000000"}, now=1_764_342_000.0)  # milliseconds
    assert reported is not None
    assert reported.resets == 1_764_342_000.0 + LONGEST_WINDOW
    assert read_headers(headers | {"X-Rate-Limit-Reset": "inf"}, now=0.0) is None


async def test_too_many_calls_at_once_halve_how_many_run(org: Org) -> None:
    org.limits.concurrent = 3
    org.switch(latency=0.0)
    async with open_org(org_fixtures.org_settings(org), share=1.0, concurrent=8) as okta:
        org.limits.running = 3
        calls = asyncio.create_task(many(okta, 8))
        while not org.limits.refused["concurrency"]:  # noqa: ASYNC110 (what it waits for has no event)
            await asyncio.sleep(0.01)
        org.limits.running = 0
        await calls
        assert okta.calls.limits.concurrent < 8


def test_the_reset_is_read_by_okta_s_clock() -> None:
    headers = {"X-Rate-Limit-Limit": "10", "X-Rate-Limit-Remaining": "1", "X-Rate-Limit-Reset": "1000060"}
    date = {"Date": "Mon, 12 Jan 1970 13:46:40 GMT"}  # 1,000,000
    reported = read_headers(headers | date, now=500.0)
    assert reported is not None
    assert reported.resets == 560.0
    assert read_headers(headers, now=1_000_000.0) is not None
    assert read_headers({}, now=0.0) is None


async def test_a_private_key_brings_tokens_that_are_renewed_when_refused(org: Org, key: rsa.RSAPrivateKey) -> None:
    settings = oauth_settings(org, key, pem(key))
    async with open_org(org_settings(settings)) as okta:
        assert await okta.find_user("nobody@example.com") is None
        org.access_tokens.clear()
        assert await okta.find_user("nobody@example.com") is None
        assert len(org.access_tokens) == 1


async def test_calls_at_once_fetch_one_token_and_renew_it_once(org: Org, key: rsa.RSAPrivateKey) -> None:
    async with open_org(org_settings(oauth_settings(org, key, pem(key)))) as okta:
        await many(okta, 4)
        assert len(org.access_tokens) == 1
        org.access_tokens.clear()
        await many(okta, 4)
        assert len(org.access_tokens) == 1


async def test_tokens_that_are_all_refused_end_the_call(org: Org, key: rsa.RSAPrivateKey) -> None:
    class Refusing(dict[str, frozenset[str]]):
        def get(self, *_name: object) -> None:  # type: ignore[override]
            return None

    org.access_tokens = Refusing()
    async with open_org(org_settings(oauth_settings(org, key, pem(key)))) as okta:
        with pytest.raises(Refused, match="401"):
            await okta.find_user("nobody@example.com")
    assert len(org.access_tokens) == 2


@pytest.mark.parametrize(
    "status, body, expected",
    [
        (429, {"errorCode": "E0000047"}, NoAnswer),
        (503, {"errorCode": "E0000010"}, NoAnswer),
        (400, {"error": "invalid_scope", "error_description": "not granted"}, NoToken),
    ],
)
async def test_a_token_that_can_not_be_had_is_no_refusal_of_what_was_to_be_sent(
    key: rsa.RSAPrivateKey, status: int, body: dict[str, str], expected: type[OktaFault]
) -> None:
    async def token(_request: web.Request) -> web.Response:
        return web.json_response(body, status=status)

    app = web.Application()
    app.router.add_post("/oauth2/v1/token", token)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        credentials = PrivateKeyJwt(str(server.make_url("/oauth2/v1/token")), "0oa", key, None, ("x",))
        with pytest.raises(expected) as caught:
            await credentials.headers(session, "GET", "https://example.okta.com/api/v1/users")
    assert not isinstance(caught.value, Refused) or caught.value.is_about_us


async def test_the_key_may_be_a_jwk_a_file_or_a_line_with_escaped_ends(
    org: Org, key: rsa.RSAPrivateKey, tmp_path: Path
) -> None:
    file = tmp_path / "key.pem"
    file.write_text(pem(key))
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(key, as_dict=True) | {"kid": "k1"}
    for given in (json.dumps(jwk), str(file), pem(key).replace("\n", "\\n")):
        async with open_org(org_settings(oauth_settings(org, key, given))) as okta:
            assert await okta.find_user("nobody@example.com") is None


async def test_a_scope_that_is_missing_is_said(org: Org, key: rsa.RSAPrivateKey) -> None:
    async with open_org(org_settings(oauth_settings(org, key, pem(key)))) as okta:
        with pytest.raises(Refused, match="E0000006") as caught:
            await okta.ensure_group("x")
    assert caught.value.is_about_us


async def test_scopes_that_the_app_was_not_granted_are_named(org: Org, key: rsa.RSAPrivateKey) -> None:
    settings = oauth_settings(org, key, pem(key))
    org.clients["0oaservice"] = Client("0oaservice", frozenset(["okta.logs.read"]), public_key=key.public_key())
    async with open_org(org_settings(settings)) as okta:
        with pytest.raises(NoToken, match=f"requested: {SCOPES}; grant them"):
            await okta.find_user("x")


@pytest.mark.parametrize("granted", [True, False])
async def test_an_optional_scope_that_the_app_was_not_granted_is_done_without(
    org: Org, key: rsa.RSAPrivateKey, granted: bool
) -> None:
    settings = oauth_settings(org, key, pem(key)).model_copy(update={"okta_client_scopes": None})
    scopes = frozenset([*DEFAULT_SCOPES, *(OPTIONAL_SCOPES if granted else ())])
    org.clients["0oaservice"] = Client("0oaservice", scopes, public_key=key.public_key())
    async with open_org(org_settings(settings)) as okta:
        assert await okta.find_user("nobody@example.com") is None
    assert list(org.access_tokens.values()) == [scopes]


async def test_no_token_is_said_without_showing_the_key(org: Org, key: rsa.RSAPrivateKey) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    async with open_org(org_settings(oauth_settings(org, key, pem(other)))) as okta:
        with pytest.raises(Refused, match="no access token") as caught:
            await okta.find_user("x")
    assert "PRIVATE" not in str(caught.value)


@pytest.mark.parametrize(
    "given, fault",
    [
        ({}, "OKTA_CLIENT_ORGURL: is not set"),
        ({"okta_client_orgurl": "http://example.okta.com"}, "must begin with https://"),
        ({"okta_client_orgurl": "https://example-admin.okta.com"}, "no -admin"),
        ({"okta_client_orgurl": "https://example-admin.okta-gov.com"}, "no -admin"),
        ({"okta_client_orgurl": "https://example-admin.okta.mil"}, "no -admin"),
        ({"okta_client_orgurl": "https://example.okta.com/path"}, "without a path"),
        ({"okta_client_orgurl": "https://user@example.okta.com"}, "without a path"),
        ({"okta_client_token": ""}, "OKTA_CLIENT_TOKEN: is not set"),
        ({"okta_client_token": "se cret"}, "OKTA_CLIENT_TOKEN: is not a valid API token"),
        ({"okta_client_authorizationmode": "Bearer"}, "OKTA_CLIENT_AUTHORIZATIONMODE: must be"),
        ({"okta_client_authorizationmode": "PrivateKey"}, "OKTA_CLIENT_CLIENTID: is not set"),
        ({"okta_client_privatekey": "-----BEGIN secret", "okta_client_clientid": "x"}, "OKTA_CLIENT_PRIVATEKEY: "),
    ],
)
def test_every_fault_of_the_settings_is_named_and_no_secret_shown(given: dict[str, str], fault: str) -> None:
    with pytest.raises(BadSettings) as caught:
        org_settings(settings_of(**given))
    assert fault in str(caught.value)
    assert "se cret" not in str(caught.value)
    assert "BEGIN" not in str(caught.value)


def test_no_secret_is_shown_by_the_settings_or_the_credentials(org: Org, key: rsa.RSAPrivateKey) -> None:
    settings = oauth_settings(org, key, pem(key), okta_client_token="s3cr3t-token")
    shown = repr(settings) + repr(org_settings(settings)) + repr(org_fixtures.org_settings(org))
    assert not any(secret in shown for secret in ("s3cr3t-token", "PRIVATE", org.api_token))


@pytest.mark.parametrize(
    "link",
    [
        "https://example.okta.com.evil.example/api/v1/logs",
        "https://example.okta.com@evil.example/api/v1/logs",
        "http://example.okta.com/api/v1/logs",
        "https://example.okta.com:444/api/v1/logs",
        "https://example.okta.com/oauth2/v1/token",
        "//evil.example/api/v1/logs",
        "/api/v1/logs",
        "",
    ],
)
def test_only_links_into_the_org_s_own_api_are_its_own(link: str) -> None:
    org = org_address("https://example.okta.com/")
    assert not is_of(org, link)
    assert is_of(org, "https://example.okta.com:443/api/v1/logs?after=1")


def test_an_http_address_is_taken_on_loopback_alone() -> None:
    assert org_address("http://127.0.0.1:8090") == URL("http://127.0.0.1:8090")
    assert org_address("http://[::1]:8090").host == "::1"
    with pytest.raises(BadAddress):
        org_address("http://127.0.0.1.example.com")


def test_the_next_link_is_found_on_a_line_of_its_own_or_not_and_kept_as_it_is() -> None:
    link = "https://example.okta.com/api/v1/logs?after=a%2Bb%3D%3D&filter=eventType+eq+%22x%22"
    assert next_link([f'<{link}&self>; rel="self"', f'<{link}>; rel="next"']) == link
    assert next_link([f'<{link}&self>; rel="self", <{link}>; rel=next']) == link
    assert next_link(['<x>; rel="self"', '<y>; rel="nextofkin"']) is None


@pytest.mark.parametrize("content", [b"<html>", b"\xff", b"[" * 100_000], ids=["no JSON", "no UTF-8", "too deep"])
def test_a_good_answer_that_can_not_be_read_is_taken_for_none(content: bytes) -> None:
    with pytest.raises(NoAnswer):
        read_answer(200, CIMultiDictProxy(CIMultiDict()), content)


async def test_a_redirect_is_not_followed(org: Org, okta: OktaOrg, monkeypatch: pytest.MonkeyPatch) -> None:
    async def redirect(request: web.Request) -> web.Response:
        raise web.HTTPFound("http://127.0.0.1:9/")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", redirect)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    okta.url = URL(f"http://127.0.0.1:{runner.addresses[0][1]}")
    with pytest.raises(MalformedAnswer, match="302"):
        await okta.find_user("x")
    await runner.cleanup()


async def test_reads_are_tried_again_and_writes_are_not(org: Org, okta: OktaOrg) -> None:
    org.switch(api_errors=0.3)
    await asyncio.gather(*(okta.find_user("nobody@example.com") for _ in range(5)))
    org.switch(api_errors=1.0)
    with pytest.raises(NoAnswer):
        await okta.create_user({"login": "x@example.com", "email": "x@example.com"}, HOOK, ())


async def test_logins_with_a_slash_or_a_backslash_are_found(org: Org, okta: OktaOrg) -> None:
    org.add_user("a/b@example.com")
    org.add_user("corp\\b@example.com")
    for login in ("a/b@example.com", "corp\\b@example.com"):
        for typed in (login, login.upper()):
            found = await okta.find_user(typed)
            assert found is not None
            assert found.login == login
    assert await okta.find_user("c/d@example.com") is None


def test_what_we_send_is_what_okta_s_own_sdk_would_send() -> None:
    models = pytest.importorskip("okta.models", reason="Okta's SDK is not installed: pip install '.[okta]'")
    profile = {"login": "j@example.com", "email": "j@example.com", "firstName": "Jessie"}
    ours = new_user(profile, HOOK, ["00g1"])
    theirs = models.CreateUserRequest.from_dict(ours).to_dict()
    theirs["profile"] = {name: value for name, value in theirs["profile"].items() if value is not None}
    assert {name: theirs[name] for name in ours} == ours


def test_an_event_hook_is_written_as_okta_s_own_sdk_would_write_it() -> None:
    models = pytest.importorskip("okta.models", reason="Okta's SDK is not installed: pip install '.[okta]'")
    ours = event_hook("Name", "https://x/okta", HeaderChannel("Authorization", "s3cret"))
    assert _within(ours, models.EventHook.from_dict(ours).to_dict()) == ours


def test_okta_s_own_sdk_loses_the_secret_of_an_inline_hook() -> None:
    """One reason for a client of our own (docs/decisions); if this test fails, the reason no longer exists."""
    models = pytest.importorskip("okta.models", reason="Okta's SDK is not installed: pip install '.[okta]'")
    ours = inline_hook(HookKind.REGISTRATION, "Name", "https://x/okta", HeaderChannel("Authorization", "s3cret"))
    assert "s3cret" not in str(models.InlineHookCreate.from_dict(ours).to_dict())


def _within(ours: object, theirs: object) -> object:
    """Return the part of our request that the SDK kept: it may add members, but must lose none."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return {name: _within(value, theirs.get(name)) for name, value in ours.items()}
    return theirs
