"""`identify` says what hashes are: one of them, those of an export, or those of the store."""

import json
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.failures import FAILED, SOME_REFUSED, CommandFailed
from service.cli.running import prepare, run

if TYPE_CHECKING:
    from service.actions.identify_hashes import HashReport
    from service.settings import Settings
    from service.sources import Source


def identify(
    text: Annotated[
        str | None,
        typer.Argument(metavar="[HASH]", help="The hash; - reads it from standard input, past the shell's history."),
    ] = None,
    file: Annotated[Path | None, typer.Option(help="Report over an export before it is loaded.")] = None,
    source: Annotated[str | None, typer.Option(help="Whose settings in SOURCES count.")] = None,
    of_format: Annotated[str | None, typer.Option("--format", help="A format or formula.")] = None,
    salt: Annotated[str | None, typer.Option(help="The salt, where it has a column of its own.")] = None,
    username: Annotated[str | None, typer.Option(help="The name that was mixed into the hash.")] = None,
    iterations: Annotated[int | None, typer.Option(min=1)] = None,
    charset: Annotated[str, typer.Option(help="The charset of the file.")] = "utf-8",
    mapping: Annotated[list[str] | None, typer.Option("--map", metavar="COLUMN=NAME", help="As in load.")] = None,
    formats: Annotated[bool, typer.Option("--formats", help="List the names of all formats.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> int:
    """Say what a hash is, what it costs here, and whether Okta could import it directly.

    Without a hash, a report over the store, or with --file over an export: formats, the share that can be verified
    and the share that Okta could take directly, unknown shapes, the slowest, and the sign-ins a second to expect here.
    """
    if formats:
        return _formats()
    from service.cli.identify_report import as_dict, lines

    settings = prepare()
    chosen = _source(settings, source, of_format, iterations)
    if text is not None:
        return _one(
            sys.stdin.readline().rstrip("\r\n") if text == "-" else text, chosen, salt, username, as_json=as_json
        )
    report = _of_file(file, chosen, charset, mapping or []) if file else run(_of_store(settings))
    typer.echo(json.dumps(as_dict(report)) if as_json else "\n".join(lines(report)))
    return SOME_REFUSED if report.unverifiable or report.refusals else 0


def _formats() -> int:
    from service.passwords.registry import FORMATS, names_of

    for each in sorted(FORMATS, key=lambda each: each.name):
        others = ", ".join(names_of(each))
        typer.echo(f"{each.name}  ({others})" if others else each.name)
    return 0


def _source(settings: "Settings", name: str | None, of_format: str | None, iterations: int | None) -> "Source":
    from service.cli.load_input import source_of
    from service.sources import Source

    found = Source("") if name is None else source_of(settings, name)
    return replace(found, format=of_format or found.format, iterations=iterations or found.iterations)


def _one(text: str, source: "Source", salt: str | None, username: str | None, *, as_json: bool) -> int:
    from service.actions.measure_check import identify_hash
    from service.actions.read_recipe import read_recipe
    from service.cli.identify_report import report_lines
    from service.passwords.anonymise import pattern_of

    pepper = os.environ.get(source.pepper_env, "").encode("utf-8", "surrogateescape") if source.pepper_env else None
    found = identify_hash(text, read_recipe({}, source), salt, username, pepper)
    if as_json:
        typer.echo(json.dumps({"candidates": [asdict(each) for each in found], "pattern": pattern_of(text)}))
    elif not found:
        typer.echo(f"unknown: {pattern_of(text)}")
        typer.echo("Name a format (identify --formats), or write a formula: docs/formulas.md.")
    else:
        typer.echo("\n".join(line for each in found for line in report_lines(each)))
        if len(found) > 1:
            typer.echo(f"{len(found)} formats look like this: say which with `format`, in the file or in SOURCES.")
    return 0 if any(each.fault is None for each in found) else FAILED


def _of_file(path: Path, source: "Source", charset: str, mapping: list[str]) -> "HashReport":
    from service.actions.identify_hashes import report_rows
    from service.actions.name_columns import naming
    from service.actions.open_hashes import HashOpener
    from service.actions.resolve_hash import HashResolver
    from service.cli.load_input import mapped
    from service.legacy.opening import open_export
    from service.legacy.rows import UnreadableFile

    try:
        reader = open_export(path, charset=charset, rename=naming(mapped(mapping)))
        try:
            return report_rows(iter(reader), HashResolver(source, os.environ), HashOpener(os.environ))
        finally:
            reader.close()
    except UnreadableFile as error:
        raise CommandFailed(str(error)) from None


async def _of_store(settings: "Settings") -> "HashReport":
    from service.accounts import browsing, counts, recipes
    from service.actions.identify_hashes import HashReport, report_recipes
    from service.actions.open_hashes import HashOpener
    from service.app import open_database
    from service.passwords.pool.cores import usable_cores

    async with open_database(settings) as database, database.connection() as connection:
        numbers = await browsing.hashes_by_recipe(connection)
        kept = [each for each in await recipes.list_recipes(connection) if numbers.get(each.id)]
        rows = sum((await counts.accounts_by_state(connection)).values())
        unarmed = await browsing.count_unarmed(connection)
    found = report_recipes([(each, numbers[each.id]) for each in kept], HashOpener(os.environ))
    return HashReport(rows, unarmed, found, cores=usable_cores())
