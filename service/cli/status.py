"""The command `status`: the migration's progress."""

import json
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.okta_options import prepare, run
from service.cli.progress import show_progress

if TYPE_CHECKING:
    from service.store.name_report import NameReport

STUCK = {
    "verified_without_success": "signed in more than a day ago, and Okta has not stored the password: run reconcile",
    "not_in_okta": "have a hash and are not in Okta yet: provision creates them",
    "refused_by_okta": "were refused by Okta: correct the report of provision, and give it to --corrected",
    "too_costly": "have hashes too costly or impossible to check, and get 503: reset their passwords in Okta",
}


ALL_NAMES = "List all names that open no account, instead of the first of each kind."


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
    all_names: Annotated[bool, typer.Option("--all-names", help=ALL_NAMES)] = False,
) -> None:
    """Tell how far the migration is: by state, source, format and day, how fast it goes, and who is stuck and why."""
    from service.cli.name_report import name_lines, names_as_json

    with show_progress("status"):
        found, stuck, names = run(_status(all_names=all_names))
    if as_json:
        typer.echo(json.dumps(found | {"names": names_as_json(names)}))
    else:
        typer.echo("\n".join([*report_lines(found, stuck), *name_lines(names)]))


async def _status(*, all_names: bool) -> "tuple[dict[str, Any], dict[str, list[str]], NameReport]":
    from service.administration.status import name_stuck, report_progress
    from service.app import open_database
    from service.store.name_report import FIRST, report_names

    async with open_database(prepare()) as database, database.connection() as connection:
        names = await report_names(connection, None if all_names else FIRST)
        return await report_progress(connection, names=names), await name_stuck(connection), names


def report_lines(found: dict[str, Any], names: dict[str, list[str]]) -> Iterator[str]:
    """Tell the report in lines, and name the first few of those who are stuck."""
    accounts = dict(found["accounts"])
    total = accounts.pop("total")
    yield f"{total:,} accounts"
    yield from (f"  {state:10} {number:>12,}{_share(number, total)}" for state, number in accounts.items())
    yield from _pace(found)
    yield from _table("Hashes by source and format", found["sources"], ("source", "format", "state", "number"))
    yield from recommendation(found["hashes"], found["hashes"].keys() - set(found["untried_formats"]))
    yield from _counts("Encrypted hashes by key", found.get("encryption", {}).get("by_key", {}))
    yield from _table("Created in Okta", found["provisioned"], ("method", "outcome", "number"))
    yield from _table("Migrated and retired by day (UTC)", found["days"], ("day", "state", "accounts"))
    yield from _counts("Retired because", found["retired_because"])
    yield from _counts("Okta did not store the password of", found["failures"])
    yield from _okta_calls(found.get("okta_calls", []))
    yield from _stuck(found["stuck"], names)
    warnings = [log["warning"] for log in found["logs"]] + [found.get("encryption", {}).get("warning")]
    if not found["logs"]:
        warnings.append("the System Log was never read: run reconcile, or keep reconcile --follow running")
    if found["unreadable_events"]:
        warnings.append(f"{found['unreadable_events']:,} deliveries could not be read, and are kept")
    if found["undeclared_attributes"]:
        warnings.append(
            f"{found['undeclared_attributes']:,} accounts have stored attributes that no source declares; they are "
            "neither shown nor sent: run accounts purge-attributes"
        )
    yield from (f"warning: {warning}" for warning in warnings if warning)


NAMED = 5
"""Formats that are named."""


def recommendation(formats: Collection[str], tried: Collection[str]) -> Iterator[str]:
    """Say for how many formats a known password was VERIFIED, and what to run for the others."""
    if not formats:
        return
    untried = sorted(set(formats).difference(tried))
    yield f"A known password was VERIFIED for {len(formats) - len(untried):,} of {len(formats):,} formats."
    if untried:
        yield f"  not tried: {', '.join(untried[:NAMED])}{', …' if len(untried) > NAMED else ''}"
        yield "  Try one for each before go-live: password-import try LOGIN"


def _okta_calls(calls: list[dict[str, Any]]) -> Iterator[str]:
    if not calls:
        return
    yield "Calls that went wrong for Okta in the last 24 hours"
    for call in calls:
        ours = {"none": "not seen here"}.get(call["verdict"], f"{call['verdict']} here")
        theirs = "timed out" if call["timed_out"] else call["outcome"].lower()
        yield f"  {call['number']:,} {call['event']}: {ours}, {theirs} for Okta (the last at {call['last']})"


def _stuck(counts: dict[str, int], names: dict[str, list[str]]) -> Iterator[str]:
    from service.cli.name_report import printable

    if not any(counts[kind] for kind in STUCK):
        return
    yield "Stuck (all of them, and why: password-import stragglers)"
    for kind, what in STUCK.items():
        if number := counts[kind]:
            yield f"  {number:,} {what}"
            more = ", …" if number > len(names[kind]) else ""
            yield f"    {', '.join(map(printable, names[kind]))}{more}"


def _pace(found: dict[str, Any]) -> Iterator[str]:
    if not found["left"]:
        return
    end = f", at the earliest done on {found['expected_end']}" if found["expected_end"] else ""
    yield f"{found['left']:,} left; {found['migrated_per_day']:,} migrate a day{end}"


def _share(number: int, total: int) -> str:
    return f"  {100 * number / total:5.1f} %" if total else ""


def _table(title: str, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> Iterator[str]:
    if not rows:
        return
    yield title
    cells = [[_cell(row[column]) for column in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = [cell.ljust(width) for cell, width in zip(row[:-1], widths[:-1], strict=True)]
        yield "  " + "  ".join([*padded, row[-1].rjust(widths[-1])])


def _counts(title: str, counts: dict[str, int]) -> Iterator[str]:
    yield from _table(title, [{"what": what, "number": number} for what, number in counts.items()], ("what", "number"))


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
