"""What Okta asks about tombstones is reported to the operator after the answer, and not lost when the service stops."""

import asyncio
import itertools

import pytest
from structlog.testing import capture_logs

from service.signin.observations import REPORTED_AT_ONCE, SignInsAfterMigration
from service.store.accounts import Account, State
from service.telemetry import Telemetry

KIM = Account(7, State.MIGRATED, "kim@example.com", ())


@pytest.fixture
def asked() -> SignInsAfterMigration:
    return SignInsAfterMigration(Telemetry())


def test_a_note_is_told_once_and_names_no_login(asked: SignInsAfterMigration) -> None:
    asked.note(KIM, "event")
    with capture_logs() as logs:
        asked.report()
        asked.report()
    (line,) = logs
    assert (line["account_id"], line["state"], line["event_id"]) == (7, "migrated", "event")
    assert "kim" not in str(line)


async def test_what_waits_is_told_when_the_service_ends(asked: SignInsAfterMigration) -> None:
    telling = asyncio.create_task(asked.keep_reporting())
    await asyncio.sleep(0)
    asked.note(KIM, None)
    telling.cancel()
    with capture_logs() as logs:
        await asyncio.gather(telling, return_exceptions=True)
    assert [line["event"] for line in logs] == ["sign_in_after_migration"]


async def test_many_notes_are_told_in_order_and_not_in_one_go(
    asked: SignInsAfterMigration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.signin.observations.REPORT_EVERY", 0)
    events = [str(number) for number in range(3 * REPORTED_AT_ONCE)]
    for event in events:
        asked.note(KIM, event)
    progress = [0]
    with capture_logs() as logs:
        telling = asyncio.create_task(asked.keep_reporting())
        while len(logs) < len(events):
            await asyncio.sleep(0)
            progress.append(len(logs))
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
    assert max(after - before for before, after in itertools.pairwise(progress)) == REPORTED_AT_ONCE
    assert [line["event_id"] for line in logs] == events
