"""The command `status`: the migration's progress."""

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from service.cli.okta_options import prepare, run

STUCK = {
    "verified_without_success": "signed in more than a day ago, and Okta has not stored the password: run reconcile",
    "not_in_okta": "have a hash and are not in Okta yet: provision creates them",
    "too_costly": "have hashes too costly or impossible to check, and get 503: reset their passwords in Okta",
    "ambiguous_names": "sign-in names mean two accounts: those people get in only by their login",
}


def status(as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False) -> None:
    """Tell how far the migration is: by state, source, format and day, how fast it goes, and who is stuck and why."""
    found, names = run(_status())
    typer.echo(json.dumps(found) if as_json else "\n".join(report_lines(found, names)))


async def _status() -> tuple[dict[str, Any], dict[str, list[str]]]:
    from service.administration.status import name_stuck, report_progress
    from service.app import open_database

    async with open_database(prepare()) as database, database.connection() as connection:
        return await report_progress(connection), await name_stuck(connection)


def report_lines(found: dict[str, Any], names: dict[str, list[str]]) -> Iterator[str]:
    """Tell the report in lines, and name the first few of those who are stuck."""
    accounts = dict(found["accounts"])
    total = accounts.pop("total")
    yield f"{total:,} accounts"
    yield from (f"  {state:10} {number:>12,}{_share(number, total)}" for state, number in accounts.items())
    yield from _pace(found)
    yield from _table("Hashes by source and format", found["sources"], ("source", "format", "state", "number"))
    yield from _counts("Encrypted hashes by key", found.get("encryption", {}).get("by_key", {}))
    yield from _table("Created in Okta", found["provisioned"], ("method", "outcome", "number"))
    yield from _table("Migrated and retired by day (UTC)", found["days"], ("day", "state", "accounts"))
    yield from _counts("Retired because", found["retired_because"])
    yield from _counts("Okta did not store the password of", found["failures"])
    yield from _stuck(found["stuck"], names)
    warnings = [log["warning"] for log in found["logs"]] + [found.get("encryption", {}).get("warning")]
    if not found["logs"]:
        warnings.append("the System Log was never read: run reconcile, or keep reconcile --follow running")
    if found["unreadable_events"]:
        warnings.append(f"{found['unreadable_events']:,} deliveries could not be read, and are kept")
    yield from (f"warning: {warning}" for warning in warnings if warning)


def _stuck(counts: dict[str, int], names: dict[str, list[str]]) -> Iterator[str]:
    if not any(counts.values()):
        return
    yield "Stuck (all of them, and why: password-import stragglers)"
    for kind, number in counts.items():
        if number:
            yield f"  {number:,} {STUCK[kind]}"
            more = ", …" if number > len(names[kind]) else ""
            yield f"    {', '.join(map(_printable, names[kind]))}{more}"


def _printable(name: str) -> str:
    """A name as a terminal may show it: what a legacy store holds may be anything."""
    return "".join(character if character.isprintable() else "?" for character in name)


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
