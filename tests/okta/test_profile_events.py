"""Profile events of the System Log: which users must be read again, and when the newest event was published."""

from datetime import UTC, datetime

import pytest

from service.okta.system_log import newest_of, users_to_read_again


def profile_event(*users: str, changed: str | None = None, **more: object) -> dict[str, object]:
    targets: list[object] = [{"id": own, "type": "User", "alternateId": "bob@corp.example"} for own in users]
    return {
        "eventType": "user.account.update_profile",
        "published": "2026-03-01T10:00:00.000Z",
        "actor": {"id": "00uadmin", "type": "User"},
        "debugContext": {"debugData": {} if changed is None else {"changedAttributes": changed}},
        "target": [{"id": "0oa1", "type": "AppInstance"}, *targets],
    } | more


@pytest.mark.parametrize("changed", [None, "", "login", "firstName,login", "Login, email"])
def test_the_users_of_a_profile_event_that_may_change_the_login_are_read_again(changed: str | None) -> None:
    assert users_to_read_again([profile_event("00u1", "00u2", changed=changed)]) == ["00u1", "00u2"]


def test_a_user_of_several_events_is_read_once() -> None:
    assert users_to_read_again([profile_event("00u1"), profile_event("00u2"), profile_event("00u1")]) == [
        "00u1",
        "00u2",
    ]


@pytest.mark.parametrize(
    "item",
    [
        profile_event("00u1", changed="department,title"),
        profile_event("00u1", eventType="user.import.password"),
        profile_event("00u1", target=None),
        profile_event("00u1", target=["00u1", {"type": "User"}, {"type": "User", "id": 1}]),
        profile_event("00u1\0"),
        profile_event(),
        None,
        "user.account.update_profile",
    ],
)
def test_nobody_is_read_again_for_any_other_event(item: object) -> None:
    assert users_to_read_again([item]) == []


def test_the_newest_event_counts_whatever_its_type() -> None:
    late = profile_event("00u1", published="2026-03-02T10:00:00.000Z")
    assert newest_of([late, profile_event("00u2"), {"published": "soon"}, None]) == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert newest_of([]) is None
