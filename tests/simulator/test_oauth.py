"""OAuth at the simulated org: tokens for its API, tokens for hooks, and keys that rotate."""

from typing import Any

import jwt
import pytest

from simulator import OAuthClient, Org, Outcome
from simulator.clients import ASSERTION_TYPE, Client, Key, make_key, sign_assertion
from simulator.hook_oauth import use_oauth
from tests.simulator.answering import Api, Service

LOGIN = "jessie.smith@example.com"
SCOPE = "hooks"


@pytest.fixture
def key(org: Org) -> Key:
    return make_key(org.ids)


@pytest.fixture
def app(org: Org, key: Key) -> Client:
    client = Client("0oaclient", frozenset({SCOPE, "okta.users.read"}), "s3cret", key.private.public_key())
    org.clients[client.id] = client
    return client


async def token(api: Api, path: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
    async with api.session.post(f"{api.org.url}{path}", data={"grant_type": "client_credentials"} | form) as response:
        return response.status, await response.json()


def secret_form(**changes: str) -> dict[str, str]:
    return {"client_id": "0oaclient", "client_secret": "s3cret", "scope": SCOPE} | changes


async def verified(api: Api, issued: str) -> dict[str, Any]:
    """Verify a token as a service would: metadata, JWKS, signature, claims."""
    async with api.session.get(f"{api.org.issuer}/.well-known/oauth-authorization-server") as response:
        metadata = await response.json()
    async with api.session.get(metadata["jwks_uri"]) as response:
        keys = jwt.PyJWKSet.from_dict(await response.json())
    signing = keys[jwt.get_unverified_header(issued)["kid"]]
    claims: dict[str, Any] = jwt.decode(
        issued, signing.key, algorithms=["RS256"], audience="api://default", issuer=metadata["issuer"]
    )
    return claims


async def test_a_token_for_hooks_says_client_and_scopes_and_can_be_verified(api: Api, app: Client) -> None:
    status, members = await token(api, "/oauth2/default/v1/token", secret_form())
    claims = await verified(api, members["access_token"])
    assert (status, claims["cid"], claims["sub"], claims["scp"]) == (200, app.id, app.id, [SCOPE])
    assert "uid" not in claims


async def test_rotated_keys_verify_new_and_old_tokens_until_an_emergency(api: Api, app: Client) -> None:
    server = api.org.authorization_server
    old = server.issue(api.org.issuer, app.id, [SCOPE])
    server.rotate()
    new = server.issue(api.org.issuer, app.id, [SCOPE])
    for issued in (old, new):
        assert (await verified(api, issued))["cid"] == app.id
    server.rotate(keep_old=False)
    with pytest.raises(KeyError):
        await verified(api, old)


@pytest.mark.parametrize(
    "changes, status, error",
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "0oanobody"}, 401, "invalid_client"),
        ({"scope": "okta.logs.read"}, 400, "invalid_scope"),
        ({"scope": ""}, 400, "invalid_scope"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
async def test_a_token_is_refused_in_oauth_s_words(
    api: Api, app: Client, changes: dict[str, str], status: int, error: str
) -> None:
    answered, members = await token(api, "/oauth2/default/v1/token", secret_form(**changes))
    assert (answered, members["error"]) == (status, error)


async def test_the_management_api_takes_tokens_with_the_scope_for_what_is_done(api: Api, app: Client, key: Key) -> None:
    assertion = sign_assertion(key, app.id, f"{api.org.url}/oauth2/v1/token")
    form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion, "scope": "okta.users.read"}
    status, members = await token(api, "/oauth2/v1/token", form)
    assert (status, members["token_type"]) == (200, "Bearer")
    bearer = f"Bearer {members['access_token']}"
    assert (await api("GET", "users", token=bearer))[0] == 200
    for method, path in (("POST", "users"), ("GET", "logs")):
        answered, error = await api(method, path, token=bearer)
        assert (answered, error["errorCode"]) == (403, "E0000006")


async def test_the_management_api_s_tokens_need_the_client_s_own_key(api: Api, app: Client) -> None:
    stranger = make_key(api.org.ids)
    assertion = sign_assertion(stranger, app.id, f"{api.org.url}/oauth2/v1/token")
    form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion, "scope": "okta.users.read"}
    assert (await token(api, "/oauth2/v1/token", form))[0] == 401
    assert (await token(api, "/oauth2/v1/token", secret_form(scope="okta.users.read")))[0] == 401


@pytest.mark.parametrize("auth_type", ["client_secret_post", "private_key_jwt"])
async def test_a_hook_with_oauth_is_called_with_a_token_that_is_kept(
    api: Api, app: Client, key: Key, service: Service, auth_type: str
) -> None:
    org = api.org
    org.hook_keys["HKYkey"] = key
    oauth = OAuthClient(auth_type, app.id, f"{org.issuer}/v1/token", SCOPE, app.secret, "HKYkey")
    org.set_password_hook(f"{service.url}/password", oauth=oauth)
    org.add_user(LOGIN)
    for password in ("wrong", "password1"):
        await org.sign_in(LOGIN, password)
    bearers = [call.headers["Authorization"].removeprefix("Bearer ") for call in service.posts("/password")]
    assert len(bearers) == 2
    assert bearers[0] == bearers[1]
    assert (await verified(api, bearers[0]))["cid"] == app.id


async def test_without_a_token_to_be_had_the_sign_in_fails(api: Api, service: Service) -> None:
    org = api.org
    oauth = OAuthClient("client_secret_post", "0oanobody", f"{org.issuer}/v1/token", SCOPE, "x")
    org.set_password_hook(f"{service.url}/password", oauth=oauth)
    org.add_user(LOGIN)
    assert (await org.sign_in(LOGIN, "password1")).outcome is Outcome.HOOK_FAILED
    assert service.calls == []


async def test_a_hook_key_is_made_by_the_api_and_its_public_half_shown(api: Api) -> None:
    status, made = await api("POST", "hook-keys", {"name": "My key"})
    assert (status, made["_embedded"]["kty"]) == (200, "RSA")
    assert "d" not in made["_embedded"]
    assert (await api("GET", f"hook-keys/public/{made['keyId']}"))[1] == made["_embedded"]


async def test_no_token_or_secret_is_kept_in_the_transcript(api: Api, app: Client) -> None:
    api.org.transcript._reveal = False
    _, members = await token(api, "/oauth2/default/v1/token", secret_form())
    progress = "".join(map(str, api.org.transcript))
    assert members["access_token"] not in progress
    assert "s3cret" not in progress
    assert "0oaclient" in progress


@pytest.mark.parametrize("auth_type", ["client_secret_post", "private_key_jwt"])
async def test_all_inline_hooks_can_be_put_on_oauth_at_once(api: Api, service: Service, auth_type: str) -> None:
    api.org.set_password_hook(f"{service.url}/password")
    client = use_oauth(api.org, auth_type)
    api.org.add_user(LOGIN)
    assert (await api.org.sign_in(LOGIN, "password1")).imported
    (call,) = service.posts("/password")
    claims = await verified(api, call.headers["Authorization"].removeprefix("Bearer "))
    assert (claims["cid"], claims["scp"]) == (client.id, ["hooks"])
