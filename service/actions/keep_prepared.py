"""Follow what is loaded while the service runs, and prune what is over. Knows store and pool; answers nobody."""

import asyncio
from datetime import timedelta

import structlog

from service.accounts import audit
from service.accounts.database import DATABASE_UNAVAILABLE
from service.actions.throttle_guesses import prune
from service.actions.verify_password import PasswordVerifier
from service.telemetry import describe

log = structlog.get_logger()

REFRESH_EVERY = 60.0
"""Seconds between looks at the recipes, so that stand-ins follow what is loaded while the service runs."""
PRUNED = 5_000
"""Old rows deleted at a time, so that no statement takes long."""
WARMED = 20
"""Costs measured before traffic, the most common kinds first; a store with random rounds has thousands."""


async def keep_prepared(verifier: PasswordVerifier, keep: timedelta) -> None:
    """Follow what is loaded while the service runs, and prune what is over: streaks, events, the audit trail."""
    while True:
        await asyncio.sleep(REFRESH_EVERY)
        try:
            await prepare(verifier)
            async with verifier.database.connection() as connection:
                await prune(connection)
                await audit.prune(connection, keep, PRUNED)
        except (*DATABASE_UNAVAILABLE, TimeoutError) as error:
            log.warning("refresh_failed", **describe(error))


async def prepare(verifier: PasswordVerifier) -> None:
    """Read the recipes, and measure the costs that were never measured here."""
    await verifier.prepare()
    checks = verifier.dummy_hashes.checks if verifier.dummy_hashes else ()
    await verifier.pool.warm([check for check in checks if verifier.pool.estimate(check.cost) is None][:WARMED])
