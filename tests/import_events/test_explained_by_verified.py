"""Which import events delete a hash: the rule alone, with invented accounts and events."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest

from service.import_events.decide import Effect, decide
from service.okta.events import ImportEvent, parse_delivery
from service.settings import ForgetWhen
from service.store.accounts import Match, State
from tests.people import event

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def match(verified_at: datetime | None, state: State = State.VERIFIED) -> Match:
    return Match(7, "kim@example.com", None, state, verified_at)


def effect(
    verified_at: datetime | None, published: datetime | None, *, now: datetime = NOW, outcome: str = "SUCCESS"
) -> Effect:
    success = ImportEvent("e1", "00u1kim", "kim@example.com", outcome, None, published, None)
    (decision,) = decide([success], [match(verified_at)], ForgetWhen.VERIFIED, now)
    return decision.effect


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


@pytest.mark.parametrize(
    "late, expected",
    [
        (minutes(-60), Effect.MIGRATED),
        (minutes(0), Effect.MIGRATED),
        (minutes(4), Effect.MIGRATED),
        (minutes(5), Effect.MIGRATED),
        (minutes(6), Effect.UNEXPLAINED),
        (minutes(60), Effect.UNEXPLAINED),
    ],
)
def test_a_verified_up_to_five_minutes_after_the_success_explains_it(late: timedelta, expected: Effect) -> None:
    assert effect(NOW + late, NOW) is expected


def test_without_a_verified_no_success_is_explained() -> None:
    assert effect(None, NOW) is Effect.UNEXPLAINED


@pytest.mark.parametrize("late, expected", [(minutes(4), Effect.MIGRATED), (minutes(6), Effect.UNEXPLAINED)])
def test_a_success_without_a_time_is_taken_as_of_now(late: timedelta, expected: Effect) -> None:
    assert effect(NOW + late, None) is expected


def test_a_failure_keeps_the_hash_however_well_it_is_explained() -> None:
    assert effect(NOW, NOW, outcome="FAILURE") is Effect.KEPT


@pytest.fixture(params=["UTC", "Asia/Tokyo", "America/Los_Angeles"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Yield the time zone of the process."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


def published(text: str) -> datetime | None:
    body = json.dumps({"data": {"events": [event("e1", "00u1kim", published=text)]}}).encode()
    (read,) = parse_delivery(body).events
    assert isinstance(read, ImportEvent)
    return read.published


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize("text", ["2026-03-02T09:00:00", "2026-03-02T09:00:00.000", "2026-03-02 09:00", "2026-03-02"])
def test_a_time_without_a_zone_is_none_wherever_the_service_runs(text: str) -> None:
    assert published(text) is None


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize("text", ["2026-03-02T09:00:00Z", "2026-03-02T09:00:00.000+00:00", "2026-03-02T11:00:00+02:00"])
def test_a_time_with_a_zone_is_the_same_wherever_the_service_runs(text: str) -> None:
    read = published(text)
    assert read == NOW
    assert read.tzinfo is UTC


def test_times_of_any_zone_are_compared_as_moments() -> None:
    west = timezone(timedelta(hours=-8))
    assert effect((NOW + minutes(4)).astimezone(west), NOW) is Effect.MIGRATED
    assert effect((NOW + minutes(6)).astimezone(west), NOW) is Effect.UNEXPLAINED
