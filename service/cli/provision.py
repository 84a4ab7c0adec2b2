"""The command `provision`: creates the loaded accounts in Okta."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.errors import DONE, SOME_REFUSED, WRONG_USAGE, CommandFailed
from service.cli.hooks import refuse_without_hooks
from service.cli.okta_options import errors_reported, prepare, print_progress, read_share, run
from service.immutable import immutable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from service.okta_client import OktaOrg
    from service.provisioning.plan import Plan
    from service.provisioning.provision import Totals
    from service.provisioning.queries import Choice
    from service.settings import ForgetWhen, Settings
    from service.store.database import Database
    from service.store.encryption import HashKeys

# How a provisioning run is told: while it goes on, to people, and to a script.


@contextmanager
def progress() -> "Iterator[Callable[[Totals], None]]":
    """Show how far it is, the rate and the time left on a terminal; nothing elsewhere."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _totals: None
        return
    with _bar(console) as bar:
        task = bar.add_task("provision", total=None, rate=0.0, refused=0)

        def report(totals: "Totals") -> None:
            from service.provisioning.rules import Outcome

            rate = bar.tasks[0].speed or 0.0
            refused = totals.outcomes[Outcome.REFUSED]
            bar.update(task, total=totals.total, completed=totals.done, rate=rate, refused=refused)

        yield report


def _bar(console: "Console") -> "Progress":
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:.1f}/s"),
        BarColumn(),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        TextColumn("{task.fields[refused]:,} refused"),
    )
    # The rate of the last ten minutes: Okta's limits let work come in bursts.
    return Progress(*columns, console=console, transient=True, speed_estimate_period=600)


def summary(totals: "Totals", refused: int, report: Path) -> dict[str, Any]:
    """Give the totals for a script."""
    return {
        "accounts": totals.total,
        "outcomes": {outcome.value: number for outcome, number in totals.outcomes.items()},
        "methods": {method.value: number for method, number in totals.methods.items()},
        "unanswered": totals.unanswered,
        "looked_up": totals.looked_up,
        "refused": refused,
        "report": str(report) if refused else None,
    }


def report_lines(totals: "Totals", refused: int, report: Path, *, dry_run: bool) -> Iterator[str]:
    """Tell the totals in lines."""
    if dry_run:
        yield f"{totals.total:,} accounts would be created"
        yield from (f"  by {method.value}: {number:,}" for method, number in totals.methods.items())
        yield from (f"  {outcome.value}: {number:,}" for outcome, number in totals.outcomes.items())
        return
    yield f"{totals.total:,} accounts to create"
    yield from (f"  {outcome.value}: {number:,}" for outcome, number in totals.outcomes.items())
    yield from (f"  by {method.value}: {number:,}" for method, number in totals.methods.items())
    if totals.unanswered:
        yield f"  no answer from Okta for {totals.unanswered:,}: run it again, they are looked up first"
    if refused:
        yield f"{refused:,} refused accounts, each with the reason, are in {report}; corrected, give it to --corrected"


# The report of the accounts that Okta refuses: written, and taken up again once corrected.


async def take_corrections(
    database: "Database", corrected: Path | None, forget_when: "ForgetWhen", keys: "HashKeys"
) -> None:
    """Take up a corrected report, where one is given. Raises `CommandFailed` where it can't be read."""
    from service.provisioning.corrections import BadReport, correct_accounts, read_report

    if corrected is None:
        return
    try:
        with corrected.open(encoding="utf-8-sig", newline="") as file:
            rows = read_report(file)
    except (BadReport, UnicodeDecodeError) as error:
        fault = str(error) if isinstance(error, BadReport) else "is not UTF-8"
        raise CommandFailed(f"--corrected {corrected}: {fault}", WRONG_USAGE) from None
    done = await correct_accounts(database, rows, forget_when=forget_when, keys=keys)
    print_progress(f"{done.corrected:,} accounts corrected")
    for refused in done.refused:
        print_progress(f"{corrected}, {refused}")


async def write_refused(database: "Database", path: Path) -> int:
    """List what Okta refused; give the number. A report of before stays where there is nothing to list."""
    from service.provisioning.corrections import write_report

    beside = path.with_name(f".{path.name}.new")
    with beside.open("w", encoding="utf-8", newline="") as file:
        refused = await write_report(database, file)
    if refused:
        beside.replace(path)
    else:
        beside.unlink()
    return refused


# What `provision` does, step by step: hooks, lease, corrections, group, users, report.


@immutable
class Options:
    """What was asked for besides the choice of accounts."""

    dry_run: bool
    group: str | None
    attributes: list[str] | None
    direct: bool
    share: float
    concurrency: int
    limit: int | None
    report: Path
    corrected: Path | None
    base_url: str | None


async def run_provision(settings: "Settings", choice: "Choice", options: Options) -> "tuple[Totals, int]":
    """Create the accounts, or foresee it; give the totals, and how many accounts the report lists."""
    from service.app import open_database
    from service.auth.authenticator import hash_keys
    from service.okta_client import open_org, org_settings
    from service.provisioning.provision import Provisioning

    chosen, keys = org_settings(settings), hash_keys(settings)
    async with (
        open_database(settings) as database,
        open_org(
            chosen,
            share=options.share,
            concurrent=options.concurrency,
            wait_out_read_only=True,
            progress=print_progress,
        ) as org,
    ):
        if options.dry_run:
            plan = _plan(choice, options, (), keys)
            return await Provisioning(database, org, plan, settings.forget_when).dry_run(), 0
        await refuse_without_hooks(settings, database, org, options.base_url)
        return await _create(database, org, choice, options, keys, settings.forget_when)


async def _create(
    database: "Database",
    org: "OktaOrg",
    choice: "Choice",
    options: Options,
    keys: "HashKeys",
    forget_when: "ForgetWhen",
) -> "tuple[Totals, int]":
    from service.provisioning.provision import Provisioning
    from service.store.leases import LIFE, PROVISION, hold_lease

    async with hold_lease(database, PROVISION, wait=LIFE.total_seconds() + 1) as fenced:
        await take_corrections(fenced, options.corrected, forget_when, keys)
        plan = _plan(choice, options, await _groups(org, options.group), keys)
        with progress() as report:
            totals = await Provisioning(fenced, org, plan, forget_when, report).run()
        return totals, await write_refused(fenced, options.report)


def _plan(choice: "Choice", options: Options, groups: Sequence[str], keys: "HashKeys") -> "Plan":
    from service.provisioning.plan import Plan, direct_import
    from service.stored_hashes import HashOpener

    native = direct_import(HashOpener(os.environ, keys)) if options.direct else None
    return Plan(choice, groups, options.attributes, native, options.limit)


async def _groups(org: "OktaOrg", name: str | None) -> Sequence[str]:
    if name is None:
        return ()
    return [await org.ensure_group(f"{name} {datetime.now(UTC):%Y-%m-%d}")]


def provision(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would happen; Okta is not asked.")] = False,
    state: Annotated[list[str] | None, typer.Option(help="Only accounts in this state: waiting, verified.")] = None,
    source: Annotated[list[str] | None, typer.Option(help="Only accounts with a hash of this source.")] = None,
    format_name: Annotated[list[str] | None, typer.Option("--format", help="Only with a hash of this format.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many, for a pilot.")] = None,
    group: Annotated[str | None, typer.Option(help="Put them into the group of this name and today's date.")] = None,
    attribute: Annotated[
        list[str] | None, typer.Option(help="Send only these profile attributes besides login. [default: all]")
    ] = None,
    direct: Annotated[
        bool, typer.Option("--direct", help="Send the hashes that Okta can check itself; the rest goes by the hook.")
    ] = False,
    share: Annotated[str, typer.Option(help="Of Okta's rate limits, so much is used; the rest is left free.")] = "50%",
    concurrency: Annotated[int, typer.Option(min=1, max=75, help="Calls at once.")] = 8,
    report: Annotated[Path, typer.Option(help="Where the accounts that Okta refuses are listed.")] = Path(
        "refused.csv"
    ),
    corrected: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A corrected report: taken up first.")
    ] = None,
    retry_refused: Annotated[
        bool, typer.Option("--retry-refused", help="Try the refused ones again as they are.")
    ] = False,
    base_url: Annotated[
        str | None, typer.Option(metavar="URL", help="The service's public address. [default: as it was registered]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the totals as JSON for a script.")] = False,
) -> int:
    """Create the waiting accounts in Okta, active, with the password import hook; no mail is sent.

    Refuses to begin while `hooks check` finds that they could not sign in. Can be stopped at any time and run again:
    nobody is created twice, and whoever exists in Okta already is compared and never changed. What Okta refuses is
    listed in a report; correct it, and give it back by --corrected. The exit code is then 3.
    """
    settings = prepare()
    choice = _choice(state, source, format_name, retry_refused)
    options = Options(
        dry_run, group, attribute, direct, read_share(share), concurrency, limit, report, corrected, base_url
    )
    with errors_reported():
        totals, refused = run(run_provision(settings, choice, options))
    if as_json:
        typer.echo(json.dumps(summary(totals, refused, report)))
    else:
        typer.echo("\n".join(report_lines(totals, refused, report, dry_run=dry_run)))
    return SOME_REFUSED if refused else DONE


def _choice(
    states: list[str] | None, sources: list[str] | None, formats: list[str] | None, refused_too: bool
) -> "Choice":
    from service.provisioning.queries import Choice

    chosen = states or ["waiting", "verified"]
    if unknown := set(chosen) - {"waiting", "verified"}:
        raise typer.BadParameter(
            f"{min(unknown)}: accounts that have a hash are waiting or verified", param_hint="--state"
        )
    return Choice(chosen, sources, formats, refused_too)
