"""SIGHUP: secrets and policy are read again, a faulty file changes nothing, and the metrics show a rotation."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from service.app import make_parts, reload
from service.store.database import Database
from service.store.migrations import ROOT
from tests.people import sign_in
from tests.security.serving import call, serving, wire
from tests.service_fixtures import Add, settings_of

GUIDE = ROOT / "examples" / "registration" / "guide.toml"
NOBODY = sign_in("nobody@example.com", "wrong")


async def test_secrets_rotate_without_a_gap_and_a_faulty_file_keeps_the_old_ones(
    tmp_path: Path, database_url: str, database: Database, add: Add
) -> None:
    await add("kim@example.com", "right")
    file = tmp_path / "secrets.json"
    file.write_text('["old-secret"]')
    settings = settings_of(database_url=database_url, hook_secrets_file=file)
    async with make_parts(settings, database) as parts, serving(parts) as url:

        async def statuses() -> list[int]:
            found = []
            for secret in ("old-secret", "new-secret"):
                async with wire(url) as connection:
                    answer = await connection.ask(call(NOBODY, Authorization=secret))
                    assert answer is not None
                    found.append(answer.status)
            return found

        for content, expected in (
            (None, [200, 401]),
            ('["new-secret", "old-secret"]', [200, 200]),
            ('["new-secret"', [200, 200]),
            ('["new-secret", " "]', [200, 200]),
            ('["new-secret", "\\ud800"]', [200, 200]),
            ("[]", [200, 200]),
            ('["new-secret"]', [401, 200]),
        ):
            if content is not None:
                file.write_text(content)
                reload(parts, None)
            assert await statuses() == expected, content
        exposition = parts.telemetry.exposition().decode()
    route = 'route="/okta/password-import"'
    assert f'credentials_total{{kind="secret",position="2",{route}}} 5.0' in exposition
    assert 'reloads_total{name="secrets",outcome="failed"} 4.0' in exposition
    assert "secret-" not in exposition


async def test_a_policy_is_exchanged_and_a_faulty_one_is_not(
    tmp_path: Path, database_url: str, database: Database
) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(GUIDE.read_text())
    settings = settings_of(database_url=database_url, hook_secrets='["some-secret"]', registration_policy=str(file))
    async with make_parts(settings, database) as parts:
        before = parts.screener.policy
        file.write_text("nonsense = [")
        reload(parts, None)
        assert parts.screener.policy is before
        file.write_text(GUIDE.read_text())
        reload(parts, None)
        assert parts.screener.policy is not before


async def test_a_policy_whose_file_is_gone_stays_and_is_told(
    tmp_path: Path, database_url: str, database: Database
) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(GUIDE.read_text())
    settings = settings_of(database_url=database_url, hook_secrets='["some-secret"]', registration_policy=str(file))
    async with make_parts(settings, database) as parts:
        before = parts.screener.policy
        file.unlink()
        reload(parts, None)
        assert parts.screener.policy is before
        assert 'reloads_total{name="policy",outcome="failed"} 1.0' in parts.telemetry.exposition().decode()


async def test_a_policy_in_python_is_imported_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str, database: Database
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "policy_to_reload.py"
    file.write_text("async def screen(request): return 1\n")
    settings = settings_of(
        database_url=database_url, hook_secrets='["some-secret"]', registration_policy="policy_to_reload:screen"
    )
    async with make_parts(settings, database) as parts:
        before = parts.screener.policy
        file.write_text("def screen(request): return 1\n")
        reload(parts, None)
        assert parts.screener.policy is before
        file.write_text("async def screen(request): return 2\n")
        reload(parts, None)
        assert parts.screener.policy is not before


@pytest.mark.parametrize("signal_number", [signal.SIGHUP])
async def test_the_running_service_reads_its_secrets_again_at_the_signal(
    tmp_path: Path, database_url: str, signal_number: signal.Signals
) -> None:
    file = tmp_path / "secrets.json"
    file.write_text('["old-secret"]')
    environment = os.environ | {
        "DATABASE_URL": database_url,
        "HOOK_SECRETS_FILE": str(file),
        "PORT": "0",
        "ADMIN_PORT": "0",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "service", "serve", stderr=asyncio.subprocess.PIPE, env=environment
    )
    assert process.stderr is not None
    try:
        url = await said(process.stderr, "listening", "url")
        await said(process.stderr, "listening", "url")  # the admin's
        file.write_text('["new-secret"]')
        process.send_signal(signal_number)
        await said(process.stderr, "reloaded", "name")
        async with aiohttp.ClientSession(url) as session:
            for secret, status in (("old-secret", 401), ("new-secret", 404)):
                answer = await session.get("/okta/nothing", headers={"Authorization": secret})
                assert answer.status == status
    finally:
        process.terminate()
        await process.wait()
    assert process.returncode == 0


async def said(stream: asyncio.StreamReader, event: str, field: str) -> str:
    """Return a field of the next line of this event in the log."""
    while line := await stream.readline():
        entry = json.loads(line)
        if entry["event"] == event:
            return str(entry[field])
    raise AssertionError(event)
