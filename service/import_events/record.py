"""Recording of import events, and the deletion of hashes that Okta has stored.

One transaction for a slice of a delivery: the events, the bindings, the tombstones and the deletions, or nothing.
Run again with the same events, whole or in part, it changes nothing.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

import asyncpg

from service.import_events import queries
from service.import_events.decide import Decision, Effect, decide
from service.import_events.queries import BindingLock, RecordedEvent, UnmatchedEvent
from service.okta.events import Delivery, ImportEvent
from service.settings import ForgetWhen
from service.store.accounts import login_key
from service.store.database import Database

# Between decided import events and what the store keeps of them. Pure: decides nothing, and writes nothing.


def key_of(event: ImportEvent) -> str | None:
    """Return the login that an event names, as logins are compared."""
    return login_key(event.login) if event.login else None


def binding_lock_for(decisions: Iterable[Decision]) -> BindingLock:
    """Tell how far the gate has to be shut for what these decisions do."""
    if any(decision.binds for decision in decisions):
        return BindingLock.EXCLUSIVE
    return (
        BindingLock.SHARED if any(decision.effect is Effect.UNMATCHED for decision in decisions) else BindingLock.NONE
    )


def event_of(kept: UnmatchedEvent) -> ImportEvent:
    """Return an event as it was before it was set aside."""
    return ImportEvent(
        kept.uuid, kept.okta_user_id, kept.login_key, kept.outcome, kept.reason, kept.published, kept.transaction_id
    )


def bound_by(decisions: Iterable[Decision]) -> list[int]:
    """Return the accounts that get an Okta id."""
    return [each.account_id for each in decisions if each.binds and each.account_id is not None]


def proofs_of(decisions: Iterable[Decision]) -> list[tuple[int, str]]:
    """Return the accounts whose hash goes, each with the event that proves it."""
    return [
        (each.account_id, each.event.uuid)
        for each in decisions
        if each.effect is Effect.MIGRATED and each.account_id is not None
    ]


def recorded_as(decision: Decision, delivery_id: str | None, channel: str) -> RecordedEvent:
    """Return an event as the store keeps it."""
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
"""Events in one transaction: few enough that deciding them does not hold up the event loop."""
TRIES = 5
"""How often a slice is tried again that PostgreSQL ended to break a deadlock."""

COLLISIONS = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


class Channel(StrEnum):
    """How events reach us."""

    HOOK = "hook"
    LOG = "log"


async def record_delivery(
    database: Database, delivery: Delivery, *, channel: Channel, forget_when: ForgetWhen
) -> Counter[Effect]:
    """Record all that a delivery held; all of it is committed when this returns. Raises what the database raises."""
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
    """Apply, in the caller's transaction, the events that came before these accounts did.

    The caller has added or bound the accounts in this transaction, and has closed the binding gate before that.
    """
    effects: Counter[Effect] = Counter()
    # An event that means a login may bind it to an Okta id, which is what another event was set aside for.
    while kept := await queries.list_unmatched(connection, account_ids):
        decisions = await _decide(connection, [event_of(each) for each in kept], forget_when, lock=True)
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
            await asyncio.sleep(random.uniform(0, 0.05) * 2**attempt)  # noqa: S311 (spreads retries, guards nothing)
    raise AssertionError


async def _record(
    connection: asyncpg.Connection,
    events: Sequence[ImportEvent],
    delivery_id: str | None,
    channel: Channel,
    forget_when: ForgetWhen,
) -> Counter[Effect]:
    expected = await _decide(connection, events, forget_when, lock=False)
    lock = binding_lock_for(expected)
    await queries.acquire_binding_lock(connection, lock)
    decisions = await _decide(connection, events, forget_when, lock=True)
    if binding_lock_for(decisions) > lock:
        # Somebody deleted or bound an account between the two looks: begin again, with the gate held first.
        raise asyncpg.SerializationError("the accounts changed while their events were decided")
    effects = await _apply(connection, decisions, delivery_id, channel)
    return effects + await apply_unmatched(connection, bound_by(decisions), forget_when)


async def _decide(
    connection: asyncpg.Connection, events: Sequence[ImportEvent], forget_when: ForgetWhen, *, lock: bool
) -> list[Decision]:
    """Decide the events that are not done with; `lock` holds the accounts they mean, so that the answer stays true."""
    matches = await queries.find_matches(
        connection,
        [event.user_id for event in events if event.user_id],
        [key for event in events if (key := key_of(event))],
        lock=lock,
    )
    asked = [(each.uuid, each.user_id, key_of(each), each.outcome, each.published) for each in events]
    done = await queries.already_recorded(connection, asked)
    return decide((event for event in events if event.uuid not in done), matches, forget_when)


async def _apply(
    connection: asyncpg.Connection, decisions: Sequence[Decision], delivery_id: str | None, channel: Channel
) -> Counter[Effect]:
    rows = [recorded_as(each, delivery_id, channel.value) for each in decisions]
    if not await queries.record_events(connection, rows):
        raise asyncpg.SerializationError("another event was recorded under one of the uuids")
    await queries.bind(
        connection, [(each.account_id, each.binds) for each in decisions if each.account_id and each.binds]
    )
    await queries.mark_migrated(connection, proofs_of(decisions))
    return Counter(decision.effect for decision in decisions)


def _slices(events: Sequence[ImportEvent]) -> Iterator[Sequence[ImportEvent]]:
    for start in range(0, len(events), SLICE):
        yield events[start : start + SLICE]
