"""The list of unknown logins: bounded, the latest first, and without the probes of `hooks check`."""

import pytest

from service.okta.hooks import probe_login
from service.signin import observations
from service.signin.observations import UnknownLogins


def listed(unknown: UnknownLogins) -> list[tuple[object, object]]:
    return [(one["login"], one["calls"]) for one in unknown.listed()]


def test_each_login_is_listed_once_with_its_calls_the_latest_first() -> None:
    unknown = UnknownLogins()
    for login in ("kim", "jo", "kim", "kim"):
        unknown.note(login)
    assert listed(unknown) == [("kim", 3), ("jo", 1)]


def test_beyond_its_size_the_list_keeps_the_latest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observations, "LISTED", 2)
    unknown = UnknownLogins()
    for login in ("kim", "jo", "kim", "ada"):
        unknown.note(login)
    assert listed(unknown) == [("ada", 1), ("kim", 2)]


def test_a_probe_is_not_listed() -> None:
    unknown = UnknownLogins()
    unknown.note(probe_login())
    assert listed(unknown) == []
