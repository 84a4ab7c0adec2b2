"""Between decided import events and what the store keeps of them. Pure: decides nothing, and writes nothing."""

from collections.abc import Iterable

from service.accounts.names import login_key
from service.accounts.set_aside import UnmatchedEvent
from service.accounts.tombstones import BindingLock, RecordedEvent
from service.okta.import_event import ImportEvent
from service.policies.forgetting import Decision, Effect


def key_of(event: ImportEvent) -> str | None:
    """Give the login that an event names, as logins are compared."""
    return login_key(event.login) if event.login else None


def binding_lock_for(decisions: Iterable[Decision]) -> BindingLock:
    """Tell how far the gate has to be shut for what these decisions do."""
    if any(decision.binds for decision in decisions):
        return BindingLock.EXCLUSIVE
    return (
        BindingLock.SHARED if any(decision.effect is Effect.UNMATCHED for decision in decisions) else BindingLock.NONE
    )


def event_of(kept: UnmatchedEvent) -> ImportEvent:
    """Give an event as it was before it was set aside."""
    return ImportEvent(
        kept.uuid, kept.okta_user_id, kept.login_key, kept.outcome, kept.reason, kept.published, kept.transaction_id
    )


def bound_by(decisions: Iterable[Decision]) -> list[int]:
    """Give the accounts that get an Okta id."""
    return [each.account_id for each in decisions if each.binds and each.account_id is not None]


def proofs_of(decisions: Iterable[Decision]) -> list[tuple[int, str]]:
    """Give the accounts whose hash goes, each with the event that proves it."""
    return [
        (each.account_id, each.event.uuid)
        for each in decisions
        if each.effect is Effect.MIGRATED and each.account_id is not None
    ]


def recorded_as(decision: Decision, delivery_id: str | None, channel: str) -> RecordedEvent:
    """Give an event as the store keeps it."""
    event = decision.event
    return RecordedEvent(
        uuid=event.uuid,
        delivery_id=delivery_id,
        okta_user_id=event.user_id,
        login_key=key_of(event),
        outcome=event.outcome,
        reason=event.reason,
        published=event.published,
        transaction_id=event.transaction_id,
        channel=channel,
        account_id=decision.account_id,
        effect=decision.effect.value,
    )
