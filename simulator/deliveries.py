"""Delivery of log events to event hooks: in batches, at least once, best effort; with simulated faults."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from simulator import payloads
from simulator.batches import batches, without_nulls
from simulator.calling import deliver
from simulator.hooks import EventHook
from simulator.log import Record
from simulator.state import OrgState

NOT_ELIGIBLE = ("event_hook.delivery",)
"""Okta does not report failures of event hooks to event hooks."""
DAILY_EVENTS = 400_000
"""Applicable events per org in 24 hours, after which none are delivered. Retries do not count."""


@dataclass(frozen=True)
class _Pending:
    record: Record
    due: float
    copy: int = 0


class Deliveries:
    """The pending deliveries per hook. Events within `batch_window` seconds are sent together."""

    def __init__(self, org: OrgState, batch_window: float) -> None:
        self.batch_window = batch_window
        self.day_limit = DAILY_EVENTS
        self._org = org
        self._held = False
        self._pending: dict[str, list[_Pending]] = defaultdict(list)
        self._tasks: set[asyncio.Task[None]] = set()
        self._day_began: datetime | None = None
        self._day_count = 0
        org.log.listeners.append(self._take)

    @property
    def held(self) -> bool:
        """While true, only `flush` sends."""
        return self._held

    @held.setter
    def held(self, held: bool) -> None:
        self._held = held
        if not held:
            for hook_id in list(self._pending):
                self._start(hook_id)

    @property
    def waiting(self) -> int:
        """The number of events waiting to be sent."""
        return sum(map(len, self._pending.values()))

    async def flush(self) -> None:
        """Send all waiting events, including late and held ones, and wait for the answers."""
        while self.waiting or self._tasks:
            for hook_id in list(self._pending):
                self._send(hook_id, self._pending.pop(hook_id))
            await asyncio.gather(*self._tasks)

    async def settle(self) -> None:
        """Wait for the deliveries that are due now; held and late ones stay."""
        await asyncio.sleep(self.batch_window * 1.5)
        await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        """Cancel the deliveries in progress."""
        self._held = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _take(self, record: Record) -> None:
        if record.type in NOT_ELIGIBLE:
            return
        for hook in self._org.event_hooks.values():
            if self._wanted(hook, record.type) and self._within_day():
                self._schedule(hook, record)

    def _wanted(self, hook: EventHook, event_type: str) -> bool:
        now = self._org.clock.now()
        foreign = self._org.switches.foreign_events and bool(hook.items) and hook.wants(hook.items[0], now)
        return hook.wants(event_type, now) or foreign

    def _within_day(self) -> bool:
        now = self._org.clock.now()
        if self._day_began is None or now - self._day_began > timedelta(days=1):
            self._day_began, self._day_count = now, 0
        self._day_count += 1
        return self._day_count <= self.day_limit

    def _schedule(self, hook: EventHook, record: Record) -> None:
        org, switches = self._org, self._org.switches
        if org.drawn(switches.drop):
            return
        copies = 2 if org.drawn(switches.duplicate) else 1
        for copy in range(copies):
            delay = switches.late_by if org.drawn(switches.late) else copy * self.batch_window
            self._queue(hook.id, record, delay, copy)

    def _queue(self, hook_id: str, record: Record, delay: float, copy: int) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # users can be added before a loop runs; `flush` sends their events
            self._pending[hook_id].append(_Pending(record, 0.0, copy))
            return
        due = loop.time() + delay
        self._pending[hook_id].append(_Pending(record, due, copy))
        loop.call_at(due + self.batch_window, self._start, hook_id)

    def _start(self, hook_id: str) -> None:
        if self._held:
            return
        now = asyncio.get_running_loop().time()
        waiting = self._pending.pop(hook_id, [])
        if later := [pending for pending in waiting if pending.due > now]:
            self._pending[hook_id] = later
        self._send(hook_id, [pending for pending in waiting if pending.due <= now])

    def _send(self, hook_id: str, ready: list[_Pending]) -> None:
        hook = self._org.event_hooks.get(hook_id)
        if not ready or hook is None:
            return
        task = asyncio.get_running_loop().create_task(self._deliver_all(hook, ready))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver_all(self, hook: EventHook, ready: list[_Pending]) -> None:
        # A duplicate of an event is sent in another delivery than the event itself.
        for copy in sorted({pending.copy for pending in ready}):
            records = [pending.record for pending in ready if pending.copy == copy]
            reordered = self._org.drawn(self._org.switches.reorder)
            for batch in batches(records, newest_first=reordered):
                await self._deliver(hook, batch)

    async def _deliver(self, hook: EventHook, batch: list[Record]) -> None:
        org = self._org
        events = [record.delivered() for record in batch]
        if org.drawn(org.switches.omit_nulls):
            events = [without_nulls(event) for event in events]
        url = f"{org.url}/api/v1/eventHooks/{hook.id}"
        payload = payloads.delivery(url, org.ids.uuid(), org.clock.now(), events)
        await deliver(org, hook, payload)
        if org.drawn(org.switches.duplicate):
            await deliver(org, hook, payload)
