"""Okta's questions about tombstones: told to the operator a moment later, all together. Knows no call and no rule.

Okta should not ask after its SUCCESS. A line in the log takes so long that the time of an answer would tell the caller
whose account is one: so a call only leaves a note.
"""

import asyncio
import sys
from collections import deque

import structlog

from service.accounts.account import Account
from service.telemetry import Telemetry

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
