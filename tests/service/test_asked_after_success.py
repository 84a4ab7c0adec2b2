"""What Okta asks about tombstones is told to the operator after the answer, and not lost when the service ends."""

import asyncio

import pytest
from structlog.testing import capture_logs

from service.accounts.account import Account, State
from service.actions.asked_after_success import AskedAfterSuccess
from service.telemetry import Telemetry

KIM = Account(7, State.MIGRATED, "kim@example.com", ())


@pytest.fixture
def asked() -> AskedAfterSuccess:
    return AskedAfterSuccess(Telemetry())


def test_a_note_is_told_once_and_names_no_login(asked: AskedAfterSuccess) -> None:
    asked.note(KIM, "event")
    with capture_logs() as logs:
        asked.tell()
        asked.tell()
    (line,) = logs
    assert (line["account_id"], line["state"], line["event_id"]) == (7, "migrated", "event")
    assert "kim" not in str(line)


async def test_what_waits_is_told_when_the_service_ends(asked: AskedAfterSuccess) -> None:
    telling = asyncio.create_task(asked.keep_telling())
    await asyncio.sleep(0)
    asked.note(KIM, None)
    telling.cancel()
    with capture_logs() as logs:
        await asyncio.gather(telling, return_exceptions=True)
    assert [line["event"] for line in logs] == ["asked_after_success"]
