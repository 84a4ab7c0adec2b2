"""Write down what became of a sign-in, in at most one statement. Decides nothing: a failed write changes no verdict."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import asyncpg
import structlog

from service.accounts.account import Account, State
from service.accounts.audit import Action
from service.accounts.database import AWAY, Database
from service.accounts.failures import Failures
from service.accounts.find import Found
from service.accounts.verified import record_verified
from service.actions.audit_trail import AuditTrail
from service.actions.sign_in import Asked, SignIn
from service.actions.throttle_guesses import count_wrong_password
from service.telemetry import Telemetry, describe

log = structlog.get_logger()

LAST_WRITE = 0.2
"""Seconds before the deadline at which an unfinished record is given up, and the answer leaves."""


@dataclass(slots=True)
class SignInRecorder:
    """What writing down takes; made once, at start."""

    database: Database
    telemetry: Telemetry
    trail: AuditTrail

    async def remember(self, sign_in: SignIn, found: Found, failures: Failures, asked: Asked) -> None:
        """Write down a verdict and what it means for the account and for who asked."""
        if sign_in is SignIn.VERIFIED:
            assert isinstance(found, Account)  # noqa: S101 (for the type checker: nobody else is verified)
            await self._verified(found, failures, asked)
        else:
            await self._refused(sign_in, found, asked)

    async def _refused(self, sign_in: SignIn, found: Found, asked: Asked) -> None:
        account_id = found.id if isinstance(found, Account) else None
        self.trail.note(asked.entry(Action.REFUSED, sign_in, account_id))
        who, event_id = asked.who, asked.call.event_id
        if not await self._write(asked, lambda connection: count_wrong_password(connection, who, event_id)):
            self.telemetry.faults.labels("failure_uncounted").inc()

    async def _verified(self, account: Account, failures: Failures, asked: Asked) -> None:
        clear = asked.who if failures.pair or failures.login else None
        entry = asked.entry(Action.VERIFIED, "password", account.id)
        if account.state is State.VERIFIED and clear is None:
            self.trail.note(entry)
        elif not await self._write(
            asked, lambda connection: record_verified(connection, account.id, clear_failures_of=clear, entry=entry)
        ):
            self.trail.note(entry)
            # The person gets in all the same, and Okta's event tells us the rest.
            self.telemetry.verified_unrecorded.inc()
            log.warning("verified_unrecorded", account_id=account.id, event_id=asked.call.event_id)

    async def _write(self, asked: Asked, statement: Callable[[asyncpg.Connection], Awaitable[None]]) -> bool:
        try:
            async with asyncio.timeout_at(asked.deadline - LAST_WRITE), self.database.connection() as connection:
                await statement(connection)
        except (*AWAY, TimeoutError) as error:
            log.warning("write_failed", **describe(error))
            return False
        return True
