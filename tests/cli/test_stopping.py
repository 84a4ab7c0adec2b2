"""Long work that is stopped reports what it has done; work that another process does is reported, not waited for."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from service.cli.errors import DONE, CommandFailed
from service.cli.okta_options import print_warning
from service.cli.provision import Options, _create
from service.cli.provision import report_lines as provision_lines
from service.cli.reconcile import _Options, _reconcile, _run_once
from service.cli.reconcile import report_lines as reconcile_lines
from service.okta.users import OktaUser
from service.provisioning.queries import Choice
from service.provisioning.rules import Outcome
from service.reconciliation.queries import find_reread
from service.settings import ForgetWhen
from service.store.database import Database
from service.store.encryption import HashKeys
from service.store.leases import RECONCILE, acquire, hold_lease
from tests.people import event
from tests.provisioning.test_provision_failures import FakeOrg as CreatingOrg
from tests.reconciliation.org import FakeOrg
from tests.service_fixtures import Add, settings_of

KIM = "kim@example.com"
SIGNALS = [signal.SIGINT, signal.SIGTERM]


async def stopped_by(number: int) -> None:
    os.kill(os.getpid(), number)
    await asyncio.Event().wait()


class StoppedWhileComparing(FakeOrg):
    """An org that receives the signal while its users are read."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    async def list_users(self, asked: str | None = None) -> AsyncIterator[list[OktaUser]]:
        await stopped_by(self.number)
        async for users in super().list_users(asked):
            yield users


class StoppedWhileCreating(CreatingOrg):
    """An org that creates one user before the signal."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    async def find_group(self, _name: str) -> str | None:
        return None

    async def create_user(
        self, profile: Mapping[str, Any], password: Mapping[str, Any], groups: Sequence[str]
    ) -> OktaUser:
        if self.users:
            await stopped_by(self.number)
        return await super().create_user(profile, password, groups)


@pytest.mark.parametrize("number", SIGNALS)
async def test_a_reconciliation_that_is_stopped_tells_what_it_has_read(
    database: Database, add: Add, number: signal.Signals
) -> None:
    await add(KIM, okta_id="00u-kim")
    org = StoppedWhileComparing(number)
    org.pages = [[event("e1", "00u-kim", KIM)]]
    options = _Options(users=True, allow_missing=False, share=1.0)
    report, code = await _run_once(database, org, ForgetWhen.SUCCESS, None, options)  # type: ignore[arg-type]
    assert code == 128 + number
    first, *effects = reconcile_lines(report)
    assert (first.partition(" since ")[0], effects) == ("1 import event read", ["  migrated: 1"])


@pytest.mark.parametrize("number", SIGNALS)
async def test_a_provisioning_that_is_stopped_tells_what_it_has_created(
    database: Database, add: Add, pool: asyncpg.Pool, tmp_path: Path, number: signal.Signals
) -> None:
    for each in range(3):
        await add(f"user{each}@example.com")
    options = Options(
        dry_run=False, group=None, attributes=None, direct=False, share=1.0, concurrency=1, limit=None,
        report=tmp_path / "refused.csv", corrected=None, base_url=None, keep_going=False,
    )  # fmt: skip
    org: Any = StoppedWhileCreating(number)
    totals, refused, code = await _create(database, org, Choice(), options, HashKeys({}), ForgetWhen.SUCCESS)
    assert (code, refused, totals.outcomes[Outcome.CREATED]) == (128 + number, 0, 1)
    assert "  created: 1" in list(provision_lines(totals, refused, options.report, dry_run=False))
    assert await pool.fetchval("SELECT count(*) FROM provisionings WHERE outcome = 'created'") == 1


SINCE = datetime(2026, 11, 20, 10, tzinfo=UTC)
ALL = _Options(users=True, allow_missing=False, share=1.0)


async def test_since_beside_a_follower_lets_the_follower_read_again_and_says_so(
    database: Database, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_of(
        database_url=database_url, okta_client_orgurl="https://example.okta.com", okta_client_token="t" * 20
    )
    async with hold_lease(database, RECONCILE, life=timedelta(seconds=3)):  # renewed each second
        with pytest.raises(CommandFailed, match=r"reads the log again from 2026-11-20 10:00 UTC.*or stop it") as told:
            await _reconcile(settings, SINCE, ALL)
    assert told.value.code == DONE
    assert "is asked to read the log again" in capsys.readouterr().err
    async with database.connection() as connection:
        assert await find_reread(connection) == SINCE


async def test_since_after_a_follower_died_reads_the_log_once_its_lease_has_expired(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run_once(_fenced: Database, _org: object, _when: object, since: datetime, _options: object) -> object:
        return since, DONE

    monkeypatch.setattr(sys.modules[_reconcile.__module__], "_run_once", run_once)
    settings = settings_of(
        database_url=database_url, okta_client_orgurl="https://example.okta.com", okta_client_token="t" * 20
    )
    async with database.transaction() as connection:
        assert await acquire(connection, RECONCILE, "a dead process", timedelta(seconds=1))
    found: object = await _reconcile(settings, SINCE, ALL)
    assert found == (SINCE, DONE)


def test_a_warning_that_may_come_again_has_its_time(capsys: pytest.CaptureFixture[str]) -> None:
    print_warning("Okta is in read-only mode; waiting until it ends")
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d Okta is in read-only mode; waiting until it ends\n", capsys.readouterr().err
    )
