"""Unknown logins and sign-ins after migration, counted and listed for the operator within bounds.

They are not secret: Okta calls the hook only for users that were created with it, so each of them belongs to a person
who was created in Okta with the password hook and is missing here. They are kept only in memory, since the process
started.
"""

import asyncio
import sys
from collections import OrderedDict, deque
from datetime import UTC, datetime

import structlog

from service.okta.hooks import is_probe
from service.store.accounts import Account
from service.telemetry import Telemetry

# Sign-ins after migration, reported to the operator in batches a moment later.
#
# Okta should not call the hook after its SUCCESS. Writing a log line takes long enough to reveal by the response time
# who has a migrated account, so a call only adds to a queue.

log = structlog.get_logger()

REPORT_EVERY = 1.0
"""Seconds until a sign-in is reported."""
REPORTED_AT_ONCE = 50
"""Reports after which other tasks on the loop get a turn."""


class SignInsAfterMigration:
    """The sign-ins waiting to be reported."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._waiting: deque[tuple[Account, str | None]] = deque()

    def note(self, tombstone: Account, event_id: str | None) -> None:
        """Add a sign-in, with the id of its event."""
        self._waiting.append((tombstone, event_id))

    async def keep_reporting(self) -> None:
        """Report what is waiting as long as the service runs, and the rest when it ends."""
        try:
            while True:
                await asyncio.sleep(REPORT_EVERY)
                for _ in range(0, len(self._waiting), REPORTED_AT_ONCE):
                    self.report(REPORTED_AT_ONCE)
                    await asyncio.sleep(0)
        finally:
            self.report()

    def report(self, most: int = sys.maxsize) -> None:
        """Count each sign-in, and write it to the log."""
        for _ in range(min(most, len(self._waiting))):
            tombstone, event_id = self._waiting.popleft()
            self._telemetry.sign_ins_after_migration.inc()
            log.warning(
                "sign_in_after_migration", account_id=tombstone.id, state=tombstone.state.value, event_id=event_id
            )


LISTED = 1000
"""Maximum number kept; the least recently seen one is dropped first."""


class UnknownLogins:
    """The last unknown logins, by their keys."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, tuple[int, datetime]] = OrderedDict()

    def note(self, login_key: str) -> None:
        """Count a login, unless it is a probe of `hooks check`."""
        if is_probe(login_key):
            return
        count, _ = self._seen.pop(login_key, (0, None))
        self._seen[login_key] = count + 1, datetime.now(UTC)
        if len(self._seen) > LISTED:
            self._seen.popitem(last=False)

    def __len__(self) -> int:
        """Return the number of stored logins."""
        return len(self._seen)

    def listed(self) -> list[dict[str, object]]:
        """Return them, the last one first."""
        return [
            {"login": login, "calls": calls, "last": last.isoformat(timespec="seconds")}
            for login, (calls, last) in reversed(self._seen.items())
        ]
