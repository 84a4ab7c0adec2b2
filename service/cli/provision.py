"""`provision` creates the loaded accounts in Okta. Parses and prints; knows no step of it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.failures import DONE, SOME_REFUSED
from service.cli.okta import errors_reported, read_share
from service.cli.provision_report import report_lines, summary
from service.cli.provision_run import Options, run_provision
from service.cli.running import prepare, run

if TYPE_CHECKING:
    from service.accounts.provisioning import Choice


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
    from service.accounts.provisioning import Choice

    chosen = states or ["waiting", "verified"]
    if unknown := set(chosen) - {"waiting", "verified"}:
        raise typer.BadParameter(
            f"{min(unknown)}: accounts that have a hash are waiting or verified", param_hint="--state"
        )
    return Choice(chosen, sources, formats, refused_too)
