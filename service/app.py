"""Assembly of the service, the only place where its parts are combined.

`make_app` creates the service, `make_admin_app` the operators' application over the same parts, `serve` runs both.
"""

import asyncio
import contextlib
import gc
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import structlog
from aiohttp import web

from service.administration.counting import AccountCounting
from service.audit_trail import AuditTrail
from service.auth.authenticator import event_authenticator, hash_keys, inline_authenticator, issuer_keys
from service.background import in_background
from service.hashing.bcrypt_choice import BcryptChoice, BcryptUnavailable, choose_bcrypt
from service.hashing.pool import HashingPool, SingleFlight
from service.registration.parse import load_policy
from service.registration.policy import Policy
from service.registration.queries import StoreLookup
from service.registration.screen import RegistrationScreener
from service.registration.toml_document import FaultyPolicy
from service.settings import (
    BadSettings,
    Settings,
    is_readable_by_all,
    require_authentication,
    require_file,
    require_unwritable,
)
from service.signin.verify import PasswordVerifier, keep_prepared, prepare
from service.store.connect import OnCreated, database_dsn, log_created, require_schema
from service.store.database import DATABASE_UNAVAILABLE, Database
from service.store.migrations import known_revisions
from service.stored_hashes import HashOpener
from service.telemetry import Telemetry
from service.web.bodies import DeliveryReader
from service.web.hooks import get_events, post_events, post_password_import, post_registration
from service.web.middleware import Middleware, require_host
from service.web.operations import create_zero_counts, get_healthz, get_metrics, get_readyz, get_status, still_missing
from service.web.parts import PARTS, Parts
from service.web.server import listening
from service.web.status_page.handlers import AccountSearch, get_status_page
from service.web.status_page.recorder import Recorder
from service.web.status_page.render import ACCOUNT_PATH
from service.web.status_page.view import PageFigures, is_exposed
from service.web.tls import BadCertificate, ServerTls

# SIGHUP: files are read again and apply from the next call on. A faulty file is logged and not used.

log = structlog.get_logger()


def reload(parts: Parts, tls: ServerTls | None) -> None:
    """Read secrets, certificate and policy again; on a fault it is logged, and the previous value stays in use."""
    steps: dict[str, Callable[[], None]] = {
        "secrets": lambda: _reload_secrets(parts),
        "hash_keys": lambda: _reload_hash_keys(parts),
    }
    if tls is not None:
        steps["certificate"] = lambda: _reload_certificate(parts.settings, tls)
    named = parts.settings.registration_policy
    if named is not None:
        steps["policy"] = lambda: parts.screener.replace_policy(load_policy(named, again=True))
    for name, step in steps.items():
        try:
            step()
        except (BadSettings, BadCertificate, FaultyPolicy) as error:
            parts.telemetry.reloads.labels(name, "failed").inc()
            log.error("reload_failed", name=name, fault=str(error))  # noqa: TRY400 (the message says it all)
        else:
            parts.telemetry.reloads.labels(name, "done").inc()
            log.info("reloaded", name=name)
    warn_of_readable_files(parts.settings)


def _reload_secrets(parts: Parts) -> None:
    _require_files(parts.settings, "HOOK_SECRETS_FILE", "EVENT_HOOK_SECRETS_FILE")
    require_authentication(parts.settings)
    inline = inline_authenticator(parts.settings, parts.issuer_keys)
    parts.inline_authenticator, parts.event_authenticator = inline, event_authenticator(parts.settings)


def _reload_hash_keys(parts: Parts) -> None:
    _require_files(parts.settings, "HASH_KEYS_FILE")
    parts.verifier.use_keys(hash_keys(parts.settings))


def _reload_certificate(settings: Settings, tls: ServerTls) -> None:
    _require_files(settings, "TLS_KEY")
    if settings.tls_key is not None:
        require_unwritable("TLS_KEY", settings.tls_key)
    tls.reload()


def _require_files(settings: Settings, *names: str) -> None:
    for name, file in settings.secret_files().items():
        if name in names:
            require_file(name, file)


GARBAGE = 20_000
"""Allocations between garbage collections: about a hundred calls; each collection takes less than 1 ms."""


@asynccontextmanager
async def open_database(
    settings: Settings, *, on_created: OnCreated | None = None, must_answer: bool = True
) -> AsyncIterator[Database]:
    """Yield an open connection pool; if no server is set, to the embedded one.

    With `on_created` an embedded database is created if there is none. Raises `SchemaNotReady`, and what connecting
    raises; without `must_answer`, a database that can't be reached is no error.
    """
    async with database_dsn(settings, on_created=on_created) as dsn:
        database = Database(dsn, connections=settings.database_pool_size, pooler=settings.database_pooler)
        await database.open()
        try:
            with contextlib.suppress(*(() if must_answer else (*DATABASE_UNAVAILABLE, TimeoutError))):
                async with database.connection() as connection:
                    await require_schema(connection, settings)
            yield database
        finally:
            await database.close()


@asynccontextmanager
async def make_parts(settings: Settings, database: Database) -> AsyncIterator[Parts]:
    """Yield the parts of a running service. Raises `BadSettings` if no credentials authenticate Okta."""
    require_authentication(settings)
    telemetry, opener, deliveries = Telemetry(), HashOpener(os.environ, hash_keys(settings)), DeliveryReader()
    create_zero_counts(telemetry)
    trail, keys = AuditTrail(), issuer_keys(settings)
    screener = RegistrationScreener(registration_policy(settings), StoreLookup(database), telemetry, trail)
    if keys is not None:
        await keys.open()
    bcrypt = await _choose_bcrypt(settings, telemetry)
    async with HashingPool(queue_timeout=settings.queue_timeout, interleaving=bcrypt.interleaving) as pool:
        verifier = PasswordVerifier(database, pool, SingleFlight(), opener, telemetry, trail)
        with contextlib.suppress(
            *DATABASE_UNAVAILABLE, TimeoutError
        ):  # without a database: at the first call, or the next refresh
            await prepare(verifier)
        parts = Parts(
            settings=settings,
            telemetry=telemetry,
            database=database,
            opener=opener,
            verifier=verifier,
            screener=screener,
            deliveries=deliveries,
            issuer_keys=keys,
            inline_authenticator=inline_authenticator(settings, keys),
            event_authenticator=event_authenticator(settings),
            forget_when=settings.forget_when,
            revisions=known_revisions(),
            bcrypt=bcrypt,
            recorder=Recorder(telemetry, verifier, bcrypt),
            counting=AccountCounting(database),
            page_figures=PageFigures(settings, database),
        )
        background = [
            in_background(keep_prepared(verifier, timedelta(days=settings.audit_retention_days))),
            in_background(trail.keep_writing(database)),
            in_background(verifier.first_attempts.keep_writing(database)),
            in_background(verifier.sign_ins_after_migration.keep_reporting()),
            in_background(parts.recorder.keep_writing(database, lambda: still_missing(parts))),
            in_background(parts.counting.keep_counting()),
        ]
        try:
            yield parts
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)  # one may hold entries of the trail
            await trail.close(database)
            if keys is not None:
                await keys.close()
            await deliveries.close()
            screener.close()


async def _choose_bcrypt(settings: Settings, telemetry: Telemetry) -> BcryptChoice:
    """Choose the bcrypt implementation and log it. Raises `BadSettings` if the configured one cannot be used."""

    def report(fault: str) -> None:
        telemetry.faults.labels("interleaved_bcrypt").inc()
        log.error("interleaved_bcrypt_off", fault=fault)

    try:
        choice = await asyncio.to_thread(choose_bcrypt, settings.bcrypt, on_fault=report)
    except BcryptUnavailable as unavailable:
        raise BadSettings(str(unavailable)) from None
    log.info("bcrypt", implementation=choice.implementation, single=choice.single, reason=choice.reason)
    return choice


def registration_policy(settings: Settings) -> Policy | None:
    """Load the configured policy; without one, log a warning and return None. Raises `BadSettings` with all faults."""
    if settings.registration_policy is None:
        log.warning("no_registration_policy")
        return None
    try:
        return load_policy(settings.registration_policy)
    except FaultyPolicy as error:
        raise BadSettings(f"REGISTRATION_POLICY: {error}") from None


def make_app(parts: Parts) -> web.Application:
    """Create the application that Okta calls."""
    app = web.Application(middlewares=[Middleware(parts).admit])
    app[PARTS] = parts
    app.router.add_post("/okta/password-import", post_password_import)
    app.router.add_post("/okta/registration", post_registration)
    app.router.add_get("/okta/events", get_events, allow_head=False)
    app.router.add_post("/okta/events", post_events)
    app.router.add_get("/healthz", get_healthz)
    app.router.add_get("/readyz", get_readyz)
    return app


def make_admin_app(parts: Parts) -> web.Application:
    """Create the operators' application. Numbers are public; names require ADMIN_PASSWORD."""
    app = web.Application(middlewares=[Middleware(parts).errors, require_host(parts.settings.admin_names())])
    app[PARTS] = parts
    app.router.add_get("/", get_status_page)
    app.router.add_get("/metrics", get_metrics)
    app.router.add_get("/status.json", get_status)
    if parts.settings.admin_password is not None:
        searching = AccountSearch(parts)
        app.router.add_get(ACCOUNT_PATH, searching.get)
        app.router.add_post(ACCOUNT_PATH, searching.post)
    return app


async def serve(settings: Settings) -> None:
    """Run the service until SIGTERM or SIGINT; then finish accepted calls and stop."""
    require_authentication(settings)
    warn_of_secrets(settings)
    stop = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
    tls = server_tls(settings)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings, on_created=log_created, must_answer=False))
        parts = await stack.enter_async_context(make_parts(settings, database))
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload, parts, tls)
        await stack.enter_async_context(listening("service", make_app(parts), settings.host, settings.port, tls=tls))
        await stack.enter_async_context(
            listening("admin", make_admin_app(parts), settings.admin_host, settings.admin_port)
        )
        freeze_startup_objects()
        if is_exposed(settings):
            log.warning("admin_port_exposed", remedy="set ADMIN_HOST=127.0.0.1, or put a proxy with TLS in front of it")
        for reason in await still_missing(parts):  # an operator who starts it by hand sees the log, not /readyz
            log.warning("not_ready", reason=reason)
        await stop.wait()
        log.info("stopping")


def warn_of_secrets(settings: Settings) -> None:
    """Log secrets that are used for more, or readable by more, than they should be."""
    if not settings.has_event_secrets():
        log.warning("event_hook_shares_secrets", remedy="set EVENT_HOOK_SECRETS or EVENT_HOOK_SECRETS_FILE")
    warn_of_readable_files(settings)


def warn_of_readable_files(settings: Settings) -> None:
    """Log the files of secrets that every user of the machine may read."""
    for name, file in settings.secret_files().items():
        if is_readable_by_all(file):
            log.warning("secret_file_readable", name=name, remedy="chmod o-r")


def freeze_startup_objects() -> None:
    """Exempt the objects created at start from garbage collection: a full collection stalls the loop for 0.1 s."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE)


def server_tls(settings: Settings) -> ServerTls | None:
    """Read the certificate; None if a proxy ends TLS. Raises `BadSettings`."""
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    require_unwritable("TLS_KEY", settings.tls_key)
    try:
        return ServerTls(settings.tls_cert, settings.tls_key)
    except BadCertificate as error:
        raise BadSettings(str(error)) from None
