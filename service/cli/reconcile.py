"""The command `reconcile`: catches up with Okta's System Log and users."""

import asyncio
import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.errors import CommandFailed
from service.cli.okta_options import errors_reported, prepare, read_moment, read_share, run

if TYPE_CHECKING:
    from service.reconciliation.run import Report
    from service.reconciliation.system_log import LogReport
    from service.reconciliation.users import UsersReport
    from service.settings import Settings

# How a reconciliation is told: while it goes on, to people, and to a script.


@contextmanager
def progress() -> "Iterator[Callable[[Report], None]]":
    """Show how far reading is on a terminal; nothing elsewhere."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _report: None
        return
    with console.status("reading the System Log") as status:

        def report(report: "Report") -> None:
            users = f"; {report.users.users:,} users compared" if report.users else ""
            status.update(f"{report.log.events:,} import events read{users}")

        yield report


def summary(report: "Report") -> dict[str, Any]:
    """Give the report for a script."""
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
    """Tell the report in lines."""
    yield from _log_lines(report.log)
    if report.users is not None:
        yield from _users_lines(report.users)


def _log_lines(log: "LogReport") -> Iterator[str]:
    yield from (f"warning: {warning}" for warning in log.warnings)
    begin = f" since {log.since:%Y-%m-%d %H:%M} UTC" if log.since else ""
    yield f"{log.events:,} import events read{begin}"
    yield from (f"  {effect.value}: {number:,}" for effect, number in log.effects.most_common())
    if log.unreadable:
        yield f"  {log.unreadable:,} could not be read, and are kept for inspection"


def _users_lines(users: "UsersReport") -> Iterator[str]:
    yield f"{users.compared:,} accounts compared with {users.users:,} users"
    if users.bound:
        yield f"  {users.bound:,} found by their login and bound"
    yield from (f"  retired, {proof.value.replace('_', ' ')}: {number:,}" for proof, number in users.retired.items())
    if users.own_password_unbound:
        yield (
            f"  {users.own_password_unbound:,} users have the login of a waiting account and a password of their own,"
            " and were not created for it: left alone"
        )
    for provider, number in users.other_providers.items():
        yield f"  {number:,} users sign in by {provider}: left alone"


FAULTS = {"reconcile_failed", "log_warning", "too_many_missing", "lease_lost"}
"""What following tells that somebody has to look at, or may have to."""


def reconcile(
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME|SPAN", help="Read the log again from then on, for instance after a restore: 7d."),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Keep doing it; one replica at a time does.")] = False,
    users: Annotated[bool, typer.Option(help="Compare the accounts with the org's users too.")] = True,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Retire the hashes of missing users however many there are.")
    ] = False,
    every: Annotated[float, typer.Option(min=1, help="Seconds between looks at the log with --follow.")] = 10.0,
    share: Annotated[str, typer.Option(help="Of Okta's rate limits, so much is used; the rest is left free.")] = "50%",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON for a script.")] = False,
) -> None:
    """Catch up with events that never came: Okta's System Log is read where reading stopped, and applied.

    Then the waiting and verified accounts are compared with the org's users: who has a password of Okta's own, is
    deleted, or has been deactivated for 30 days has no use for the hash any more; it is forgotten, with the proof.
    Suspended and locked users keep theirs. Okta keeps its log for 90 days. Doing it again changes nothing.
    """
    begin = read_moment(since)
    settings = prepare()
    if follow:
        if since:
            raise typer.BadParameter("--since and --follow exclude each other: run reconcile --since first")
        run(_follow(settings, every, read_share(share)))
        return
    with errors_reported():
        report = run(_reconcile(settings, begin, users, allow_missing, read_share(share)))
    typer.echo(json.dumps(summary(report)) if as_json else "\n".join(report_lines(report)))


async def _reconcile(
    settings: "Settings", since: datetime | None, users: bool, allow_missing: bool, share: float
) -> "Report":
    from service.app import open_database
    from service.okta_client import open_org, org_settings
    from service.reconciliation.run import Reconciliation
    from service.store.leases import LIFE, RECONCILE, hold_lease

    chosen = org_settings(settings)
    async with (
        open_database(settings) as database,
        open_org(chosen, share=share) as org,
        hold_lease(database, RECONCILE, wait=LIFE.total_seconds() + 1) as fenced,
    ):
        with progress() as report, _missing_said(org.host):
            work = Reconciliation(fenced, org, settings.forget_when, allow_missing=allow_missing, progress=report)
            return await work.run(since, users=users)


@contextmanager
def _missing_said(host: str) -> Iterator[None]:
    from service.reconciliation.users import TooManyMissing

    try:
        yield
    except TooManyMissing:
        raise CommandFailed(
            f"so many of the users are not in {host} that it is probably another org: nothing was retired for that;"
            " --allow-missing retires them all the same"
        ) from None


async def _follow(settings: "Settings", every: float, share: float) -> None:
    import structlog

    from service.app import open_database
    from service.okta_client import open_org, org_settings
    from service.reconciliation.run import Rhythm, follow

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    log = structlog.get_logger()

    def report(event: str, fields: dict[str, Any]) -> None:
        (log.warning if event in FAULTS else log.info)(event, **fields)

    chosen = org_settings(settings)
    async with open_database(settings) as database, open_org(chosen, share=share) as org:
        await follow(database, org, settings.forget_when, stop=stop, progress=report, rhythm=Rhythm(log=every))
