"""The command `identify`: formats of one hash, of an export, or of the store."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.errors import FAILED, SOME_REFUSED, CommandFailed, plural, printable
from service.cli.load import Reading
from service.cli.okta_options import prepare, run
from service.cli.progress import show_progress

if TYPE_CHECKING:
    from service.loading.identify import HashReport, Identified
    from service.loading.sources import Source
    from service.settings import Settings

# The output of `identify` for one hash, and for many.


def report_lines(found: "Identified") -> Iterator[str]:
    """Yield the lines of one hash."""
    yield found.format
    if found.fault is not None:
        yield f"  can't be checked: {found.fault}"
        return
    yield f"  cost: {found.cost}, about {found.milliseconds:.3g} ms here"
    if found.okta is None:
        yield f"  Okta can't import it directly: {found.not_okta}"
    else:
        yield f"  Okta can import it directly: {json.dumps({'credentials': {'password': {'hash': found.okta}}})}"


def lines(report: "HashReport") -> Iterator[str]:
    """Yield the lines of the report."""
    hashes = report.verifiable + report.unverifiable
    yield f"{plural(report.rows, 'account')}, {plural(hashes, 'hash')}, {report.without_hash:,} without a hash"
    if hashes:
        yield f"{_share(report.verifiable, hashes)} can be computed; {report.unverifiable:,} can't"
        yield "  Only a known password shows whether they are computed as in the old system: password-import try"
        yield f"{_share(report.okta_direct, hashes)} could be imported by Okta directly"
    for each in sorted(report.recipes, key=lambda each: -each.hashes):
        time = f"{each.milliseconds:9.3g} ms" if each.milliseconds is not None else " " * 12
        direct = each.fault or ("Okta directly" if each.okta else "")
        yield f"  {each.hashes:>12,}  {time}  {each.format}  ({each.cost})  {direct}".rstrip()
    for reason, number in report.refusals.most_common():
        yield f"  {number:>12,}  rejected: {reason}"
    for pattern, number in report.patterns.most_common(20):
        yield f"  {number:>12,}  of the shape {pattern}"
    slowest = max(
        (each for each in report.recipes if each.milliseconds), key=lambda e: e.milliseconds or 0, default=None
    )
    if slowest is not None and report.sign_ins_per_second:
        yield f"the slowest: {slowest.format} ({slowest.cost}), {slowest.milliseconds:.3g} ms"
        yield f"about {report.sign_ins_per_second:,.0f} sign-ins per second on {plural(report.cores, 'core')} here"


def as_dict(report: "HashReport") -> dict[str, Any]:
    """Return the report as JSON values."""
    return {
        "rows": report.rows,
        "without_hash": report.without_hash,
        "verifiable": report.verifiable,
        "unverifiable": report.unverifiable,
        "okta_direct": report.okta_direct,
        "recipes": [asdict(each) for each in report.recipes],
        "refusals": {reason.name.lower(): number for reason, number in report.refusals.items()},
        "patterns": dict(report.patterns.most_common(100)),
        "cores": report.cores,
        "sign_ins_per_second": report.sign_ins_per_second,
    }


def _share(part: int, whole: int) -> str:
    share = f"{100 * part / whole:.1f}"
    return f"{'99.9' if part < whole and share == '100.0' else share} %"


def identify(
    text: Annotated[
        str | None,
        typer.Argument(
            metavar="[HASH]",
            help="The hash; - reads it from standard input, not kept in the shell's history.",
        ),
    ] = None,
    file: Annotated[Path | None, typer.Option(help="Report on an export before it is loaded.")] = None,
    source: Annotated[str | None, typer.Option(help="Use the settings of this source in SOURCES.")] = None,
    of_format: Annotated[str | None, typer.Option("--format", help="A format or formula.")] = None,
    salt: Annotated[str | None, typer.Option(help="The salt, if it is in a separate column.")] = None,
    username: Annotated[str | None, typer.Option(help="The user name that is part of the hash.")] = None,
    iterations: Annotated[int | None, typer.Option(min=1)] = None,
    charset: Annotated[str, typer.Option(help="The charset of the file.")] = "utf-8",
    mapping: Annotated[list[str] | None, typer.Option("--map", metavar="COLUMN=NAME", help="As in load.")] = None,
    kind: Annotated[str | None, typer.Option(help="As in load.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="As in load.")] = None,
    dialect: Annotated[str | None, typer.Option(help="As in load.")] = None,
    attributes: Annotated[list[str] | None, typer.Option(help="As in load.")] = None,
    null: Annotated[list[str] | None, typer.Option(help="As in load.")] = None,
    formats: Annotated[bool, typer.Option("--formats", help="List the names of all formats.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> int:
    """Identify a hash: its format, its cost on this machine, and whether Okta could import it directly.

    Without a hash, reports on the store, or with --file on an export: formats, the share that can be computed, the
    share that Okta could import directly, unknown shapes, the slowest hashes, and the sign-ins per second to expect.
    """
    if formats:
        return _formats()

    settings = prepare()
    chosen = _source(settings, source, of_format, iterations)
    if text is not None:
        return _one(
            sys.stdin.readline().rstrip("\r\n") if text == "-" else text, chosen, salt, username, as_json=as_json
        )
    if file is None:
        report, notes = run(_of_store(settings)), list[str]()
    else:
        reading = Reading(mapping or [], kind, charset, delimiter, dialect, attributes or [], null or [])
        report, notes = _of_file(file, chosen, reading)
    typer.echo(json.dumps(as_dict(report) | {"decisions": notes}) if as_json else "\n".join([*notes, *lines(report)]))
    return SOME_REFUSED if report.unverifiable or report.refusals else 0


def _formats() -> int:
    from service.hashing.registry import FORMATS, names_of

    for each in sorted(FORMATS, key=lambda each: each.name):
        others = ", ".join(names_of(each))
        typer.echo(f"{each.name}  ({others})" if others else each.name)
    return 0


def _source(settings: "Settings", name: str | None, of_format: str | None, iterations: int | None) -> "Source":
    from service.cli.load import source_of
    from service.loading.sources import Source

    found = Source("") if name is None else source_of(settings, name)
    return replace(found, format=of_format or found.format, iterations=iterations or found.iterations)


def _one(text: str, source: "Source", salt: str | None, username: str | None, *, as_json: bool) -> int:
    from service.hashing.redact import pattern_of
    from service.loading.hashes import read_recipe
    from service.loading.identify import identify_hash
    from service.stored_hashes import pepper_names

    peppers = [os.environ.get(name, "").encode("utf-8", "surrogateescape") for name in pepper_names(source.pepper_env)]
    recipe = replace(read_recipe({}, source), format=source.format or "")
    found = identify_hash(text, recipe, salt, username, *peppers)
    if as_json:
        typer.echo(json.dumps({"candidates": [asdict(each) for each in found], "pattern": pattern_of(text)}))
    elif not found:
        typer.echo(f"unknown: {pattern_of(text)}")
        typer.echo("Name a format (identify --formats), or write a formula: docs/formulas.md.")
    else:
        typer.echo("\n".join(line for each in found for line in report_lines(each)))
        if len(found) > 1:
            typer.echo(f"{len(found)} formats match: name one with `format`, in the file or in SOURCES.")
    return 0 if any(each.fault is None for each in found) else FAILED


def _of_file(path: Path, source: "Source", reading: Reading) -> "tuple[HashReport, list[str]]":
    from service.loading.files.row import UnreadableFile
    from service.loading.hashes import HashResolver
    from service.loading.identify import report_rows
    from service.stored_hashes import HashOpener

    try:
        with show_progress("identify", "rows") as shown, closing(reading.open(path)) as reader:

            def progress(rows: int) -> None:
                shown.update(rows, share=reader.consumed() / reader.size if reader.size else None)

            found = reading.examine(path, reader, source)
            resolver, opener = HashResolver(found.source, os.environ), HashOpener(os.environ)
            report = report_rows(found.rows, resolver, opener, found.decisions, progress)
            return report, [printable(note) for note in found.notes]
    except UnreadableFile as error:
        raise CommandFailed(str(error)) from None


async def _of_store(settings: "Settings") -> "HashReport":
    from service.administration import queries
    from service.app import open_database
    from service.hashing.pool.workers import usable_cores
    from service.loading.identify import HashReport, report_recipes
    from service.store import recipes
    from service.stored_hashes import HashOpener

    async with open_database(settings) as database, database.connection() as connection:
        numbers = await queries.hashes_by_recipe(connection)
        kept = [each for each in await recipes.list_recipes(connection) if numbers.get(each.id)]
        rows = sum((await queries.accounts_by_state(connection)).values())
        unarmed = await queries.count_unarmed(connection)
    found = report_recipes([(each, numbers[each.id]) for each in kept], HashOpener(os.environ))
    return HashReport(rows, unarmed, found, cores=usable_cores())
