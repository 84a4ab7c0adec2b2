"""OAuth on the inline hooks: valid tokens are accepted, forged ones are not, and a missing key is our error."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer
from cryptography.hazmat.primitives.asymmetric import rsa

from service.app import make_app, make_parts
from service.auth.issuer_keys import REFETCH_AFTER, TRUST_FOR, IssuerKeys, IssuerUnreachable
from service.auth.tokens import LEEWAY, MAX_TOKEN, TokenFault, judge, read_keys
from service.settings import BadSettings, Settings, require_authentication
from service.store.database import Database
from service.web.parts import Parts
from service.web.server import CONNECTIONS
from simulator import Org, serve
from simulator.clients import Key
from simulator.hook_oauth import HOOK_SCOPE, use_oauth
from tests.auth.forging import AUDIENCE, CLIENT, FORGED, SCOPE, Issuer, _now
from tests.people import delivery, event, sign_in
from tests.security.serving import serving
from tests.service_fixtures import PASSWORD, PATIENCE, USER, Add, Client, settings_of

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def own() -> Issuer:
    return Issuer("https://example.okta.com/oauth2/default", rsa.generate_private_key(65537, 2048))


def judged(issuer: Issuer, token: bytes) -> int | TokenFault:
    return judge(token, {issuer.kid: issuer.key.public_key()}, issuer.expected)


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_token_is_refused_for_its_own_reason(own: Issuer, name: str) -> None:
    fault, forge = FORGED[name]
    assert judged(own, forge(own)) is fault


def test_a_good_token_is_accepted_and_so_are_two_minutes_of_another_clock(own: Issuer) -> None:
    assert judged(own, own.sign()) == 1
    assert judged(own, own.sign(exp=_now(-LEEWAY + 10))) == 1
    assert judged(own, own.sign(nbf=_now(LEEWAY - 10))) == 1
    assert judged(own, own.sign(aud=["api://other", AUDIENCE])) == 1
    assert judged(own, own.sign({"typ": "at+jwt"}, scp=["openid", SCOPE])) == 1


def test_a_token_longer_than_any_header_is_refused_unread(own: Issuer) -> None:
    assert judged(own, own.sign(more="x" * MAX_TOKEN)) is TokenFault.MALFORMED


def test_keys_that_could_not_sign_with_rs256_are_left_out() -> None:
    good = Key("good", rsa.generate_private_key(65537, 2048)).public_jwk()
    weak = Key("weak", rsa.generate_private_key(65537, 1024)).public_jwk()  # noqa: S505 (the weak one)
    jwks: list[object] = [good, weak, good | {"kid": "enc", "use": "enc"}, good | {"kid": "hs", "alg": "HS256"}]
    jwks += [{"kid": "oct", "kty": "oct", "k": "c2VjcmV0"}, good | {"kid": "bad", "n": "!"}, good | {"kid": 7}, None, 7]
    assert list(read_keys({"keys": jwks})) == ["good"]
    nothing: list[object] = [None, [], {}, {"keys": None}, {"keys": {"kid": "x"}}]
    assert not any(map(read_keys, nothing))


@pytest.fixture
async def org() -> AsyncIterator[Org]:
    async with Org(seed=1, hook_timeout=PATIENCE, batch_window=0.01) as org, serve(org):
        yield org


def oauth_settings(database_url: str, issuer: str, **more: object) -> Settings:
    return settings_of(
        database_url=database_url,
        oauth_issuer=issuer,
        oauth_audience=AUDIENCE,
        oauth_client_id=CLIENT,
        oauth_scope=SCOPE,
        event_hook_secrets='["event-secret"]',
        **more,
    )


@pytest.fixture
async def issuing_parts(org: Org, database_url: str, database: Database) -> AsyncIterator[Parts]:
    async with make_parts(oauth_settings(database_url, org.issuer), database) as parts:
        yield parts


@pytest.fixture
async def guarded(issuing_parts: Parts) -> AsyncIterator[Client]:
    server = TestServer(make_app(issuing_parts))
    await server.start_server(**CONNECTIONS)
    async with TestClient(server) as client:
        yield client


def issued(org: Org) -> str:
    return org.authorization_server.issue(org.issuer, CLIENT, [SCOPE])


async def ask(client: Client, authorization: str, body: bytes | None = None) -> aiohttp.ClientResponse:
    headers = JSON | {"Authorization": authorization}
    return await client.post("/okta/password-import", data=body or sign_in("kim@example.com", "x"), headers=headers)


async def test_the_issuers_token_opens_the_inline_hooks(guarded: Client, org: Org, add: Add) -> None:
    await add("kim@example.com", "right")
    answer = await ask(guarded, f"Bearer {issued(org)}", sign_in("kim@example.com", "right"))
    assert (answer.status, '"VERIFIED"' in await answer.text()) == (200, True)
    assert (await ask(guarded, f"bEARER {issued(org)}")).status == 200


async def test_every_forged_token_is_401_over_http(guarded: Client, org: Org) -> None:
    server = org.authorization_server
    issuer = Issuer(org.issuer, server.key.private, server.key.kid)
    for name, (fault, forge) in FORGED.items():
        answer = await ask(guarded, f"Bearer {forge(issuer).decode()}")
        assert answer.status == 401, name
        assert (await answer.json())["error"]["code"] in (fault.value, "credentials_malformed"), name
        assert answer.headers["WWW-Authenticate"].startswith("Bearer" if name != "nothing" else "Basic"), name


async def test_the_event_hook_takes_no_token(guarded: Client, org: Org) -> None:
    body = delivery(event("e1", "00u1"))
    refused = await guarded.post("/okta/events", data=body, headers={"Authorization": f"Bearer {issued(org)}"})
    taken = await guarded.post("/okta/events", data=body, headers={"Authorization": "event-secret"})
    assert (refused.status, taken.status) == (401, 204)


async def test_header_secrets_and_tokens_are_accepted_side_by_side(
    org: Org, database_url: str, database: Database, add: Add
) -> None:
    await add("kim@example.com", "right")
    both = oauth_settings(database_url, org.issuer, basic_auth_user=USER, basic_auth_password=PASSWORD)
    async with make_parts(both, database) as parts, TestClient(TestServer(make_app(parts))) as client:
        for authorization in (aiohttp.encode_basic_auth(USER, PASSWORD), f"Bearer {issued(org)}"):
            assert (await ask(client, authorization)).status == 200
        exposition = parts.telemetry.exposition().decode()
    for kind in ("basic", "bearer"):
        assert f'password_import_credentials_total{{kind="{kind}",position="1",route="/okta/password-import"}} 1.0' in (
            exposition
        )


async def test_a_rotated_key_is_found_at_its_first_token_and_a_withdrawn_one_is_refused(
    guarded: Client, issuing_parts: Parts, org: Org, add: Add
) -> None:
    await add("kim@example.com", "right")
    old = issued(org)
    assert (await ask(guarded, f"Bearer {old}")).status == 200
    org.authorization_server.rotate(keep_old=False)
    pass_time(issuing_parts, REFETCH_AFTER)
    assert (await ask(guarded, f"Bearer {issued(org)}")).status == 200
    assert (await ask(guarded, f"Bearer {old}")).status == 401


async def test_a_thousand_unknown_keys_cost_the_issuer_one_question(
    guarded: Client, issuing_parts: Parts, org: Org
) -> None:
    keys = issuing_parts.issuer_keys
    assert keys is not None
    assert keys.fetches == 1
    pass_time(issuing_parts, REFETCH_AFTER)
    issuer = Issuer(org.issuer, org.authorization_server.key.private)
    tokens = [issuer.sign({"kid": f"unknown {number}"}).decode() for number in range(20)]
    started = asyncio.get_running_loop().time()
    answers = await asyncio.gather(*(ask(guarded, f"Bearer {token}") for token in tokens * 50))
    assert {answer.status for answer in answers} == {401}
    # One more if a busy machine takes so long for the thousand that another request is due.
    due = 1 + (asyncio.get_running_loop().time() - started) // REFETCH_AFTER
    assert 1 <= keys.fetches - 1 <= due


async def test_without_the_issuers_keys_a_token_is_503_and_the_service_not_ready(
    database_url: str, database: Database, add: Add
) -> None:
    await add("kim@example.com", "right")
    nobody = "http://127.0.0.1:9/oauth2/default"
    token = Issuer(nobody, rsa.generate_private_key(65537, 2048)).sign().decode()
    settings = oauth_settings(database_url, nobody)
    async with make_parts(settings, database) as parts, TestClient(TestServer(make_app(parts))) as client:
        answer = await ask(client, f"Bearer {token}")
        assert (answer.status, (await answer.json())["error"]["code"]) == (503, "issuer_keys_away")
        assert (await ask(client, "Bearer nonsense")).status == 401
        ready = await client.get("/readyz")
        assert (await ready.json())["missing"] == ["the keys of OAUTH_ISSUER can't be had"]


async def test_keys_that_nobody_confirmed_for_a_day_are_no_longer_believed(org: Org) -> None:
    moment = 0.0
    keys = IssuerKeys(org.issuer, clock=lambda: moment)
    await keys.open()
    assert keys.keys
    moment = TRUST_FOR
    assert not keys.keys
    await keys.close()


async def test_an_issuer_that_calls_itself_otherwise_gives_no_keys(org: Org) -> None:
    keys = IssuerKeys(org.issuer.replace("127.0.0.1", "localhost"))
    with pytest.raises(IssuerUnreachable):
        await keys.renew()


async def test_the_simulated_org_signs_people_in_by_oauth_alone_across_a_rotation(
    org: Org, database_url: str, database: Database, add: Add
) -> None:
    await add("kim@example.com", "right")
    settings = settings_of(
        database_url=database_url,
        oauth_issuer=org.issuer,
        oauth_audience=AUDIENCE,
        oauth_scope=HOOK_SCOPE,
        event_hook_secrets='["event-secret"]',
    )
    async with make_parts(settings, database) as parts, serving(parts) as url:
        org.set_password_hook(str(url / "okta/password-import"))
        use_oauth(org, "private_key_jwt")
        org.add_user("kim@example.com")
        assert not (await org.sign_in("kim@example.com", "wrong")).imported
        org.authorization_server.rotate(keep_old=False)
        org.hook_tokens.clear()
        pass_time(parts, REFETCH_AFTER)
        assert (await org.sign_in("kim@example.com", "right")).imported


def pass_time(parts: Parts, seconds: float) -> None:
    """Let the keys become older by some seconds."""
    keys = parts.issuer_keys
    assert keys is not None
    clock = keys._clock
    keys._clock = lambda: clock() + seconds


@pytest.mark.parametrize(
    "given,fault",
    [
        ({"oauth_issuer": "https://x.example/oauth2/default"}, "OAUTH_ISSUER and OAUTH_AUDIENCE go together"),
        ({"oauth_issuer": "http://x.example", "oauth_audience": "a", "oauth_scope": "s"}, "must be an https URL"),
        ({"oauth_issuer": "https://x.example?a", "oauth_audience": "a", "oauth_scope": "s"}, "must be an https URL"),
        ({"oauth_issuer": "https://x.example", "oauth_audience": "a"}, "needs OAUTH_CLIENT_ID or OAUTH_SCOPE"),
    ],
)
def test_a_half_set_oauth_is_refused_at_start(given: dict[str, str], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        settings_of(**given)


def test_with_oauth_alone_the_event_hook_would_stand_open_to_nobody() -> None:
    with pytest.raises(BadSettings, match="EVENT_HOOK_SECRETS"):
        require_authentication(settings_of(oauth_issuer="https://x.example", oauth_audience="a", oauth_scope="s"))
