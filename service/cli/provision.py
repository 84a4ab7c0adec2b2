"""`provision` creates the loaded accounts in Okta."""

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.failures import DONE, SOME_REFUSED
from service.cli.hook_findings import refuse_without_hooks
from service.cli.okta import faults_said, read_share, tell
from service.cli.provision_report import progress, story, summary
from service.cli.refused_accounts import take_corrections, write_refused
from service.cli.running import prepare, run
from service.immutable import immutable

if TYPE_CHECKING:
    from service.accounts.database import Database
    from service.accounts.provisioning import Choice
    from service.accounts.sealing import HashKeys
    from service.actions.plan_requests import Plan
    from service.actions.provision_users import Totals
    from service.okta_client import OktaOrg
    from service.settings import ForgetWhen, Settings


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
    with faults_said():
        totals, refused = run(_provision(settings, choice, options))
    if as_json:
        typer.echo(json.dumps(summary(totals, refused, report)))
    else:
        typer.echo("\n".join(story(totals, refused, report, dry_run=dry_run)))
    return SOME_REFUSED if refused else DONE


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


def _choice(
    states: list[str] | None, sources: list[str] | None, formats: list[str] | None, refused_too: bool
) -> "Choice":
    from service.accounts.provisioning import Choice

    chosen = states or ["waiting", "verified"]
    if unknown := set(chosen) - {"waiting", "verified"}:
        raise typer.BadParameter(
            f"{min(unknown)}: accounts that have a hash are waiting or verified", param_hint="--state"
        )
    return Choice(chosen, sources, formats, refused_too)


async def _provision(settings: "Settings", choice: "Choice", options: Options) -> "tuple[Totals, int]":
    from service.actions.provision_users import Provisioning
    from service.app import open_database
    from service.credentials import hash_keys
    from service.okta_client import open_org, org_settings

    chosen, keys = org_settings(settings), hash_keys(settings)
    async with (
        open_database(settings) as database,
        open_org(
            chosen, share=options.share, concurrent=options.concurrency, wait_out_read_only=True, told=tell
        ) as org,
    ):
        if options.dry_run:
            plan = _plan(choice, options, (), keys)
            return await Provisioning(database, org, plan, settings.forget_when).foresee(), 0
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
    from service.actions.hold_lease import LIFE, PROVISION, hold_lease
    from service.actions.provision_users import Provisioning

    async with hold_lease(database, PROVISION, wait=LIFE.total_seconds() + 1) as fenced:
        await take_corrections(fenced, options.corrected, forget_when, keys)
        plan = _plan(choice, options, await _groups(org, options.group), keys)
        with progress() as told:
            totals = await Provisioning(fenced, org, plan, forget_when, told).run()
        return totals, await write_refused(fenced, options.report)


def _plan(choice: "Choice", options: Options, groups: Sequence[str], keys: "HashKeys") -> "Plan":
    from service.actions.direct_import import direct_import
    from service.actions.open_hashes import HashOpener
    from service.actions.plan_requests import Plan

    native = direct_import(HashOpener(os.environ, keys)) if options.direct else None
    return Plan(choice, groups, options.attributes, native, options.limit)


async def _groups(org: "OktaOrg", name: str | None) -> Sequence[str]:
    if name is None:
        return ()
    return [await org.ensure_group(f"{name} {datetime.now(UTC):%Y-%m-%d}")]
