"""The contents of the status page as values: figures of all replicas and of the store, and faults with their fixes."""

import asyncio
import enum
import ipaddress
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from service.administration.counting import count_accounts, events_of
from service.immutable import immutable
from service.settings import Settings
from service.store.accounts import State
from service.store.database import DATABASE_UNAVAILABLE, Database
from service.store.figures import STALE_AFTER, EventFigures, ReplicaFigures, StoredFigures, read_figures
from service.web.status_page.recorder import quantile, times_of

UNKNOWN_FIGURES: dict[str, Any] = {
    "version": "unknown", "cores": 0, "queued": 0, "running": 0, "refused": 0, "dropped": 0, "bcrypt": "unknown",
    "missing": None, "seconds": {}, "unknown_logins": 0,
}  # fmt: skip
"""Figures of a replica that has not written them."""
READ_WITHIN = 1.0
"""Seconds that a page waits for the database before it shows older figures."""
SLOW = 2.0
"""Seconds of the 99th percentile from which sign-ins may fail: Okta closes the connection after three."""
EVENTS_MISSED = timedelta(hours=1)
"""Time without an event, while people sign in, after which the event hook is suspected."""
READ_LONG_AGO = timedelta(days=1)
CHECKED_LONG_AGO = timedelta(days=7)


class Away(enum.Enum):
    """Why the database could not be read."""

    UNREACHABLE = "The database cannot be reached"
    UNREADABLE = "The tables of the status page are missing, or this role may not read them"


AWAY_FIXES = {
    Away.UNREACHABLE: "Check PostgreSQL, the network and DATABASE_URL.",
    Away.UNREADABLE: "Run `password-import migrate`, then deploy/roles.sql where roles are separate.",
}
UNREADABLE = (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError, asyncpg.InsufficientPrivilegeError)


class Level(enum.StrEnum):
    """The severity of a notice."""

    BAD = "bad"
    WARN = "warn"


@immutable
class Notice:
    """A fault, and its fix."""

    level: Level
    what: str
    fix: str


@immutable
class View:
    """All contents of a page."""

    title: str
    at: datetime
    replicas: tuple[ReplicaFigures, ...]
    """All replicas: this one as of now, the others as of their last write."""
    hour: Counter[str] = field(repr=False)
    """The counts of all replicas in the last hour; only this one's if the database is unavailable."""
    stored: StoredFigures | None = field(repr=False)
    """The latest figures from the database; None if it was never read."""
    stored_at: datetime | None
    """When that was read; None if it was now."""
    away: "Away | None"
    """Why the database could not be read; None if it was."""
    own: ReplicaFigures | None
    notices: tuple[Notice, ...]
    can_search: bool
    is_live: bool
    """Whether it is shown by a service, and not written to a file."""

    @property
    def counts(self) -> dict[str, Any] | None:
        """Return the last count of the accounts."""
        return None if self.stored is None else self.stored.counts

    @property
    def events(self) -> EventFigures:
        """Return the figures on the latest events."""
        return events_of(self.counts)

    @property
    def last_delivered(self) -> datetime | None:
        """Return the time of the last event that the event hook delivered."""
        found = [self.events.last_delivered, self.stored.last_delivered if self.stored else None]
        return max((each for each in found if each is not None), default=None)

    @property
    def faults(self) -> dict[str, int]:
        """Return the faults of the last hour by code."""
        return of_kind(self.hour, "fault")

    @property
    def missing(self) -> Sequence[str] | None:
        """Return what keeps this replica from being ready; None if unknown."""
        return None if self.own is None else self.own.figures["missing"]


def of_kind(counts: Counter[str], kind: str) -> dict[str, int]:
    """Return the counts of one kind by the rest of their names, the highest first."""
    found = {name.partition(".")[2]: number for name, number in counts.most_common() if name.startswith(f"{kind}.")}
    return {name: number for name, number in found.items() if number}


class PageFigures:
    """Reads the contents of a page, and caches them for outages of the database."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._stored: StoredFigures | None = None
        self._stored_at: datetime | None = None

    async def view(self, own: ReplicaFigures | None) -> View:
        """Read the figures; `own` are those of this replica, None for a command."""
        away: Away | None = None
        try:
            async with asyncio.timeout(READ_WITHIN), self._database.connection() as connection:
                self._stored = await read_figures(connection)
            self._stored_at = datetime.now(UTC)
        except UNREADABLE:
            away = Away.UNREADABLE
        except (*DATABASE_UNAVAILABLE, TimeoutError):
            away = Away.UNREACHABLE
        return make_view(self._settings, self._stored, own, away=away, away_since=self._stored_at if away else None)


async def view_of_store(settings: Settings, database: Database) -> View:
    """Count the accounts now, and return the view without a running service.

    Raises one of `DATABASE_UNAVAILABLE`.
    """
    counts = await count_accounts(database)
    async with database.connection() as connection:
        stored = await read_figures(connection)
    return make_view(settings, replace(stored, counts=counts, counted_at=datetime.now(UTC)), None)


def make_view(
    settings: Settings,
    stored: StoredFigures | None,
    own: ReplicaFigures | None,
    *,
    away: "Away | None" = None,
    away_since: datetime | None = None,
    now: datetime | None = None,
) -> View:
    """Combine the figures. With the database `away` the last hour is that of this replica alone."""
    now = now or datetime.now(UTC)
    # A replica of another version may lack figures, while replicas are updated one after another.
    others = () if stored is None or away is not None else [_whole(each) for each in stored.replicas]
    mine = own.id if own else None
    replicas = tuple(
        sorted([*([own] if own else []), *(each for each in others if each.id != mine)], key=lambda each: each.name)
    )
    hour = sum((each.counts for each in replicas), Counter[str]())
    if stored is not None and away is None:
        hour += stored.counts_of_stopped
    view = View(
        title=_title(settings, stored),
        at=now,
        replicas=replicas,
        hour=hour,
        stored=stored,
        stored_at=away_since,
        away=away,
        own=own,
        notices=(),
        can_search=own is not None and settings.admin_password is not None,
        is_live=own is not None,
    )
    order = list(Level)
    notices = sorted(_notices(view, settings), key=lambda each: order.index(each.level))
    return replace(view, notices=tuple(notices))


def _whole(replica: ReplicaFigures) -> ReplicaFigures:
    return replace(replica, figures=UNKNOWN_FIGURES | replica.figures)


def _title(settings: Settings, stored: StoredFigures | None) -> str:
    host = urlsplit(settings.okta_client_orgurl or "").hostname
    org = host or next((each.org for each in stored.logs), None) if stored else host
    return f"Migration to {org}" if org else "Password migration"


# Faults, within a level in the order in which they should be fixed.


def _notices(view: View, settings: Settings) -> Iterator[Notice]:
    if view.away is not None:
        shown = f"; what comes from it is as of {view.stored_at:%H:%M:%S} UTC" if view.stored_at else ""
        yield _bad(
            f"{view.away.value}. The figures of the last hour are those of this replica alone{shown}.",
            AWAY_FIXES[view.away],
        )
    yield from _of_replicas(view)
    yield from _of_sign_ins(view)
    if view.stored is not None:
        yield from _of_okta(view, view.stored)
        yield from _of_store(view.stored)
    if is_exposed(settings) and view.is_live:
        yield _warn(
            f"The admin port listens on {settings.admin_host} without TLS.",
            "Let only your own network reach it: set ADMIN_HOST=127.0.0.1, or put a proxy with TLS in front of it.",
        )


def is_exposed(settings: Settings) -> bool:
    """Return whether other machines can reach the admin port, which has no TLS."""
    host = settings.admin_host.strip("[]")
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"


def _of_replicas(view: View) -> Iterator[Notice]:
    for replica in view.replicas:
        name = "This replica" if view.own and replica.id == view.own.id else f"Replica {replica.name}"
        if replica.seen_ago > STALE_AFTER:
            seconds = round(replica.seen_ago.total_seconds())
            yield _bad(
                f"{name} has not written its figures for {seconds:,} s.",
                "It was killed, or cannot reach the database: check its log.",
            )
            continue
        for reason in replica.figures["missing"] or ():
            yield _bad(f"{name} is not ready: {reason}.", "See “Healthy and ready” in docs/operations.md.")
    versions = {replica.figures["version"] for replica in view.replicas}
    if len(versions) > 1:
        yield _warn(f"The replicas run different versions: {', '.join(sorted(versions))}.", "Complete the update.")


def _of_sign_ins(view: View) -> Iterator[Notice]:
    if view.faults:
        told = ", ".join(f"{code} {number:,}" for code, number in view.faults.items())
        yield _bad(
            f"Faults in the last hour: {told}.", "Look for `fault` in the log; docs/operations.md explains the codes."
        )
    slowest = quantile(0.99, times_of(view.hour))
    if slowest is not None and slowest >= SLOW:
        yield _bad(
            f"The slowest 1 % of the sign-ins took {slowest:.1f} s or longer; Okta gives up after 3 s.",
            "Add replicas or cores (docs/capacity.md).",
        )
    errors = of_kind(view.hour, "error")
    if number := errors.get("overloaded", 0):
        yield _warn(f"Sign-ins rejected because all cores were busy: {number:,}.", "Add replicas or cores.")
    if number := sum(number for code, number in errors.items() if code.startswith(("credentials_", "token_"))):
        yield _warn(
            f"Calls with missing or wrong credentials: {number:,}.",
            "If Okta made them, run `password-import hooks check`; otherwise they may be an attack.",
        )
    if number := view.hour["sign_in.tombstone"]:
        yield _warn(
            f"Sign-ins of accounts that have already migrated: {number:,}.",
            "Look for `sign_in_after_migration` in the log: these people need a reset in Okta.",
        )


def _of_okta(view: View, stored: StoredFigures) -> Iterator[Notice]:
    check = stored.hooks_check
    if check is not None and check.faults:
        yield _bad(f"Faults that the last hooks check found: {check.faults:,}.", "Run `password-import hooks check`.")
    if doubtful := view.events.doubtful:
        yield _bad(
            f"Events of the last day that name another Okta user or that no VERIFIED explains: {doubtful:,}.",
            "Investigate before you trust them: docs/threat-model.md.",
        )
    last = view.last_delivered
    since = last or min((each.started_at for each in view.replicas), default=view.at)
    if view.hour["sign_in.verified"] and view.at - since > EVENTS_MISSED:
        yield _bad(
            f"People signed in, but the event hook has delivered nothing {_for(last, view.at)}.",
            "Run `password-import hooks check`, then `password-import reconcile`.",
        )
    if check is not None and view.at - check.at > CHECKED_LONG_AGO:
        yield _warn(f"The hooks were last checked {_since(check.at, view.at)}.", "Run `password-import hooks check`.")
    if _is_used(stored):
        yield from _of_log(view, stored)
    if number := sum(stored.call_failures.values()):
        yield _warn(
            f"Failed calls of the hooks in Okta's System Log since the migration began: {number:,}.",
            "`password-import status` lists those of the last day.",
        )


def _of_log(view: View, stored: StoredFigures) -> Iterator[Notice]:
    if stored.hooks_check is None:
        yield _warn("The hooks were never checked from here.", "Run `password-import hooks check`.")
    if not stored.logs:
        yield _warn("Okta's System Log was never read.", "Keep `password-import reconcile --follow` running.")
    for each in stored.logs:
        if view.at - each.read_at > READ_LONG_AGO:
            yield _warn(
                f"The System Log of {each.org} was last read {_since(each.read_at, view.at)}; Okta keeps it 90 days.",
                "Keep `password-import reconcile --follow` running.",
            )


def _of_store(stored: StoredFigures) -> Iterator[Notice]:
    counts = stored.counts or {}
    if plain := counts.get("plain"):
        yield _warn(
            f"Hashes that are not encrypted: {plain:,}.", "Set HASH_KEYS, then run `password-import keys rotate`."
        )
    stuck = counts.get("stuck", {})
    if number := stuck.get("verified_without_success"):
        yield _warn(
            f"People who signed in more than a day ago and whose password Okta has not stored: {number:,}.",
            "Run `password-import reconcile`.",
        )
    if number := stuck.get("too_costly"):
        yield _warn(
            f"Accounts whose hashes cost too much or cannot be checked, and get 503: {number:,}.",
            "Reset their passwords in Okta.",
        )
    if number := stuck.get("unreadable_events"):
        yield _warn(f"Deliveries that could not be read: {number:,}.", "Check the table `unreadable_events`.")


def _is_used(stored: StoredFigures) -> bool:
    """Return whether the migration has begun: before that, missing checks and log reads are normal."""
    states = (stored.counts or {}).get("states", {})
    return any(states.get(state) for state in (State.VERIFIED, State.MIGRATED))


def _since(moment: datetime, now: datetime) -> str:
    return f"{ago(now - moment)} ago"


def _for(moment: datetime | None, now: datetime) -> str:
    return "yet" if moment is None else f"for {ago(now - moment)}"


def ago(span: timedelta) -> str:
    """Format a duration in its largest unit."""
    seconds = max(0, round(span.total_seconds()))
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size * (2 if unit == "min" else 1):
            return f"{seconds // size:,} {unit}"
    return f"{seconds} s"


def _bad(what: str, fix: str) -> Notice:
    return Notice(Level.BAD, what, fix)


def _warn(what: str, fix: str) -> Notice:
    return Notice(Level.WARN, what, fix)
