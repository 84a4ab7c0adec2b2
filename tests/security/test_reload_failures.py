"""SIGHUP when one of several files is faulty: all secrets or none are replaced, and other settings are unchanged."""

import base64
import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import BaseTestServer, TestServer

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


def _writes(text: str) -> Callable[[Path], object]:
    return lambda file: file.write_text(text)


def _becomes_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _becomes_a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file, 0o600)


def _becomes_a_dangling_link(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.with_name("missing"))


def _becomes_writable_by_all(file: Path) -> None:
    file.write_text('["leaked-secret"]')
    file.chmod(0o602)


FAULTS: dict[str, Callable[[Path], object]] = {
    "emptied": _writes(""),
    "blank": _writes(" \n"),
    "half-written": _writes('["leaked-secret", "old-event-'),
    "without a secret": _writes("[]"),
    "an object": _writes('{"leaked-secret": "leaked-secret"}'),
    "numbers": _writes("[12345678901]"),
    "nested deeply": _writes('["leaked-secret",' + "[" * 100_000),
    "a number of many digits": _writes("[" + "9" * 10_000 + "]"),
    "a short secret": _writes('["leaked-secret", "short12"]'),
    "a blank secret": _writes('["leaked-secret", ""]'),
    "a padded secret": _writes('["leaked-secret\\n"]'),
    "a control character": _writes('["leaked-\\u0000secret"]'),
    "a lone surrogate": _writes('["leaked-secret", "\\ud800"]'),
    "not UTF-8": lambda file: file.write_bytes(b'["leaked-secret\xff"]'),
    "removed": Path.unlink,
    "a folder": _becomes_a_folder,
    "a pipe": _becomes_a_pipe,
    "a dangling link": _becomes_a_dangling_link,
    "writable by all": _becomes_writable_by_all,
}
"""What can become of a file of secrets, by name."""

INLINE_FAULTS = FAULTS | {
    "the event secret": _writes('["leaked-secret", "old-event-secret"]'),
    "the event secret as a token": _writes('["leaked-secret", "Bearer old-event-secret"]'),
}
EVENT_FAULTS = FAULTS | {
    "the inline secret": _writes('["leaked-secret", "old-inline-secret"]'),
    "the inline secret as a token": _writes('["leaked-secret", "Bearer old-inline-secret"]'),
    "the pair": _writes(json.dumps(["leaked-secret", AUTHORIZATION])),
    "the pair of another user": _writes(
        json.dumps(["leaked-secret", "basic " + base64.b64encode(f"other:{PASSWORD}".encode()).decode()])
    ),
}
CALLS = {"inline": "/okta/registration", "event": "/okta/events"}


async def accepted_by(http: ClientSession, server: BaseTestServer, path: str) -> set[str]:
    """Return which of all credentials open a route."""
    found = set()
    for secret in ("old-inline-secret", "old-event-secret", "leaked-secret", AUTHORIZATION):
        async with http.post(server.make_url(path), data=b"{}", headers={"Authorization": secret}) as answer:
            if answer.status != 401:
                found.add(secret)
    return found


@pytest.mark.parametrize(
    "which, fault",
    [
        *[pytest.param(0, fault, id=f"inline: {name}") for name, fault in INLINE_FAULTS.items()],
        *[pytest.param(1, fault, id=f"events: {name}") for name, fault in EVENT_FAULTS.items()],
    ],
)
async def test_a_faulty_file_of_secrets_leaves_the_old_ones_and_opens_no_route(
    database_url: str,
    database: Database,
    files: tuple[Path, Path],
    which: int,
    fault: Callable[[Path], object],
    capfd: pytest.CaptureFixture[str],
) -> None:
    settings = settings_of(
        database_url=database_url,
        hook_secrets_file=files[0],
        event_hook_secrets_file=files[1],
        basic_auth_user=USER,
        basic_auth_password=PASSWORD,
    )
    async with make_parts(settings, database) as parts, TestServer(make_app(parts)) as server, ClientSession() as http:
        fault(files[which])
        capfd.readouterr()
        reload(parts, None)
        logged = "".join(capfd.readouterr())
        assert await accepted_by(http, server, CALLS["inline"]) == {"old-inline-secret", AUTHORIZATION}
        assert await accepted_by(http, server, CALLS["event"]) == {"old-event-secret"}
        assert 'reloads_total{name="secrets",outcome="failed"} 1.0' in parts.telemetry.exposition().decode()
        assert 'reloads_total{name="hash_keys",outcome="done"} 1.0' in parts.telemetry.exposition().decode()
    assert "reload_failed" in logged
    assert not [secret for secret in ("leaked", "old-inline", "old-event", PASSWORD) if secret in logged]


KEY_FAULTS: dict[str, Callable[[Path], object]] = {
    "emptied": _writes(""),
    "half-written": _writes('{"new": "AAEC'),
    "without a key": _writes("{}"),
    "an empty list": _writes("[]"),
    "nested deeply": _writes('{"new":' * 100_000),
    "a short key": _writes('{"new": "AAECAwQF"}'),
    "removed": Path.unlink,
    "a pipe": _becomes_a_pipe,
    "writable by all": lambda file: file.chmod(0o602),
}


@pytest.mark.parametrize("fault", KEY_FAULTS.values(), ids=KEY_FAULTS)
async def test_a_faulty_file_of_hash_keys_leaves_the_old_keys(
    database_url: str, database: Database, tmp_path: Path, fault: Callable[[Path], object]
) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"old": base64.b64encode(bytes(32)).decode()}))
    settings = settings_of(
        database_url=database_url, basic_auth_user=USER, basic_auth_password=PASSWORD, hash_keys_file=file
    )
    async with make_parts(settings, database) as parts:
        fault(file)
        reload(parts, None)
        assert parts.opener.keys.active == "old"
        assert 'reloads_total{name="hash_keys",outcome="failed"} 1.0' in parts.telemetry.exposition().decode()


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
