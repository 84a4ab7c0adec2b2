"""The command `provision`: creates the loaded accounts in Okta."""

import json
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.errors import DONE, FAILED, SOME_REFUSED, WRONG_USAGE, CommandFailed, quantity
from service.cli.hooks import refuse_without_hooks
from service.cli.okta_options import (
    Stopped,
    errors_reported,
    prepare,
    print_progress,
    print_wait,
    print_warning,
    read_share,
    run,
    until_stopped,
)
from service.cli.progress import show_progress
from service.immutable import immutable

if TYPE_CHECKING:
    from service.okta.schema import UserSchema
    from service.okta_client import OktaOrg
    from service.provisioning.plan import FindGroup, Plan
    from service.provisioning.provision import Totals
    from service.provisioning.queries import Choice
    from service.settings import ForgetWhen, Settings
    from service.store.database import Database
    from service.store.encryption import HashKeys

# The totals of a provisioning run, for people and for a script.


SCHEMA_FAULTS = {
    "undefined": "is not defined in the org's user schema: add it there, or leave it out with --attribute",
    "wrong_type": "has another type in the org's user schema",
    "missing": "is required by the org's user schema, and missing",
    "bad_length": "is too short or too long for the org's user schema",
    "not_in_list": "is none of the values that the org's user schema lists",
}


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
        "gave_up": totals.gave_up,
        "schema": [
            {"attribute": name, "fault": fault.value, "accounts": number}
            for (name, fault), number in totals.schema_faults.most_common()
        ],
    }


def report_lines(totals: "Totals", refused: int, report: Path, *, dry_run: bool) -> Iterator[str]:
    """Tell the totals in lines."""
    if dry_run:
        yield f"{quantity(totals.total, 'account')} would be created"
        yield from (f"  by {method.value}: {number:,}" for method, number in totals.methods.items())
        yield from (f"  {outcome.value}: {number:,}" for outcome, number in totals.outcomes.items())
        for (name, fault), number in totals.schema_faults.most_common():
            yield f"  {name}: {SCHEMA_FAULTS[fault.value]} ({quantity(number, 'account')})"
        return
    yield f"{quantity(totals.total, 'account')} to create"
    yield from (f"  {outcome.value}: {number:,}" for outcome, number in totals.outcomes.items())
    yield from (f"  by {method.value}: {number:,}" for method, number in totals.methods.items())
    if totals.unanswered:
        yield f"  no answer from Okta for {totals.unanswered:,}: run it again, they are looked up first"
    if totals.gave_up:
        yield f"stopped after 20 refusals in a row, the last: {totals.gave_up}; --keep-going goes on all the same"
    if refused:
        where = "on standard output" if str(report) == "-" else f"in {report}"
        yield f"refused accounts, with reasons, {where}: {refused:,}; correct them and pass the list to --corrected"


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
    print_progress(f"{quantity(done.corrected, 'account')} corrected")
    for refused in done.refused:
        print_progress(f"{corrected}, {refused}")


async def write_refused(database: "Database", path: Path) -> int:
    """List what Okta refused; give the number. A report of before stays where there is nothing to list."""
    from service.loading.files.open import STANDARD_OUTPUT, open_private_output
    from service.provisioning.corrections import write_report
    from service.provisioning.queries import list_refused

    async with database.connection() as connection:
        if not await list_refused(connection, 0, 1):
            return 0
    beside = path if path == STANDARD_OUTPUT else path.with_name(f".{path.name}.new")
    try:
        file = open_private_output(beside)
    except OSError as error:
        raise CommandFailed(
            f"--report {path}: {error.strerror}: name another file, or - for standard output; running the command "
            "again lists the refused accounts"
        ) from None
    with file:
        refused = await write_report(database, file)
    if beside != path:
        beside.replace(path)
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
    keep_going: bool


async def run_provision(settings: "Settings", choice: "Choice", options: Options) -> "tuple[Totals, int, int]":
    """Create the accounts, or foresee it; give the totals, how many the report lists, and 0 or a signal's code."""
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
            progress=print_warning,
        ) as org,
    ):
        if options.dry_run:
            plan, schema = _plan(choice, options, (), keys, _warned(org.find_group)), await _schema(org)
            with show_progress("provision --dry-run", "accounts") as shown:

                def report(totals: "Totals") -> None:
                    shown.update(sum(totals.methods.values()) + totals.done, totals.total)

                work = Provisioning(database, org, plan, settings.forget_when, report)
                totals = await work.dry_run(schema)
            await _name_other_types(org, totals)
            return totals, 0, DONE
        await refuse_without_hooks(settings, database, org, options.base_url)
        return await _create(database, org, choice, options, keys, settings.forget_when)


async def _schema(org: "OktaOrg") -> "UserSchema | None":
    """Read the user schema; a warning where that is refused or fails, since a dry run is of use without it."""
    from service.okta.errors import OktaFault

    try:
        return await org.user_schema()
    except OktaFault as fault:
        print_progress(f"warning: the user schema was not checked ({fault}): grant okta.schemas.read")
        return None


async def _name_other_types(org: "OktaOrg", totals: "Totals") -> None:
    """Say of undefined attributes that another user type has them: new users get the default type."""
    from service.okta.errors import OktaFault
    from service.okta.schema import SchemaFault

    undefined = sorted(name for name, fault in totals.schema_faults if fault is SchemaFault.UNDEFINED)
    try:
        others = await org.other_schemas() if undefined else {}
    except OktaFault as fault:
        print_progress(f"warning: other user types were not looked at ({fault}): grant okta.userTypes.read")
        return
    for name in undefined:
        if types := [each for each, schema in others.items() if name in schema.attributes]:
            print_progress(f"{name}: is defined for the user type {', '.join(types)}; new users get the default type")


async def _create(
    database: "Database",
    org: "OktaOrg",
    choice: "Choice",
    options: Options,
    keys: "HashKeys",
    forget_when: "ForgetWhen",
) -> "tuple[Totals, int, int]":
    from service.provisioning.provision import Provisioning
    from service.provisioning.rules import Outcome
    from service.store.leases import LIFE, PROVISION, hold_lease
    from service.store.name_report import count_names

    async with hold_lease(database, PROVISION, wait=LIFE.total_seconds() + 1, on_wait=print_wait) as fenced:
        await take_corrections(fenced, options.corrected, forget_when, keys)
        plan = _plan(choice, options, await _groups(org, options.group), keys, org.find_group)
        with show_progress("provision", "accounts") as shown:

            def report(totals: "Totals") -> None:
                refused = totals.outcomes[Outcome.REFUSED]
                shown.update(totals.done, totals.total, note=f"{refused:,} refused")

            work = Provisioning(fenced, org, plan, forget_when, report, keep_going=options.keep_going)
            code = DONE
            try:
                await until_stopped(work.run())
                async with fenced.connection() as connection:
                    await count_names(connection)
            except Stopped as stopped:
                code = stopped.code
        return work.totals, await write_refused(fenced, options.report), code


def _plan(
    choice: "Choice", options: Options, groups: Sequence[str], keys: "HashKeys", find_group: "FindGroup"
) -> "Plan":
    from service.provisioning.plan import Plan, direct_import
    from service.stored_hashes import HashOpener

    native = direct_import(HashOpener(os.environ, keys)) if options.direct else None
    return Plan(choice, groups, options.attributes, native, options.limit, find_group)


def _warned(find: "FindGroup") -> "FindGroup":
    """Give what looks groups up for a dry run: where that is refused, a warning once, and every group exists."""
    told: list[str] = []

    async def found(name: str) -> str | None:
        from service.okta.errors import OktaFault

        try:
            return await find(name) if not told else name
        except OktaFault as fault:
            told.append(name)
            print_progress(f"warning: groups were not looked up ({fault}): grant okta.groups.read")
            return name

    return found


async def _groups(org: "OktaOrg", name: str | None) -> Sequence[str]:
    if name is None:
        return ()
    return [await org.ensure_group(f"{name} {datetime.now(UTC):%Y-%m-%d}")]


def provision(
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Change nothing; print what would happen and what the user schema refuses."),
    ] = False,
    state: Annotated[
        list[str] | None, typer.Option(help="Only accounts in this state: waiting, verified, unarmed.")
    ] = None,
    without_hash: Annotated[
        bool, typer.Option("--without-hash", help="Accounts without a usable hash too; those people reset a password.")
    ] = False,
    include_disabled: Annotated[
        bool, typer.Option("--include-disabled", help="Of those, also the ones that were disabled in the old system.")
    ] = False,
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
    share: Annotated[str, typer.Option(help="Share of Okta's rate limits to use.")] = "50%",
    concurrency: Annotated[int, typer.Option(min=1, max=75, help="Calls at once.")] = 8,
    report: Annotated[
        Path, typer.Option(help="Where the accounts that Okta refuses are listed, - for standard output.")
    ] = Path("refused.csv"),
    corrected: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A corrected report: taken up first.")
    ] = None,
    retry_refused: Annotated[
        bool, typer.Option("--retry-refused", help="Try the refused ones again as they are.")
    ] = False,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Go on after 20 refusals in a row without a success between them.")
    ] = False,
    base_url: Annotated[
        str | None, typer.Option(metavar="URL", help="The service's public address. [default: as it was registered]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the totals as JSON for a script.")] = False,
) -> int:
    """Create the waiting accounts in Okta, active, with the password import hook; no mail is sent.

    Refuses to begin while `hooks check` finds that they could not sign in. Can be stopped at any time and run again:
    no user is created twice, and an existing user is compared and never changed. What Okta refuses is
    listed in a report; correct it, and give it back by --corrected. The exit code is then 3.
    """
    settings = prepare()
    choice = _choice(
        state, source, format_name, retry_refused, without_hash=without_hash, include_disabled=include_disabled
    )
    options = Options(
        dry_run,
        group,
        attribute,
        direct,
        read_share(share),
        concurrency,
        limit,
        report,
        corrected,
        base_url,
        keep_going,
    )
    with errors_reported():
        totals, refused, stopped = run(run_provision(settings, choice, options))
    lines = report_lines(totals, refused, report, dry_run=dry_run)
    # Where the refused accounts are on standard output, they are what a script reads there.
    typer.echo(json.dumps(summary(totals, refused, report)) if as_json else "\n".join(lines), err=str(report) == "-")
    if stopped != DONE:
        return stopped
    if totals.gave_up:
        return FAILED
    return SOME_REFUSED if refused else DONE


def _choice(
    states: list[str] | None,
    sources: list[str] | None,
    formats: list[str] | None,
    refused_too: bool,
    *,
    without_hash: bool,
    include_disabled: bool,
) -> "Choice":
    from service.provisioning.queries import Choice
    from service.store.accounts import State

    chosen = states or [State.WAITING.value, State.VERIFIED.value]
    chosen = [*chosen, State.UNARMED.value] if without_hash and State.UNARMED not in chosen else chosen
    if unknown := set(chosen) - {State.WAITING, State.VERIFIED, State.UNARMED}:
        raise typer.BadParameter(
            f"{min(unknown)}: accounts to create are waiting, verified or unarmed", param_hint="--state"
        )
    if include_disabled and State.UNARMED not in chosen:
        raise typer.BadParameter("goes with --without-hash", param_hint="--include-disabled")
    return Choice(chosen, sources, formats, refused_too, include_disabled)
