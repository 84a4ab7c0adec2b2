"""Sign-ins of a rehearsal's invented people: the work of a real sign-in, with a verdict that concerns no account."""

import asyncio
import hmac
from dataclasses import dataclass

import structlog

from service.audit_trail import AuditTrail
from service.hashing.pool import HashingPool
from service.okta.password_import import PasswordImportCall
from service.store import rehearsals
from service.store.audit import Action, Entry
from service.store.database import DATABASE_UNAVAILABLE, Database
from service.stored_hashes import HashOpener
from service.telemetry import describe

log = structlog.get_logger()

LAST_WRITE = 0.2
"""Seconds before the deadline at which an unfinished record is abandoned, as in a real sign-in."""


@dataclass(slots=True)
class RehearsalVerifier:
    """Verifies invented people: one read, one check in the pool, one write."""

    database: Database
    pool: HashingPool
    opener: HashOpener
    trail: AuditTrail

    async def verify(self, call: PasswordImportCall, key: str, code: str, *, deadline: float) -> bool | None:
        """Return whether the password is right; None if the login is not a rehearsal's, or has expired.

        The check uses a dummy hash with the format and cost of the person's recipe, only to take the same time. Raises
        the exceptions of a real sign-in.
        """
        async with self.database.connection() as connection:
            person = await rehearsals.find(connection, key)
        if person is None:
            return None
        check = self.opener.open(self.opener.stored_dummy_hash(person.recipe))
        await self.pool.verify([check], call.password, account=key, deadline=deadline)
        is_right = hmac.compare_digest(rehearsals.password_digest(call.password), person.password_digest)
        await self._record(call, key, code, deadline, is_right=is_right)
        return is_right

    async def _record(self, call: PasswordImportCall, key: str, code: str, deadline: float, *, is_right: bool) -> None:
        if not is_right:
            entry = Entry(Action.REFUSED, "rehearsal", code, event_id=call.event_id, request_id=call.request_id)
            self.trail.note(entry)
        try:
            async with asyncio.timeout_at(deadline - LAST_WRITE), self.database.connection() as connection:
                if is_right:
                    await rehearsals.record_verified(connection, key, code, call.event_id, call.request_id)
                else:
                    await rehearsals.record_refused(connection, key)
        except (*DATABASE_UNAVAILABLE, TimeoutError) as error:
            log.warning("write_failed", **describe(error))
