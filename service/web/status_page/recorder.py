"""Counts of this replica in the last hour, by minute, written to the database every few seconds.

The counts are differences of the metrics that the service maintains anyway, so they cost a sign-in nothing.
"""

import asyncio
import contextlib
import os
import secrets
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

from prometheus_client import Counter as Metric
from prometheus_client import Histogram

from service.hashing.bcrypt_choice import BcryptChoice
from service.signin.verify import PasswordVerifier
from service.store import figures
from service.store.database import DATABASE_UNAVAILABLE, Database
from service.store.figures import KEPT, ReplicaFigures
from service.telemetry import COSTS_SHOWN, DURATION_BUCKETS, Telemetry

WRITE_EVERY = 5.0
"""Seconds between writes; a process that is killed loses its unwritten counts."""
WRITE_WITHIN = 3.0
"""Seconds for a write. What could not be written is written the next time."""
SIGN_IN_ROUTE = "/okta/password-import"
MINUTE = timedelta(minutes=1)

Missing = Callable[[], Awaitable[Sequence[str]]]


class Recorder:
    """The figures of this process."""

    def __init__(self, telemetry: Telemetry, verifier: PasswordVerifier, bcrypt: BcryptChoice) -> None:
        self.id = secrets.token_hex(8)
        self._name = f"{socket.gethostname()} ({os.getpid()})"
        self._telemetry = telemetry
        self._verifier = verifier
        self._bcrypt = bcrypt
        self._started_at = datetime.now(UTC)
        self._seen: Counter[str] = Counter()
        self._minutes: dict[datetime, Counter[str]] = {}
        self._unwritten: set[datetime] = set()
        self._missing: Sequence[str] | None = None

    def take(self, now: datetime | None = None) -> None:
        """Add the counts since the last call to the current minute, and drop minutes older than an hour."""
        now = now or datetime.now(UTC)
        minute = now.replace(second=0, microsecond=0)
        counted = Counter(dict(read_metrics(self._telemetry)))
        if happened := counted - self._seen:
            self._minutes.setdefault(minute, Counter()).update(happened)
            self._unwritten.add(minute)
        self._seen = counted
        for old in [each for each in self._minutes if each <= now - KEPT]:
            del self._minutes[old]
            self._unwritten.discard(old)

    def figures(self) -> ReplicaFigures:
        """Return the current figures of this replica."""
        self.take()
        pool = self._verifier.pool.snapshot()
        described = {
            "version": version("password-import"),
            "cores": pool.workers,
            "queued": pool.queued,
            "running": pool.running,
            "refused": pool.refused,
            "dropped": pool.dropped + pool.failed,
            "bcrypt": self._bcrypt.in_use()["implementation"],
            "missing": None if self._missing is None else list(self._missing),
            "seconds": dict(list(pool.estimates.items())[:COSTS_SHOWN]),
            "unknown_logins": len(self._verifier.unknown_logins),
        }
        counts = sum(self._minutes.values(), Counter[str]())
        return ReplicaFigures(self.id, self._name, self._started_at, timedelta(), described, counts)

    async def look(self, missing: Missing, *, again: bool = True) -> None:
        """Check the readiness of this replica; unless `again`, only if it was never checked."""
        if again or self._missing is None:
            self._missing = await missing()

    async def write(self, database: Database) -> None:
        """Write the figures, and each minute that changed. Raises one of `DATABASE_UNAVAILABLE`, or `TimeoutError`."""
        own = self.figures()
        unwritten, self._unwritten = self._unwritten, set()
        try:
            async with asyncio.timeout(WRITE_WITHIN), database.transaction() as connection:
                minutes = {minute: self._minutes[minute] for minute in sorted(unwritten)}
                await figures.write_replica(connection, own, minutes)
        except BaseException:
            self._unwritten |= unwritten & self._minutes.keys()
            raise

    async def keep_writing(self, database: Database, missing: Missing) -> None:
        """Write as long as the service runs; when it stops, the row of this replica is removed.

        An unavailable database is not logged here, since each call that needs it logs it.
        """
        try:
            while True:
                await asyncio.sleep(WRITE_EVERY)
                await self.look(missing)
                with contextlib.suppress(*DATABASE_UNAVAILABLE, TimeoutError):
                    await self.write(database)
        finally:
            with contextlib.suppress(*DATABASE_UNAVAILABLE, TimeoutError):
                async with asyncio.timeout(WRITE_WITHIN), database.connection() as connection:
                    await figures.remove_replica(connection, self.id)


def read_metrics(telemetry: Telemetry) -> Iterator[tuple[str, int]]:
    """Yield the recorded totals by name: `sign_in.verified`, `error.throttled`, `fault.…`, `time.0.05`."""
    for labels, number in _counts(telemetry.sign_ins):
        yield f"sign_in.{labels['outcome']}", number
    for labels, number in _counts(telemetry.error_responses):
        if labels["route"] == SIGN_IN_ROUTE:
            yield f"error.{labels['code']}", number
    for labels, number in _counts(telemetry.faults):
        yield f"fault.{labels['fault']}", number
    for labels, number in _counts(telemetry.import_events):
        yield f"event.{labels['effect']}", number
    yield from _times(telemetry.request_duration_seconds)


def _counts(metric: Metric) -> Iterator[tuple[Mapping[str, str], int]]:
    for family in metric.collect():
        for sample in family.samples:
            if sample.name.endswith("_total") and sample.value:
                yield sample.labels, int(sample.value)


def _times(metric: Histogram) -> Iterator[tuple[str, int]]:
    """Yield the number of calls that ended within each bound and not within the previous one."""
    below = 0
    for family in metric.collect():
        for sample in family.samples:
            if sample.name.endswith("_bucket") and sample.labels["route"] == SIGN_IN_ROUTE:
                yield f"time.{sample.labels['le']}", int(sample.value) - below
                below = int(sample.value)


def times_of(counts: Mapping[str, int]) -> list[int]:
    """Return the calls of each bucket of `DURATION_BUCKETS`, and finally those that took longer."""
    return [counts.get(f"time.{bound}", 0) for bound in (*map(float, DURATION_BUCKETS), "+Inf")]


def quantile(share: float, times: Sequence[int]) -> float | None:
    """Estimate the seconds within which a share of the calls ended, as Prometheus does; None without calls."""
    rank, passed, lower = share * sum(times), 0, 0.0
    if not sum(times):
        return None
    for bound, number in zip(DURATION_BUCKETS, times, strict=False):
        if number and passed + number >= rank:
            return lower + (bound - lower) * max(0.0, rank - passed) / number
        passed, lower = passed + number, bound
    return DURATION_BUCKETS[-1]
