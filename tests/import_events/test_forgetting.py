"""Which import event deletes which account's hash: the rule alone, with invented events and accounts."""

from datetime import UTC, datetime, timedelta

import pytest

from service.import_events.decide import Effect, decide
from service.okta.events import ImportEvent
from service.settings import ForgetWhen
from service.store.accounts import Match, State

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
KIM = "kim@example.com"


def event(
    uuid: str, user_id: str | None, login: str | None, outcome: str = "SUCCESS", published: datetime | None = NOW
) -> ImportEvent:
    return ImportEvent(uuid, user_id, login, outcome, None, published, None)


def account(okta_id: str | None = None, verified_at: datetime | None = None, state: State = State.WAITING) -> Match:
    return Match(1, KIM, okta_id, state, verified_at)


def effects(
    *events: ImportEvent, match: Match, forget_when: ForgetWhen = ForgetWhen.SUCCESS, now: datetime = NOW
) -> list[Effect]:
    return [each.effect for each in decide(events, [match], forget_when, now)]


def test_an_event_with_a_login_only_never_means_an_account_with_an_okta_id() -> None:
    assert effects(event("e1", None, KIM), match=account("00u1")) == [Effect.MISMATCH]


def test_an_event_with_a_login_only_means_an_account_without_an_okta_id_and_binds_nothing() -> None:
    (decision,) = decide([event("e1", None, KIM)], [account()], ForgetWhen.SUCCESS, NOW)
    assert (decision.effect, decision.account_id, decision.binds) == (Effect.MIGRATED, 1, None)


@pytest.mark.parametrize("unbound_first", [True, False])
def test_of_two_accounts_with_one_login_an_event_means_the_one_without_an_okta_id(unbound_first: bool) -> None:
    unbound, renamed = account(), Match(2, "other@example.com", "00u2", State.WAITING, None, okta_login_key=KIM)
    matches = [unbound, renamed] if unbound_first else [renamed, unbound]
    (decision,) = decide([event("e1", "00u1", KIM)], matches, ForgetWhen.SUCCESS, NOW)
    assert (decision.effect, decision.account_id, decision.binds) == (Effect.MIGRATED, 1, "00u1")


def test_an_account_bound_by_an_event_is_found_by_its_okta_id_in_the_same_batch() -> None:
    binding, renamed = event("e1", "00u1", KIM, "FAILURE"), event("e2", "00u1", "renamed@example.com")
    assert effects(binding, renamed, match=account()) == [Effect.KEPT, Effect.MIGRATED]


def test_an_account_bound_by_an_event_is_no_longer_found_by_its_login_in_the_same_batch() -> None:
    binding, other = event("e1", "00u1", KIM, "FAILURE"), event("e2", "00u2", KIM)
    assert effects(binding, other, match=account()) == [Effect.KEPT, Effect.MISMATCH]


def test_an_account_migrated_by_an_event_is_migrated_for_the_next_in_the_same_batch() -> None:
    assert effects(event("e1", "00u1", KIM), event("e2", "00u1", KIM), match=account()) == [
        Effect.MIGRATED,
        Effect.ALREADY,
    ]


def test_a_retired_account_is_migrated_by_a_late_success() -> None:
    assert effects(event("e1", "00u1", KIM), match=account("00u1", state=State.RETIRED)) == [Effect.MIGRATED]


@pytest.mark.parametrize("minutes, effect", [(-60, Effect.MIGRATED), (5, Effect.MIGRATED), (5.1, Effect.UNEXPLAINED)])
def test_a_verified_explains_a_success_up_to_five_minutes_before_it(minutes: float, effect: Effect) -> None:
    match = account("00u1", NOW + timedelta(minutes=minutes))
    assert effects(event("e1", "00u1", KIM), match=match, forget_when=ForgetWhen.VERIFIED) == [effect]


def test_a_success_without_a_time_is_compared_with_the_time_at_which_it_is_decided() -> None:
    undated = event("e1", "00u1", KIM, published=None)
    match = account("00u1", NOW)
    assert effects(undated, match=match, forget_when=ForgetWhen.VERIFIED) == [Effect.MIGRATED]
    early = NOW - timedelta(hours=1)
    assert effects(undated, match=match, forget_when=ForgetWhen.VERIFIED, now=early) == [Effect.UNEXPLAINED]


def test_a_success_of_before_the_verified_is_unexplained_however_late_it_comes() -> None:
    old = event("e1", "00u1", KIM, published=NOW - timedelta(hours=1))
    assert effects(old, match=account("00u1", NOW), forget_when=ForgetWhen.VERIFIED) == [Effect.UNEXPLAINED]
