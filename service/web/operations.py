"""The handlers of the admin port and of health checks.

Prometheus's `rate` and `increase` miss the first count of a series that was never 0, so counts are created with 0.
"""

import asyncio
import json
from contextlib import suppress

import asyncpg
from aiohttp import web

from service.administration.queries import last_reconciled, okta_call_counts
from service.administration.status import migration_status
from service.auth.authenticator import CredentialFault
from service.import_events.decide import Effect
from service.import_events.record import Channel
from service.okta.events import Fault
from service.okta.hook_calls import DELIVERY, EXECUTED, PROCESSED
from service.signin.readiness import what_is_missing
from service.signin.verify import SignInOutcome
from service.store.audit import Action
from service.store.database import DATABASE_UNAVAILABLE
from service.telemetry import Telemetry
from service.web.bodies import JSON_TYPE
from service.web.errors import FAULT_CODES, OVERLOADED
from service.web.parts import PARTS, Parts

# For operators: `/healthz` and `/readyz` on the service's port, `/metrics` and `/status.json` on the admin port.

READY_WITHIN = 2.0
"""Seconds; an orchestrator should not wait longer than Okta would."""


async def get_healthz(_request: web.Request) -> web.Response:
    """Report that the process serves; an empty store and an unavailable database are healthy, but not ready."""
    return _json({"status": "ok"})


async def get_readyz(request: web.Request) -> web.Response:
    """Report whether verdicts can be returned, and if not, what is missing."""
    parts = request.app[PARTS]
    missing = await still_missing(parts)
    parts.telemetry.ready.set(not missing)
    if missing:
        return _json({"status": "not ready", "missing": missing}, status=503)
    return _json({"status": "ready"})


async def still_missing(parts: Parts) -> list[str]:
    """Return what keeps a running service from returning verdicts, as `/readyz` does, within `READY_WITHIN`."""
    try:
        async with asyncio.timeout(READY_WITHIN):
            missing = list(await what_is_missing(parts.database, parts.revisions, parts.opener))
    except TimeoutError:
        missing = ["the database does not answer"]
    if parts.issuer_keys is not None and not parts.issuer_keys.are_known:
        missing.append("the keys of OAUTH_ISSUER can't be had")
    return missing


async def get_metrics(request: web.Request) -> web.Response:
    """Return the metrics in Prometheus's text format, version 0.0.4."""
    parts = request.app[PARTS]
    pool = parts.verifier.pool.snapshot()
    states = {name: getattr(pool, name) for name in ("workers", "queued", "running", "refused", "dropped", "failed")}
    parts.telemetry.show_pool(states | {"coalesced": parts.verifier.single_flight.coalesced}, pool.estimates)
    await _show_stored(parts)
    headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
    return web.Response(body=parts.telemetry.exposition(), headers=headers)


async def _show_stored(parts: Parts) -> None:
    """Update the metrics that reconciliation stores; without access to the database they are unchanged."""
    for show in (_show_okta_calls, _show_reconciled):
        with suppress(*DATABASE_UNAVAILABLE, TimeoutError):
            async with asyncio.timeout(READY_WITHIN), parts.database.connection() as connection:
                await show(parts.telemetry, connection)


async def _show_okta_calls(telemetry: Telemetry, connection: asyncpg.Connection) -> None:
    for event, outcome, verdict, number in await okta_call_counts(connection):
        telemetry.okta_calls.labels(event, outcome, verdict).set(number)


async def _show_reconciled(telemetry: Telemetry, connection: asyncpg.Connection) -> None:
    for work, moment in (await last_reconciled(connection)).items():
        telemetry.reconciled.labels(work).set(moment.timestamp() if moment else 0)


async def get_status(request: web.Request) -> web.Response:
    """Return the migration's state."""
    parts = request.app[PARTS]
    async with asyncio.timeout(READY_WITHIN * 5), parts.database.connection() as connection:
        status = await migration_status(connection)
    here = {"unknown_logins": parts.verifier.unknown_logins.listed(), "bcrypt": parts.bcrypt.in_use()}
    return _json(status | here)


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(status=status, body=json.dumps(value).encode(), content_type=JSON_TYPE)


CALLED = ("/okta/password-import", "/okta/registration", "/okta/events")
"""The routes that Okta calls."""
OKTA_FAILURES = (EXECUTED, PROCESSED, DELIVERY)
"""The events of Okta's log whose failures an alert watches."""


def create_zero_counts(telemetry: Telemetry) -> None:
    """Create every count that an alert of docs/operations.md watches."""
    for code in FAULT_CODES:
        telemetry.faults.labels(code)
    for sign_in in SignInOutcome:
        telemetry.sign_ins.labels(sign_in)
    for effect in Effect:
        telemetry.import_events.labels(Channel.HOOK, effect)
    for fault in Fault:
        telemetry.unreadable_events.labels(fault)
    for event in OKTA_FAILURES:
        for verdict in ("none", Action.VERIFIED, Action.REFUSED, Action.THROTTLED):
            telemetry.okta_calls.labels(event, "FAILURE", verdict)
    for route in CALLED:
        for code in (OVERLOADED, CredentialFault.WRONG):
            telemetry.error_responses.labels(route, code)
