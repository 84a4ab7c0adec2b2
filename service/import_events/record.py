"""Recording of import events, and the deletion of hashes that Okta has stored.

One transaction per slice of a delivery stores the events, the bindings, the tombstones and the deletions, or nothing.
Repeated with the same events, in whole or in part, it changes nothing.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

import asyncpg

from service.import_events import queries
from service.import_events.decide import Decision, Effect, decide
from service.import_events.queries import BindingLock, Proof, RecordedEvent, UnmatchedEvent
from service.okta.events import Delivery, ImportEvent
from service.settings import ForgetWhen
from service.store.accounts import Match, login_key
from service.store.database import Database

# Conversions between import events, decisions and stored rows. No I/O.


def key_of(event: ImportEvent) -> str | None:
    """Return the login of an event as a login key."""
    return login_key(event.login) if event.login else None


def binding_lock_for(decisions: Iterable[Decision]) -> BindingLock:
    """Return the mode of the binding lock that these decisions need."""
    if any(decision.binds for decision in decisions):
        return BindingLock.EXCLUSIVE
    return (
        BindingLock.SHARED if any(decision.effect is Effect.UNMATCHED for decision in decisions) else BindingLock.NONE
    )


def event_of(kept: UnmatchedEvent) -> ImportEvent:
    """Return an unmatched event as it arrived."""
    return ImportEvent(
        kept.uuid, kept.okta_user_id, kept.login_key, kept.outcome, kept.reason, kept.published, kept.transaction_id
    )


def bound_by(decisions: Iterable[Decision]) -> list[int]:
    """Return the accounts that get an Okta id."""
    return [each.account_id for each in decisions if each.binds and each.account_id is not None]


def proofs_of(decisions: Iterable[Decision]) -> list[Proof]:
    """Return the accounts whose hash is deleted, each with the event that proves it."""
    return [
        Proof(each.account_id, each.event.uuid, each.binds)
        for each in decisions
        if each.effect is Effect.MIGRATED and each.account_id is not None
    ]


def bindings_of(decisions: Iterable[Decision]) -> list[tuple[int, str]]:
    """Return the accounts that get an Okta id and keep their hash, each with that id."""
    return [
        (each.account_id, each.binds)
        for each in decisions
        if each.binds and each.account_id is not None and each.effect is not Effect.MIGRATED
    ]


def recorded_as(decision: Decision, delivery_id: str | None, channel: str) -> RecordedEvent:
    """Return the row for an event."""
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


SLICE = 500
"""Events per transaction: few enough that deciding them does not block the event loop."""
TRIES = 5
"""Maximum attempts for a slice that PostgreSQL aborts to break a deadlock."""

COLLISIONS = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


class Channel(StrEnum):
    """The channel on which an event arrived."""

    HOOK = "hook"
    LOG = "log"


async def record_delivery(
    database: Database, delivery: Delivery, *, channel: Channel, forget_when: ForgetWhen
) -> Counter[Effect]:
    """Record the content of a delivery; all of it is committed on return. Raises database errors."""
    effects: Counter[Effect] = Counter()
    if delivery.unreadable:
        rows = [(each.digest, each.fault.value, each.body) for each in delivery.unreadable]
        async with database.transaction() as connection:
            await queries.keep_unreadable(connection, channel, delivery.delivery_id, rows)
    for events in _slices(delivery.events):
        effects += await _record_slice(database, events, delivery.delivery_id, channel, forget_when)
    return effects


async def apply_unmatched(
    connection: asyncpg.Connection, account_ids: Sequence[int], forget_when: ForgetWhen
) -> Counter[Effect]:
    """Apply, in the caller's transaction, the events that arrived before these accounts.

    The caller has added or bound the accounts in this transaction, holding the binding lock exclusively.
    """
    effects: Counter[Effect] = Counter()
    # An event that matches by login may bind the account to an Okta id, which another unmatched event may have.
    while kept := await queries.list_unmatched(connection, account_ids):
        decisions = await _decide(connection, [event_of(each) for each in kept], forget_when)
        effects += await _apply(connection, decisions, None, Channel.HOOK)
        account_ids = bound_by(decisions)
    return effects


async def _record_slice(
    database: Database,
    events: Sequence[ImportEvent],
    delivery_id: str | None,
    channel: Channel,
    forget_when: ForgetWhen,
) -> Counter[Effect]:
    for attempt in range(TRIES):
        try:
            async with database.transaction() as connection:
                return await _record(connection, events, delivery_id, channel, forget_when)
        except COLLISIONS:
            if attempt == TRIES - 1:
                raise
            await asyncio.sleep(random.uniform(0, 0.05) * 2**attempt)  # noqa: S311 (spreads retries, not for security)
    raise AssertionError


async def _record(
    connection: asyncpg.Connection,
    events: Sequence[ImportEvent],
    delivery_id: str | None,
    channel: Channel,
    forget_when: ForgetWhen,
) -> Counter[Effect]:
    # Events that are recorded already are not left out here: they can only make the lock stronger than needed.
    lock = binding_lock_for(decide(events, await _find_matches(connection, events, lock=False), forget_when))
    await queries.acquire_binding_lock(connection, lock)
    decisions = await _decide(connection, events, forget_when)
    if binding_lock_for(decisions) > lock:
        # Another transaction deleted or bound an account between the two reads: retry with the stronger lock first.
        raise asyncpg.SerializationError("the accounts changed while their events were decided")
    effects = await _apply(connection, decisions, delivery_id, channel)
    return effects + await apply_unmatched(connection, bound_by(decisions), forget_when)


async def _decide(
    connection: asyncpg.Connection, events: Sequence[ImportEvent], forget_when: ForgetWhen
) -> list[Decision]:
    """Decide the events that are not done, and lock their accounts, so that the decision stays valid."""
    matches = await _find_matches(connection, events, lock=True)
    asked = [(each.uuid, each.user_id, key_of(each), each.outcome, each.published) for each in events]
    done = await queries.already_recorded(connection, asked)
    return decide((event for event in events if event.uuid not in done), matches, forget_when)


async def _find_matches(connection: asyncpg.Connection, events: Sequence[ImportEvent], *, lock: bool) -> list[Match]:
    okta_ids = [event.user_id for event in events if event.user_id]
    login_keys = [key for event in events if (key := key_of(event))]
    return await queries.find_matches(connection, okta_ids, login_keys, lock=lock)


async def _apply(
    connection: asyncpg.Connection, decisions: Sequence[Decision], delivery_id: str | None, channel: Channel
) -> Counter[Effect]:
    rows = [recorded_as(each, delivery_id, channel.value) for each in decisions]
    if not await queries.record_events(connection, rows):
        raise asyncpg.SerializationError("another event was recorded under one of the uuids")
    await queries.bind(connection, bindings_of(decisions))
    await queries.mark_migrated(connection, proofs_of(decisions))
    return Counter(decision.effect for decision in decisions)


def _slices(events: Sequence[ImportEvent]) -> Iterator[Sequence[ImportEvent]]:
    for start in range(0, len(events), SLICE):
        yield events[start : start + SLICE]
