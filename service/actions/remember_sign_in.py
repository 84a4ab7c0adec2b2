"""Write down what became of a sign-in, in at most one statement. Decides nothing: a failed write changes no verdict."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import asyncpg
import structlog

from service.accounts.account import Account, State
from service.accounts.audit import Action
from service.accounts.database import DATABASE_UNAVAILABLE, Database
from service.accounts.failures import Failures
from service.accounts.find import Found
from service.accounts.verified import record_verified
from service.actions.audit_trail import AuditTrail
from service.actions.sign_in import SignInOutcome, SignInRequest
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

    async def remember(self, outcome: SignInOutcome, found: Found, failures: Failures, request: SignInRequest) -> None:
        """Write down a verdict and what it means for the account and for who asked."""
        if outcome is SignInOutcome.VERIFIED:
            assert isinstance(found, Account)  # noqa: S101 (for the type checker: nobody else is verified)
            await self._verified(found, failures, request)
        else:
            await self._refused(outcome, found, request)

    async def _refused(self, outcome: SignInOutcome, found: Found, request: SignInRequest) -> None:
        account_id = found.id if isinstance(found, Account) else None
        self.trail.note(request.entry(Action.REFUSED, outcome, account_id))
        who, event_id = request.who, request.call.event_id
        if not await self._write(request, lambda connection: count_wrong_password(connection, who, event_id)):
            self.telemetry.faults.labels("failure_uncounted").inc()

    async def _verified(self, account: Account, failures: Failures, request: SignInRequest) -> None:
        clear = request.who if failures.pair or failures.login else None
        entry = request.entry(Action.VERIFIED, "password", account.id)
        if account.state is State.VERIFIED and clear is None:
            self.trail.note(entry)
        elif not await self._write(
            request, lambda connection: record_verified(connection, account.id, clear_failures_of=clear, entry=entry)
        ):
            self.trail.note(entry)
            # The person gets in all the same, and Okta's event tells us the rest.
            self.telemetry.verified_unrecorded.inc()
            log.warning("verified_unrecorded", account_id=account.id, event_id=request.call.event_id)

    async def _write(self, request: SignInRequest, statement: Callable[[asyncpg.Connection], Awaitable[None]]) -> bool:
        try:
            async with asyncio.timeout_at(request.deadline - LAST_WRITE), self.database.connection() as connection:
                await statement(connection)
        except (*DATABASE_UNAVAILABLE, TimeoutError) as error:
            log.warning("write_failed", **describe(error))
            return False
        return True
