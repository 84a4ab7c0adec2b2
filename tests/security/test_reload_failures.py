"""SIGHUP when one of several files is faulty: all secrets or none are replaced, and other settings are unchanged."""

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from service.app import make_app, make_parts, reload
from service.store.database import Database
from simulator import Org, serve
from simulator.hook_oauth import HOOK_SCOPE
from tests.auth.forging import AUDIENCE, CLIENT, SCOPE
from tests.service_fixtures import AUTHORIZATION, PASSWORD, PATIENCE, USER, Add, settings_of

HEADER = b"Authorization"


def given(value: str) -> list[tuple[bytes, bytes]]:
    return [(HEADER, value.encode())]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    inline, events = tmp_path / "inline.json", tmp_path / "events.json"
    inline.write_text('["old-inline-secret"]')
    events.write_text('["old-event-secret"]')
    return inline, events


async def test_secrets_change_all_or_none(database_url: str, database: Database, files: tuple[Path, Path]) -> None:
    inline, events = files
    settings = settings_of(
        database_url=database_url,
        hook_secrets_file=inline,
        event_hook_secrets_file=events,
        basic_auth_user="admin",
        basic_auth_password="supersecret",
    )
    async with make_parts(settings, database) as parts:
        before = parts.inline_authenticator, parts.event_authenticator
        inline.write_text('["new-inline-secret"]')
        events.write_text('["new-event-secret"')
        reload(parts, None)
        assert (parts.inline_authenticator, parts.event_authenticator) == before
        events.write_text('["new-event-secret"]')
        reload(parts, None)
        for authenticator, name in ((parts.inline_authenticator, "inline"), (parts.event_authenticator, "event")):
            assert authenticator(given(f"old-{name}-secret")) == "credentials_wrong"
            assert authenticator(given(f"new-{name}-secret")) != "credentials_wrong"


async def test_a_new_event_secret_is_taken_at_the_signal(
    database_url: str, database: Database, files: tuple[Path, Path]
) -> None:
    _, events = files
    settings = settings_of(database_url=database_url, hook_secrets='["inline-secret"]', event_hook_secrets_file=events)
    async with make_parts(settings, database) as parts:
        events.write_text('["new-event-secret"]')
        reload(parts, None)
        assert parts.event_authenticator(given("old-event-secret")) == "credentials_wrong"
        assert parts.event_authenticator(given("new-event-secret")) != "credentials_wrong"


async def test_dummy_hashes_are_encrypted_again_with_the_keys(
    database_url: str, database: Database, add: Add, tmp_path: Path
) -> None:
    """Their key may be the removed one: unknown logins would be answered 503, unlike known ones."""
    await add("somebody@example.com")
    old, new = (base64.b64encode(bytes([byte]) * 32).decode() for byte in (1, 2))
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"old": old}))
    settings = settings_of(
        database_url=database_url, hash_keys_file=file, basic_auth_user=USER, basic_auth_password=PASSWORD
    )
    async with make_parts(settings, database) as parts, TestServer(make_app(parts)) as server, ClientSession() as http:
        for keys in ({"old": old}, {"new": new, "old": old}, {"new": new}):
            file.write_text(json.dumps(keys))
            reload(parts, None)
            call = {"data": {"context": {"credential": {"username": "nobody@example.com", "password": "x"}}}}
            url, headers = server.make_url("/okta/password-import"), {"Authorization": AUTHORIZATION}
            async with http.post(url, json=call, headers=headers) as answer:
                assert (answer.status, "UNVERIFIED" in await answer.text()) == (200, True)


@pytest.fixture
async def org() -> AsyncIterator[Org]:
    async with Org(seed=1, hook_timeout=PATIENCE, batch_window=0.01) as org, serve(org):
        yield org


async def test_tokens_still_get_in_after_the_signal(org: Org, database_url: str, database: Database) -> None:
    settings = settings_of(
        database_url=database_url,
        oauth_issuer=org.issuer,
        oauth_audience=AUDIENCE,
        oauth_scope=SCOPE,
        event_hook_secrets='["event-secret"]',
    )
    token = org.authorization_server.issue(org.issuer, CLIENT, [SCOPE, HOOK_SCOPE])
    async with make_parts(settings, database) as parts:
        before = parts.inline_authenticator(given(f"Bearer {token}"))
        reload(parts, None)
        assert parts.inline_authenticator(given(f"Bearer {token}")) == before
        assert getattr(before, "kind", None) == "bearer"


async def test_new_hash_keys_are_used_after_the_signal(database_url: str, database: Database, tmp_path: Path) -> None:
    file, key = tmp_path / "keys.json", base64.b64encode(bytes(32)).decode()
    file.write_text(json.dumps({"one": key}))
    file.chmod(0o600)
    settings = settings_of(
        database_url=database_url, basic_auth_user="admin", basic_auth_password="supersecret", hash_keys_file=file
    )
    async with make_parts(settings, database) as parts:
        assert parts.opener.keys.active == "one"
        file.write_text(json.dumps({"two": key, "one": key}))
        reload(parts, None)
        assert parts.opener.keys.active == "two"
