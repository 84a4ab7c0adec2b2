"""Okta's own Python SDK as a test: it parses what the simulated org sends, and works with its API over HTTP."""

import importlib
import warnings
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import pytest
from cryptography.hazmat.primitives import serialization

from simulator import HeaderSecret, Org
from simulator.clients import Client, make_key
from tests.simulator.answering import Api, Service, person
from tests.simulator.test_api_hooks import event, inline

LOGIN = "jessie.smith@example.com"

Sdk: TypeAlias = Any
"""The SDK has types, but loads a thousand models: nothing here imports it before a test runs."""


@pytest.fixture(scope="module")
def okta() -> Sdk:
    """Return the SDK's package. Its import takes seconds, and may cause deprecation warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("okta.client", reason="Okta's SDK isn't installed: pip install okta")
        return importlib.import_module("okta")


@pytest.fixture(scope="module")
def models(okta: Sdk) -> Sdk:
    return importlib.import_module("okta.models")


@pytest.fixture
async def sdk(okta: Sdk, api: Api, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sdk]:
    """Yield the SDK's client for the org. It uses http only if this variable is set."""
    monkeypatch.setenv("OKTA_TESTING_TESTINGDISABLEHTTPSCHECK", "true")
    settings = {"orgUrl": api.org.url, "token": api.org.api_token, "rateLimit": {"maxRetries": 0}}
    async with okta.client.Client(settings) as client:
        yield client


async def test_its_models_read_the_events_that_are_delivered(models: Sdk, hooked: Org, service: Service) -> None:
    hooked.switch(foreign_events=True)
    for password in ("wrong", "password1"):
        await hooked.sign_in(LOGIN, password)
    await hooked.flush_events()
    read = [models.LogEvent.from_dict(members) for members in service.delivered]
    imports = [log for log in read if log.event_type == "user.import.password"]
    assert [log.outcome.result for log in imports] == ["FAILURE", "SUCCESS"]
    user = hooked.users.get(LOGIN)
    assert user is not None
    assert [target.id for target in imports[1].target if target.type == "User"] == [user.id]
    assert imports[1].published.tzinfo is not None


async def test_its_models_read_what_the_password_hook_is_sent(models: Sdk, hooked: Org, service: Service) -> None:
    await hooked.sign_in(LOGIN, "password1")
    (call,) = service.posts("/password")
    request = models.PasswordImportRequest.from_dict(call.body)
    assert request.data.context.credential.username == LOGIN
    assert request.data.action.credential == "UNVERIFIED"


async def test_it_creates_a_user_with_a_hook_and_reads_the_provider(models: Sdk, api: Api, sdk: Sdk) -> None:
    request = models.CreateUserRequest.from_dict(person(LOGIN))
    created, _, error = await sdk.create_user(request, activate=True)
    assert error is None
    assert (created.status.value, created.credentials.provider.type.value) == ("ACTIVE", "IMPORT")
    found, _, _ = await sdk.get_user(LOGIN)
    assert found.id == created.id


async def test_it_reads_a_duplicate_as_e0000001(models: Sdk, api: Api, sdk: Sdk) -> None:
    request = models.CreateUserRequest.from_dict(person(LOGIN))
    await sdk.create_user(request)
    _, _, error = await sdk.create_user(request)
    assert (error.status, error.error_code) == (400, "E0000001")


async def test_it_pages_through_users_by_the_cursor_of_the_link(api: Api, sdk: Sdk) -> None:
    pages = importlib.import_module("okta.pagination").PaginationHelper
    expected = {api.org.add_user(f"user{number}@example.com").id for number in range(5)}
    users, response, _ = await sdk.list_users(limit=2)
    while cursor := pages.extract_next_cursor(response.headers):
        page, response, _ = await sdk.list_users(limit=2, after=cursor)
        users += page
    assert (len(users), {user.id for user in users}) == (5, expected)


async def test_it_sees_the_rate_limit_of_answers_and_refusals(api: Api, sdk: Sdk) -> None:
    api.org.limits.calls["users"] = 2
    _, response, _ = await sdk.list_users()
    assert response.headers["X-Rate-Limit-Remaining"] == "0"
    _, _, error = await sdk.list_users()
    assert (error.status, error.error_code, error.headers["X-Rate-Limit-Remaining"]) == (429, "E0000047", "0")


async def test_it_reads_the_system_log(api: Api, sdk: Sdk) -> None:
    api.org.add_user(LOGIN)
    events, response, error = await sdk.list_log_events(filter='eventType eq "user.lifecycle.create"')
    assert (error, [log.target[0].alternate_id for log in events]) == (None, [LOGIN])
    assert 'rel="next"' in response.headers["Link"]


async def test_it_makes_reads_and_executes_inline_hooks(models: Sdk, api: Api, sdk: Sdk, service: Service) -> None:
    created, _, error = await sdk.create_inline_hook(models.InlineHookCreate.from_dict(inline(service.url)))
    assert (error, created.status.value) == (None, "ACTIVE")
    hooks, _, _ = await sdk.list_inline_hooks(type=created.type.value)
    assert [hook.id for hook in hooks] == [created.id]
    inactive, _, _ = await sdk.deactivate_inline_hook(created.id)
    assert inactive.status.value == "INACTIVE"
    _, response, error = await sdk.delete_inline_hook(created.id)
    assert (error, response.status_code) == (None, 204)


async def test_it_makes_and_verifies_event_hooks(models: Sdk, api: Api, sdk: Sdk, service: Service) -> None:
    created, _, error = await sdk.create_event_hook(models.EventHook.from_dict(event(service.url)))
    assert (error, created.verification_status.value) == (None, "UNVERIFIED")
    verified, _, error = await sdk.verify_event_hook(created.id)
    assert (error, verified.verification_status.value) == (None, "VERIFIED")


async def test_it_gets_tokens_by_a_private_key(okta: Sdk, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKTA_TESTING_TESTINGDISABLEHTTPSCHECK", "true")
    key = make_key(api.org.ids)
    api.org.clients["0oaapp"] = Client("0oaapp", frozenset({"okta.users.read"}), public_key=key.private.public_key())
    pem = key.private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    settings = {
        "orgUrl": api.org.url,
        "authorizationMode": "PrivateKey",
        "clientId": "0oaapp",
        "scopes": ["okta.users.read"],
        "privateKey": pem.decode(),
        "rateLimit": {"maxRetries": 0},
    }
    async with okta.client.Client(settings) as client:
        users, _, error = await client.list_users()
        assert (users, error) == ([], None)
        _, _, refused = await client.list_log_events()
        assert refused.error_code == "E0000006"


async def test_its_models_read_hooks_with_every_way_to_authenticate(models: Sdk, org: Org) -> None:
    org.add_event_hook("https://example.com/events", HeaderSecret("Authorization", "x"))
    for hook in org.event_hooks.values():
        assert models.EventHook.from_dict(hook.to_json(org.url)).channel.config.auth_scheme.key == "Authorization"
    bare = org.set_password_hook("https://example.com/hook")
    assert models.InlineHook.from_dict(bare.to_json(org.url)).channel.config.uri == "https://example.com/hook"
