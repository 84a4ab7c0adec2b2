"""Unknown logins and sign-ins after migration, counted and listed for the operator within bounds.

They are no secrets: Okta asks only about users whom it was told to ask about, so each of them is somebody who was
created in Okta with the password hook and is missing here. They are kept in memory only, since this process started.
"""

import asyncio
import sys
from collections import OrderedDict, deque
from datetime import UTC, datetime

import structlog

from service.okta.hooks import is_probe
from service.store.accounts import Account
from service.telemetry import Telemetry

# Okta's questions about tombstones: told to the operator a moment later, all together.
#
# Okta should not ask after its SUCCESS. A line in the log takes so long that the time of an answer would tell the
# caller whose account is one: so a call only leaves a note.

log = structlog.get_logger()

REPORT_EVERY = 1.0
"""Seconds until a note is told."""
REPORTED_AT_ONCE = 50
"""Notes after which the loop turns to others."""


class SignInsAfterMigration:
    """The notes that wait to be told."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._waiting: deque[tuple[Account, str | None]] = deque()

    def note(self, tombstone: Account, event_id: str | None) -> None:
        """Take a question, with the id of the event that asked it."""
        self._waiting.append((tombstone, event_id))

    async def keep_reporting(self) -> None:
        """Tell what waits, for as long as the service runs, and what is left when it ends."""
        try:
            while True:
                await asyncio.sleep(REPORT_EVERY)
                for _ in range(0, len(self._waiting), REPORTED_AT_ONCE):
                    self.report(REPORTED_AT_ONCE)
                    await asyncio.sleep(0)
        finally:
            self.report()

    def report(self, most: int = sys.maxsize) -> None:
        """Count each question, and write it to the log."""
        for _ in range(min(most, len(self._waiting))):
            tombstone, event_id = self._waiting.popleft()
            self._telemetry.sign_ins_after_migration.inc()
            log.warning(
                "sign_in_after_migration", account_id=tombstone.id, state=tombstone.state.value, event_id=event_id
            )


LISTED = 1000
"""How many are kept; the one that was asked for longest ago makes room."""


class UnknownLogins:
    """The last unknown logins, by their keys."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, tuple[int, datetime]] = OrderedDict()

    def note(self, login_key: str) -> None:
        """Count one; a probe of `hooks check` is nobody who is missing."""
        if is_probe(login_key):
            return
        count, _ = self._seen.pop(login_key, (0, None))
        self._seen[login_key] = count + 1, datetime.now(UTC)
        if len(self._seen) > LISTED:
            self._seen.popitem(last=False)

    def __len__(self) -> int:
        """Count the logins that are kept."""
        return len(self._seen)

    def listed(self) -> list[dict[str, object]]:
        """Return them, the last one first."""
        return [
            {"login": login, "calls": calls, "last": last.isoformat(timespec="seconds")}
            for login, (calls, last) in reversed(self._seen.items())
        ]
