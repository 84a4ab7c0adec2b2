"""The command `reconcile`: applies missed events of Okta's System Log, and compares the users."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.errors import DONE, CommandFailed, plural
from service.cli.okta_options import (
    STOPPING,
    Stopped,
    errors_reported,
    prepare,
    print_progress,
    print_wait,
    read_moment,
    read_share,
    run,
    until_stopped,
)
from service.cli.progress import show_progress
from service.immutable import immutable

if TYPE_CHECKING:
    from service.okta_client import OktaOrg
    from service.reconciliation.run import Report
    from service.reconciliation.system_log import LogReport
    from service.reconciliation.users import UsersReport
    from service.settings import ForgetWhen, Settings
    from service.store.database import Database

# The totals of a reconciliation as text and as JSON.


def summary(report: "Report") -> dict[str, Any]:
    """Return the report as JSON values."""
    return {"log": _log(report.log), "users": report.users and _users(report.users)}


def _log(log: "LogReport") -> dict[str, Any]:
    return {
        "since": log.since.isoformat() if log.since else None,
        "events": log.events,
        "unreadable": log.unreadable,
        "effects": {effect.value: number for effect, number in log.effects.items()},
        "cursor_lost": log.cursor_lost,
        "warnings": log.warnings,
    }


def _users(users: "UsersReport") -> dict[str, Any]:
    return {
        "users": users.users,
        "compared": users.compared,
        "bound": users.bound,
        "missing": users.missing,
        "retired": {proof.value: number for proof, number in users.retired.items()},
        "own_password_unbound": users.own_password_unbound,
        "other_providers": dict(users.other_providers),
    }


def report_lines(report: "Report") -> Iterator[str]:
    """Yield the report in lines."""
    yield from _log_lines(report.log)
    if report.users is not None:
        yield from _users_lines(report.users)


def _log_lines(log: "LogReport") -> Iterator[str]:
    yield from (f"warning: {warning}" for warning in log.warnings)
    begin = f" since {log.since:%Y-%m-%d %H:%M} UTC" if log.since else ""
    yield f"{plural(log.events, 'import event')} read{begin}"
    yield from (f"  {effect.value}: {number:,}" for effect, number in log.effects.most_common())
    if log.unreadable:
        yield f"  unreadable, kept for inspection: {log.unreadable:,}"


def _users_lines(users: "UsersReport") -> Iterator[str]:
    yield f"{plural(users.compared, 'account')} compared with {plural(users.users, 'user')}"
    if users.bound:
        yield f"  {users.bound:,} found by their login and bound"
    yield from (f"  retired, {proof.value.replace('_', ' ')}: {number:,}" for proof, number in users.retired.items())
    if users.own_password_unbound:
        yield (
            f"  users with the login of a waiting account and a password of their own, not created for it, left alone: "
            f"{users.own_password_unbound:,}"
        )
    for provider, number in users.other_providers.items():
        yield f"  users who sign in by {provider}, left alone: {number:,}"


CALLS_SHARE = 0.25
"""The part of the share of Okta's rate limits that is used for reading the calls of our hooks."""
FAULTS = {"hook_calls_failed", "reconcile_failed", "log_warning", "too_many_missing", "lease_lost"}
"""Progress messages of --follow that need, or may need, an operator's attention."""


def reconcile(
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME|SPAN", help="Read the log again from this time on, for instance 7d after a restore."
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Continue until stopped; one replica at a time works.")
    ] = False,
    users: Annotated[bool, typer.Option(help="Also compare the accounts with the org's users.")] = True,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Retire the hashes of missing users, however many are missing.")
    ] = False,
    every: Annotated[float, typer.Option(min=1, help="With --follow: seconds between two reads of the log.")] = 10.0,
    share: Annotated[str, typer.Option(help="Share of Okta's rate limits to use.")] = "50%",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON for a script.")] = False,
) -> int:
    """Apply missed events: read Okta's System Log from where reading stopped, and apply it.

    Then compare the waiting and verified accounts with the org's users. The hash of a user who has a password set
    in Okta, is deleted, or has been deactivated for 30 days is deleted, with the proof recorded. Suspended and locked
    users keep theirs. Okta keeps its log for 90 days. Repeating the command changes nothing.

    --follow logs its work as JSON lines to standard error; stopped by SIGINT or SIGTERM, it prints the totals. With
    --since, a process that already follows reads the log again from then on.
    """
    begin = read_moment(since)
    settings = prepare(log_level="info" if follow else "error")
    chosen = _Options(users, allow_missing, read_share(share))
    code = DONE
    if follow:
        if since:
            raise typer.BadParameter("--since and --follow exclude each other: run another reconcile with --since")
        report = run(_follow(settings, every, chosen))
    else:
        with errors_reported():
            report, code = run(_reconcile(settings, begin, chosen))
    typer.echo(json.dumps(summary(report)) if as_json else "\n".join(report_lines(report)))
    return code


@immutable
class _Options:
    """The options other than --since."""

    users: bool
    allow_missing: bool
    share: float


async def _reconcile(settings: "Settings", since: datetime | None, options: _Options) -> "tuple[Report, int]":
    from service.app import open_database
    from service.okta_client import open_org, org_settings
    from service.store.leases import LIFE, RECONCILE, Held, hold_lease, is_renewed

    chosen = org_settings(settings)
    wait = LIFE.total_seconds() + 1 if since is None else 0.0
    async with open_database(settings) as database, open_org(chosen, share=options.share) as org:
        while True:
            try:
                async with hold_lease(database, RECONCILE, wait=wait, on_wait=print_wait) as fenced:
                    return await _run_once(fenced, org, settings.forget_when, since, options)
            except Held as held:
                if since is None:
                    raise
                await _ask_to_reread(database, since, held)
                if await is_renewed(database, RECONCILE):
                    raise _asked(since, held) from None


async def _ask_to_reread(database: "Database", since: datetime, held: Exception) -> None:
    from service.reconciliation.queries import ask_to_reread

    async with database.transaction() as connection:
        await ask_to_reread(connection, since)
    print_progress(f"{held}, which is asked to read the log again; waiting until it shows that it is alive")


def _asked(since: datetime, held: Exception) -> CommandFailed:
    return CommandFailed(
        f"{held}: it reads the log again from {since:%Y-%m-%d %H:%M} UTC in its next round, as"
        " requested; or stop it, and run this command again",
        DONE,
    )


async def _run_once(
    database: "Database", org: "OktaOrg", forget_when: "ForgetWhen", since: datetime | None, options: _Options
) -> "tuple[Report, int]":
    from service.reconciliation.run import Reconciliation, Report

    last = Report()
    with show_progress("reconcile", "import events") as shown, _missing_said(org.host):

        def report(report: "Report") -> None:
            last.log, last.users = report.log, report.users
            users = f"{plural(report.users.users, 'user')} compared" if report.users else "reading the System Log"
            shown.update(report.log.events, note=users)

        work = Reconciliation(database, org, forget_when, allow_missing=options.allow_missing, progress=report)
        try:
            return await until_stopped(work.run(since, users=options.users)), DONE
        except Stopped as stopped:
            return last, stopped.code


@contextmanager
def _missing_said(host: str) -> Iterator[None]:
    from service.reconciliation.users import TooManyMissing

    try:
        yield
    except TooManyMissing:
        raise CommandFailed(
            f"so many of the users are not in {host} that it is probably another org: none of them was retired;"
            " --allow-missing retires them nevertheless"
        ) from None


async def _follow(settings: "Settings", every: float, options: _Options) -> "Report":
    import structlog

    from service.app import open_database
    from service.okta_client import open_org, org_settings
    from service.reconciliation.hook_calls import HookCallReader
    from service.reconciliation.run import Report, Rhythm, follow

    stop, totals = asyncio.Event(), Report()
    for number in STOPPING:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    log = structlog.get_logger()

    def report(event: str, fields: dict[str, Any]) -> None:
        (log.warning if event in FAULTS else log.info)(event, **fields)

    chosen = org_settings(settings)
    keep = timedelta(days=settings.audit_retention_days)
    async with (
        open_database(settings) as database,
        open_org(chosen, share=options.share) as org,
        open_org(chosen, share=options.share * CALLS_SHARE, concurrent=1) as beside,
    ):
        await follow(
            database,
            org,
            settings.forget_when,
            stop=stop,
            progress=report,
            rhythm=Rhythm(log=every),
            users=options.users,
            allow_missing=options.allow_missing,
            totals=totals,
            hook_calls=lambda fenced: HookCallReader(fenced, beside, keep=keep),
        )
    return totals
