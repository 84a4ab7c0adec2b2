"""`reconcile` catches up with Okta's System Log and users."""

import asyncio
import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.failures import CommandFailed
from service.cli.okta import errors_reported, read_moment, read_share
from service.cli.reconcile_report import progress, report_lines, summary
from service.cli.running import prepare, run

if TYPE_CHECKING:
    from service.actions.reconcile import Report
    from service.settings import Settings

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
    from service.actions.hold_lease import LIFE, RECONCILE, hold_lease
    from service.actions.reconcile import Reconciliation
    from service.app import open_database
    from service.okta_client import open_org, org_settings

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
    from service.actions.missing_users import TooManyMissing

    try:
        yield
    except TooManyMissing:
        raise CommandFailed(
            f"so many of the users are not in {host} that it is probably another org: nothing was retired for that;"
            " --allow-missing retires them all the same"
        ) from None


async def _follow(settings: "Settings", every: float, share: float) -> None:
    import structlog

    from service.actions.follow_log import Rhythm, follow
    from service.app import open_database
    from service.okta_client import open_org, org_settings

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    log = structlog.get_logger()

    def report(event: str, fields: dict[str, Any]) -> None:
        (log.warning if event in FAULTS else log.info)(event, **fields)

    chosen = org_settings(settings)
    async with open_database(settings) as database, open_org(chosen, share=share) as org:
        await follow(database, org, settings.forget_when, stop=stop, progress=report, rhythm=Rhythm(log=every))
