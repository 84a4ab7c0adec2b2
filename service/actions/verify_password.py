"""Answer Okta's question: is this password right? Knows the store and the pool; knows no HTTP.

A verdict is only given where everything worked. Whatever fails on our side is an exception, never UNVERIFIED: a right
password must not be called wrong because we failed.
"""

import asyncio
import enum
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from service.accounts import recipes
from service.accounts.account import Account, KeptHash
from service.accounts.database import AWAY, Database
from service.accounts.find import Ambiguous, find
from service.accounts.names import login_key
from service.accounts.verified import record_verified
from service.actions.open_hashes import HashOpener, MissingPepper
from service.actions.stand_ins import StandIns
from service.okta.password_import import PasswordImportCall, Verdict
from service.passwords.format import Check, UnusableHash
from service.passwords.pool import HashingPool, Joins
from service.telemetry import Telemetry, describe

log = structlog.get_logger()

LAST_WRITE = 0.2
"""Seconds before the deadline at which an unfinished record of VERIFIED is given up, and the answer leaves."""


class SignIn(enum.StrEnum):
    """What became of a call."""

    VERIFIED = "verified"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 (an outcome)
    UNKNOWN = "unknown_login"
    AMBIGUOUS = "ambiguous_login"
    UNARMED = "unarmed"
    TOMBSTONE = "tombstone"

    @property
    def verdict(self) -> Verdict:
        """The word that Okta gets."""
        return Verdict.VERIFIED if self is SignIn.VERIFIED else Verdict.UNVERIFIED


class NoAccounts(Exception):
    """No account is loaded at all, so that an unknown login says nothing about the person."""


class UnusableStoredHash(Exception):
    """A hash in the store cannot be checked, and no other hash of the account matched."""


@dataclass(slots=True)
class PasswordVerifier:
    """What answering takes; made once, at start."""

    database: Database
    pool: HashingPool
    joins: Joins
    opener: HashOpener
    stand_ins: StandIns
    telemetry: Telemetry
    accounts_seen: bool = False

    async def verify(self, call: PasswordImportCall, *, deadline: float) -> SignIn:
        """Answer a call before `deadline` (of the loop's clock).

        Raises `Overloaded` where the check could not end in time, and any other exception where we are at fault.
        """
        key = login_key(call.username)
        sign_in = await self.joins.run((key, call.password), lambda: self._verify(call, key, deadline))
        self.telemetry.sign_ins.labels(sign_in).inc()
        return sign_in

    async def _verify(self, call: PasswordImportCall, key: str, deadline: float) -> SignIn:
        async with self.database.connection() as connection:
            found = await find(connection, call.username)
            if found is None and not self.accounts_seen:
                self.accounts_seen = await recipes.has_accounts(connection)
        if found is None and not self.accounts_seen:
            raise NoAccounts
        refusal = _refusal(found)
        if refusal is not None:
            return await self._stand_in(refusal, found, call, key, deadline)
        assert isinstance(found, Account)  # noqa: S101 (for the type checker: whatever else was found is refused)
        return await self._check(found, call, deadline)

    async def _stand_in(
        self, refusal: SignIn, found: Account | Ambiguous | None, call: PasswordImportCall, key: str, deadline: float
    ) -> SignIn:
        await self.pool.verify([self.stand_ins.choose(key)], call.password, account=key, deadline=deadline)
        if refusal is SignIn.TOMBSTONE and isinstance(found, Account):
            self.telemetry.asked_after_success.inc()
            log.warning("asked_after_success", account_id=found.id, state=found.state.value, event_id=call.event_id)
        return refusal

    async def _check(self, account: Account, call: PasswordImportCall, deadline: float) -> SignIn:
        checks = self._open(account)
        if checks and await self.pool.verify(checks, call.password, account=account.login_key, deadline=deadline):
            await self._record(account, deadline)
            return SignIn.VERIFIED
        if len(checks) < len(account.hashes) or not checks:
            raise UnusableStoredHash
        return SignIn.WRONG_PASSWORD

    def _open(self, account: Account) -> Sequence[Check]:
        checks = []
        for kept in account.hashes:
            try:
                checks.append(self.opener.open(kept))
            except (UnusableHash, MissingPepper) as error:
                self._tell_unusable(account, kept, error)
        return checks

    def _tell_unusable(self, account: Account, kept: KeptHash, error: Exception) -> None:
        self.telemetry.faults.labels("unusable_hash").inc()
        log.error(
            "unusable_hash", account_id=account.id, source=kept.source, format=kept.format, fault=type(error).__name__
        )

    async def _record(self, account: Account, deadline: float) -> None:
        """Record VERIFIED; if only that fails the person gets in all the same, and Okta's event tells us the rest."""
        if account.state != "waiting":
            return
        try:
            async with asyncio.timeout_at(deadline - LAST_WRITE), self.database.connection() as connection:
                await record_verified(connection, account.id)
        except (*AWAY, TimeoutError) as error:
            self.telemetry.verified_unrecorded.inc()
            log.warning("verified_unrecorded", account_id=account.id, **describe(error))


def _refusal(found: Account | Ambiguous | None) -> SignIn | None:
    if found is None:
        return SignIn.UNKNOWN
    if isinstance(found, Ambiguous):
        return SignIn.AMBIGUOUS
    if found.state.is_tombstone:
        return SignIn.TOMBSTONE
    return SignIn.UNARMED if found.state == "unarmed" else None
