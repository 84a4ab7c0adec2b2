"""The command `doctor`: problems of an installation, and how to fix them."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.errors import DONE, FAILED, CommandFailed, printable
from service.cli.okta_options import run

if TYPE_CHECKING:
    from service.administration.doctor import Finding, HashCosts, Surroundings
    from service.hooks.findings import Finding as HookFinding
    from service.okta_client import OktaOrg
    from service.settings import Settings
    from service.store.database import Database

COLOURS = {"ok": "green", "unknown": "cyan", "warning": "yellow", "failure": "red"}
ORDER = ("failure", "warning", "unknown", "ok")


def doctor(
    key_backup: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A backup of HASH_KEYS to compare with the configured keys.")
    ] = None,
    peak: Annotated[
        str | None,
        typer.Option(metavar="RATE", help="Expected peak of sign-ins, such as 40/s or 300/m. [default: estimated]"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> int:
    """Examine the installation; each finding is ok, unknown, warning or failure, with its fix.

    Examines the database, role, schema, clocks, disk, keys and their backup, hashes, peppers, cores compared with the
    cost of the hashes, stored attributes, names, TLS, secret files, Okta's credentials and rate limits, hooks, and the
    last reconciliation. Run it where the service runs, with the same settings. It changes nothing. Okta calls the
    inline hooks once, with a probe for an invented person. The exit code is 1 on any failure, otherwise 0.
    """
    expected = _read_peak(peak) if peak else None
    found = run(_doctor(key_backup, expected, print_at_once=not as_json))
    if as_json:
        typer.echo(json.dumps(summary(found)))
    else:
        typer.echo(_total(found))
    return FAILED if any(each.status == "failure" for each in found) else DONE


def _read_peak(text: str) -> float:
    from service.cli.rehearse import read_rate

    try:
        return read_rate(text)
    except typer.BadParameter as bad:
        raise typer.BadParameter(bad.message, param_hint="--peak") from None


async def _doctor(key_backup: Path | None, peak: float | None, *, print_at_once: bool) -> "list[Finding]":
    found: list[Finding] = []
    async for finding in findings(key_backup=key_backup, peak=peak):
        if print_at_once:
            last = found[-1] if found else None
            is_same = last is not None and (last.message, last.fix) == (finding.message, finding.fix)
            typer.echo("\n".join(lines(finding, with_fix=not is_same)))
        found.append(finding)
    return found


async def findings(*, key_backup: Path | None = None, peak: float | None = None) -> "AsyncIterator[Finding]":
    """Read the settings, open what can be opened, and examine it."""
    from service.administration.doctor import CORRECT, Area, failure, sentence
    from service.administration.examine import examine
    from service.settings import BadSettings, load_settings
    from service.telemetry import configure_logging

    configure_logging("error")
    try:
        settings = load_settings()
    except BadSettings as bad:
        for line in str(bad).splitlines():
            yield failure(Area.SETTINGS, sentence(line), f"{CORRECT}, and run doctor again")
        return
    async with AsyncExitStack() as stack:
        around = await _surroundings(settings, stack, key_backup=key_backup, peak=peak)
        async for finding in examine(around):
            yield finding


async def _surroundings(
    settings: "Settings", stack: AsyncExitStack, *, key_backup: Path | None, peak: float | None
) -> "Surroundings":
    from service.administration.doctor import Surroundings

    database, no_database = await _database(settings, stack)
    org, no_org = await _org(settings, stack)
    base_url = await _base_url(database)
    return Surroundings(
        settings=settings,
        environment=os.environ,
        database=database,
        no_database=no_database,
        org=org,
        no_org=no_org,
        base_url=base_url,
        check_hooks=None if org is None or database is None else lambda: _hooks(settings, database, org, base_url),
        measure_costs=lambda: _costs(settings, database),
        peak=peak,
        key_backup=key_backup,
    )


async def _database(settings: "Settings", stack: AsyncExitStack) -> "tuple[Database | None, Finding | None]":
    """Open the database. An embedded one is started, but never created."""
    from service.administration.doctor import Area, failure
    from service.embedded_postgres import NoPostgres, PostgresDidNotStart
    from service.store.connect import database_dsn
    from service.store.database import Database

    folder = settings.data_dir.absolute()
    try:
        if settings.database_url is None and not (folder / "postgres" / "data").is_dir():
            said = f"DATABASE_URL is unset, and there is no embedded database in {folder}."
            return None, failure(
                Area.DATABASE, said, "set DATABASE_URL, or run `password-import migrate` to create one"
            )
        dsn = await stack.enter_async_context(database_dsn(settings))
    except OSError as error:
        said = f"The embedded database in {folder} can't be opened: {error.strerror}."
        return None, failure(Area.DATABASE, said, "run doctor as the user of the service, or set DATA_DIR")
    except (NoPostgres, PostgresDidNotStart) as error:
        said = f"The embedded database in {folder} can't be started: {error}."
        return None, failure(Area.DATABASE, said, "see postgres/server.log in that folder")
    database = Database(dsn, connections=2, pooler=settings.database_pooler)
    await database.open()
    stack.push_async_callback(database.close)
    return database, None


async def _org(settings: "Settings", stack: AsyncExitStack) -> "tuple[OktaOrg | None, Sequence[Finding]]":
    from service.administration.doctor import CORRECT, Area, failure, sentence, unknown
    from service.okta_client import open_org, org_settings
    from service.settings import BadSettings

    if settings.okta_client_orgurl is None and settings.okta_client_token is None:
        said, fix = "OKTA_CLIENT_ORGURL is not set, so Okta can't be asked.", "set the org and its credentials"
        return None, [unknown(Area.OKTA, said, f"{fix} (docs/okta-api.md)")]
    try:
        chosen = org_settings(settings)
    except BadSettings as bad:
        return None, [failure(Area.OKTA, sentence(line), CORRECT) for line in str(bad).splitlines()]
    # All of the limit: the calls are few, and with a share that other clients have used up doctor would wait.
    return await stack.enter_async_context(open_org(chosen, share=1.0)), []


async def _base_url(database: "Database | None") -> str | None:
    from service.hooks.queries import HOOKS_BASE_URL, get_text
    from service.store.database import DATABASE_UNAVAILABLE

    if database is not None:
        with suppress(*DATABASE_UNAVAILABLE, TimeoutError):
            async with database.connection() as connection:
                return await get_text(connection, HOOKS_BASE_URL)
    return None


async def _hooks(
    settings: "Settings", database: "Database", org: "OktaOrg", base_url: str | None
) -> "Sequence[Finding]":
    from service.administration.doctor import CORRECT, Area, failure, sentence
    from service.cli.hooks import desired_hooks
    from service.hooks.check import HookCheck
    from service.hooks.ownership import StoredOwnership
    from service.okta.errors import OktaFault
    from service.okta_client.probing import open_probe

    if base_url is None:
        said = "No hooks were registered: the service's public address is not known."
        return [failure(Area.HOOKS, said, "run `password-import hooks register URL`")]
    try:
        desired = desired_hooks(settings, base_url, registration=settings.registration_policy is not None)
        async with open_probe() as probe:
            ownership = StoredOwnership(database, org.host)
            found = await HookCheck(org, ownership, probe, desired, verify=False).run()
    except CommandFailed as failed:
        return [failure(Area.HOOKS, sentence(str(failed)), CORRECT)]
    except OktaFault as fault:
        return [failure(Area.HOOKS, f"The hooks could not be checked: {fault}.", "see the lines on okta")]
    return [finding for each in found if (finding := hook_finding(each)) is not None]


def hook_finding(found: "HookFinding") -> "Finding | None":
    """Convert a finding of `hooks check`; return None for the clock, which has a finding of its own."""
    from service.administration.doctor import Area, Finding, Status, sentence
    from service.hooks.findings import Fault

    if found.fault is Fault.CLOCK:
        return None
    area = Area.TLS if found.fault in (Fault.CERTIFICATE_BAD, Fault.CERTIFICATE_EXPIRES) else Area.HOOKS
    status = Status.WARNING if found.fault.is_warning else Status.FAILURE
    if found.fault is Fault.NOT_SEEN_FROM_HERE:
        status = Status.UNKNOWN
    where = f"{found.kind.label}: " if found.kind else ""
    detail = f" ({found.detail})" if found.detail else ""
    return Finding(area, status, sentence(f"{where}{found.fault.value.replace('_', ' ')}{detail}"), found.fault.remedy)


async def _costs(settings: "Settings", database: "Database | None") -> "HashCosts | None":
    """Measure each stored recipe, and what all cores verify together with the pool that serve would use."""
    from service.administration import queries
    from service.administration.doctor import HashCosts
    from service.administration.doctor_store import NoDatabase
    from service.auth.authenticator import hash_keys
    from service.hashing.bcrypt_choice import BcryptUnavailable, choose_bcrypt
    from service.hashing.pool import HashingPool
    from service.hashing.pool.workers import usable_cores
    from service.loading.identify import report_recipes
    from service.rehearsal.people import measure
    from service.settings import BadSettings
    from service.store import recipes
    from service.stored_hashes import HashOpener

    if database is None:
        raise NoDatabase
    opener, cores = HashOpener(os.environ, hash_keys(settings)), usable_cores()
    async with database.connection() as connection:
        numbers = await queries.hashes_by_recipe(connection)
        kept = [each for each in await recipes.list_recipes(connection) if numbers.get(each.id)]
    if not kept:
        return None
    try:
        choice = await asyncio.to_thread(choose_bcrypt, settings.bcrypt)
    except BcryptUnavailable as unavailable:
        raise BadSettings(str(unavailable)) from None
    found = await asyncio.to_thread(report_recipes, [(each, numbers[each.id]) for each in kept], opener)
    async with HashingPool(interleaving=choice.interleaving) as pool:
        cost = await measure(pool, opener, kept, numbers)
    return HashCosts(cores, found, cores / cost.core_seconds if cost and cost.core_seconds else None)


# The output.


def lines(finding: "Finding", *, with_fix: bool = True) -> Iterator[str]:
    """Yield the line of a finding, and a second one for its fix."""
    status = finding.status.value.ljust(9)
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        status = typer.style(status, fg=COLOURS[finding.status])
    yield f"{status}{finding.area.value:14}{printable(finding.message)}"
    if finding.fix and with_fix:
        yield f"{'':23}Fix: {printable(finding.fix)}"


def _total(found: "Sequence[Finding]") -> str:
    numbers = counts(found).items()
    named = {"failure": "failures", "warning": "warnings"}
    return ", ".join(f"{number:,} {status if number == 1 else named.get(status, status)}" for status, number in numbers)


def counts(found: "Sequence[Finding]") -> dict[str, int]:
    """Count the findings by status."""
    return {status: sum(each.status == status for each in found) for status in ORDER}


def summary(found: "Sequence[Finding]") -> dict[str, Any]:
    """Return the findings as JSON values."""
    return {
        "counts": counts(found),
        "findings": [
            {"area": each.area.value, "status": each.status.value, "message": each.message, "fix": each.fix}
            for each in found
        ],
    }
