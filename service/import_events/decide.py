"""The rule that decides which import event forgets which account's hash. No I/O.

An event applies to the account with its Okta id, otherwise to the account without an Okta id whose current login it
names exactly; never to one found by a short name or another identifier. A conflicting id is a mismatch and deletes
nothing.
"""

import enum
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from service.immutable import immutable
from service.okta.events import ImportEvent
from service.settings import ForgetWhen
from service.store.accounts import Match, State, login_key

CLOCKS_APART = timedelta(minutes=5)
"""How far Okta's clock and the store's may differ for our VERIFIED to explain a SUCCESS."""


class Effect(enum.StrEnum):
    """The effect of an import event."""

    MIGRATED = "migrated"
    """A SUCCESS: the account became a tombstone and its hashes were deleted."""
    KEPT = "kept"
    """Any other outcome: the hash stays."""
    ALREADY = "already"
    """The account had been migrated before."""
    UNMATCHED = "unmatched"
    """The event applies to no known account; kept until one is loaded or bound."""
    MISMATCH = "mismatch"
    """The login belongs to an account, but the Okta id to another."""
    UNEXPLAINED = "unexplained"
    """A SUCCESS without a VERIFIED of ours, although the settings require one: the hash stays."""


@immutable
class Decision:
    """One event, the account that it applies to, and its effect."""

    event: ImportEvent
    effect: Effect
    account_id: int | None = None
    binds: str | None = None
    """The Okta id that the account gets."""


def decide(
    events: Iterable[ImportEvent],
    matches: Iterable[Match],
    forget_when: ForgetWhen,
    now: datetime | None = None,
) -> list[Decision]:
    """Decide the events in the given order; an earlier one may bind or migrate the account of a later one."""
    accounts = _Accounts(matches)
    moment = now or datetime.now(UTC)
    decisions = []
    for event in events:
        decision = _decide(event, accounts, forget_when, moment)
        accounts.apply(decision)
        decisions.append(decision)
    return decisions


def _decide(event: ImportEvent, accounts: "_Accounts", forget_when: ForgetWhen, now: datetime) -> Decision:
    match = accounts.by_id(event.user_id)
    binds = None
    if match is None:
        match = accounts.by_login(event.login)
        if match is not None and match.okta_id is not None:
            return Decision(event, Effect.MISMATCH, match.id)
        binds = event.user_id
    if match is None:
        return Decision(event, Effect.UNMATCHED)
    return Decision(event, _effect(event, match, forget_when, now), match.id, binds)


def _effect(event: ImportEvent, match: Match, forget_when: ForgetWhen, now: datetime) -> Effect:
    if not event.is_success:
        return Effect.KEPT
    if match.state is State.MIGRATED:
        return Effect.ALREADY
    if forget_when is ForgetWhen.VERIFIED and not _explained(event, match, now):
        return Effect.UNEXPLAINED
    return Effect.MIGRATED


def _explained(event: ImportEvent, match: Match, now: datetime) -> bool:
    return match.verified_at is not None and match.verified_at - CLOCKS_APART <= (event.published or now)


class _Accounts:
    """The accounts that a batch of events may apply to, updated as the events are decided."""

    def __init__(self, matches: Iterable[Match]) -> None:
        self._accounts = {match.id: match for match in matches}
        self._by_id = {match.okta_id: match.id for match in self._accounts.values() if match.okta_id}
        # An account without an Okta id comes last, so that it takes precedence over another one with the same login.
        ordered = sorted(self._accounts.values(), key=lambda match: match.okta_id is None)
        self._by_login = {match.current_key: match.id for match in ordered if match.current_key is not None}

    def by_id(self, okta_id: str | None) -> Match | None:
        return self._accounts.get(self._by_id.get(okta_id or "", -1))

    def by_login(self, login: str | None) -> Match | None:
        return self._accounts.get(self._by_login.get(login_key(login), -1)) if login else None

    def apply(self, decision: Decision) -> None:
        if decision.account_id is None:
            return
        match = self._accounts[decision.account_id]
        if decision.binds is not None:
            match = replace(match, okta_id=decision.binds)
            self._by_id[decision.binds] = match.id
        if decision.effect is Effect.MIGRATED:
            match = replace(match, state=State.MIGRATED)
        self._accounts[match.id] = match
