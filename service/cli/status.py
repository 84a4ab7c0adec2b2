"""The command `status`: the migration's progress."""

import json
import secrets
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.errors import WRONG_USAGE, CommandFailed, plural, printable_names
from service.cli.name_report import TOO_COSTLY
from service.cli.okta_options import prepare, run
from service.cli.progress import show_progress

if TYPE_CHECKING:
    from service.store.name_report import CountedNames

STUCK = {
    "verified_without_success": "signed in more than a day ago, but Okta has not stored the password; run reconcile",
    "not_in_okta": "with a hash, but not in Okta yet; provision creates them",
    "refused_by_okta": "refused by Okta; correct the report of provision, and pass it to --corrected",
    "too_costly": TOO_COSTLY,
}


ALL_NAMES = "Count the names that open no account again, and list all of them instead of the first few."
HTML = "Write the status page of the admin port to a file instead; it contains numbers and no names."


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
    all_names: Annotated[bool, typer.Option("--all-names", help=ALL_NAMES)] = False,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help=HTML)] = None,
) -> None:
    """Show the migration's progress by state, source, format and day, its pace, and stuck accounts with the reasons."""
    from service.cli.name_report import name_lines, names_as_json

    if html is not None:
        if as_json or all_names:
            raise CommandFailed("--html goes with neither --json nor --all-names", WRONG_USAGE)
        with show_progress("status --html"):
            page = run(_page())
        _write(html, page)
        return
    with show_progress("status"):
        found, stuck, names = run(_status(all_names=all_names))
    if as_json:
        counted_at = {"names_counted_at": names.at.isoformat(timespec="seconds")}
        typer.echo(json.dumps(found | {"names": names_as_json(names.report)} | counted_at))
    else:
        typer.echo("\n".join([*report_lines(found, stuck), *name_lines(names.report, names.at)]))


async def _status(*, all_names: bool) -> "tuple[dict[str, Any], dict[str, list[str]], CountedNames]":
    from service.administration.status import name_stuck, report_progress
    from service.app import open_database
    from service.store.name_report import count_names, saved_names

    async with open_database(prepare()) as database, database.connection() as connection:
        if all_names:
            names = await count_names(connection, None)
        else:
            names = await saved_names(connection) or await count_names(connection)
        return await report_progress(connection, names=names.report), await name_stuck(connection), names


async def _page() -> str:
    from service.app import open_database
    from service.web.status_page.render import status_page
    from service.web.status_page.view import view_of_store

    settings = prepare()
    async with open_database(settings) as database:
        return status_page(await view_of_store(settings, database))


def _write(path: Path, page: str) -> None:
    """Replace the file atomically: a web server may be reading it."""
    new = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        new.write_text(page, encoding="utf-8")
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise CommandFailed(f"--html {path}: {error.strerror}") from None


def report_lines(found: dict[str, Any], names: dict[str, list[str]]) -> Iterator[str]:
    """Yield the report in lines, with the names of the first few stuck accounts."""
    accounts = dict(found["accounts"])
    total = accounts.pop("total")
    yield plural(total, "account")
    yield from (f"  {state:10} {number:>12,}{_share(number, total)}" for state, number in accounts.items())
    yield from _pace(found)
    yield from _table("Hashes by source and format", found["sources"], ("source", "format", "state", "number"))
    tried = found["hashes"].keys() - set(found["untried_formats"])
    yield from recommendation(found["hashes"], tried)
    yield from unknown_products(found["hashes"], tried)
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
        warnings.append(f"unreadable deliveries, kept for inspection: {found['unreadable_events']:,}")
    if found["undeclared_attributes"]:
        warnings.append(
            f"accounts with stored attributes that no source declares: {found['undeclared_attributes']:,}; they are "
            "neither shown nor sent; run accounts purge-attributes"
        )
    yield from (f"warning: {warning}" for warning in warnings if warning)


NAMED = 5
"""Maximum formats that are named."""


def recommendation(formats: Collection[str], tried: Collection[str]) -> Iterator[str]:
    """Yield for how many formats a known password was VERIFIED, and the command for the others."""
    if not formats:
        return
    untried = sorted(set(formats).difference(tried))
    yield f"A known password was VERIFIED for {len(formats) - len(untried):,} of {plural(len(formats), 'format')}."
    if untried:
        yield f"  not tried: {', '.join(untried[:NAMED])}{', …' if len(untried) > NAMED else ''}"
        yield "  Try one for each before go-live: password-import try LOGIN"


def unknown_products(formats: Mapping[str, int], tried: Collection[str]) -> Iterator[str]:
    """Yield warnings about formats that name no product, if there are products that transform the typed password first.

    A known password that was VERIFIED for the format ends the warning.
    """
    from service.loading.product_tables import products_of

    for name in sorted(set(formats).difference(tried)):
        if products := products_of(name):
            yield (
                f"warning: hashes that name no product ({name}: {formats[name]:,}) are checked as hashes of the "
                f"password as it is typed. If they come from one of {', '.join(products)}, name that format and load "
                "again; else try a password with quotes, &, ä and a trailing space: password-import try LOGIN"
            )


def _okta_calls(calls: list[dict[str, Any]]) -> Iterator[str]:
    if not calls:
        return
    yield "Calls that went wrong for Okta in the last 24 hours"
    for call in calls:
        ours = {"none": "not seen here"}.get(call["verdict"], f"{call['verdict']} here")
        theirs = "timed out" if call["timed_out"] else call["outcome"].lower()
        yield f"  {call['number']:,} {call['event']}: {ours}, {theirs} for Okta (the last at {call['last']})"


def _stuck(counts: dict[str, int], names: dict[str, list[str]]) -> Iterator[str]:
    if not any(counts[kind] for kind in STUCK):
        return
    yield "Stuck (all of them, and why: password-import stragglers)"
    for kind, what in STUCK.items():
        if number := counts[kind]:
            yield f"  {plural(number, 'account')} {what}"
            more = ", …" if number > len(names[kind]) else ""
            yield f"    {printable_names(names[kind])}{more}"


def _pace(found: dict[str, Any]) -> Iterator[str]:
    if not found["left"]:
        return
    end = f", complete on {found['expected_end']} at the earliest" if found["expected_end"] else ""
    yield f"{found['left']:,} left; {found['migrated_per_day']:,} migrate per day{end}"


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
