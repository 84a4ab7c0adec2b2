"""`try` checks a known password against a stored or given hash; `--diagnose` finds the recipe."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from service.cli.errors import DONE, FAILED, WRONG_USAGE, CommandFailed, printable
from service.cli.load import Reading
from service.cli.okta_options import prepare, run

if TYPE_CHECKING:
    from service.hashing.diagnosis import Finding
    from service.hashing.format import Recipe
    from service.loading.known_password import Subject, Verdict
    from service.loading.sources import Source
    from service.settings import Settings

DIAGNOSIS_SECONDS = 60


def try_password(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[LOGIN-OR-HASH]",
            help="A login if an account has it, otherwise a hash; - reads a hash from a line of standard input.",
        ),
    ] = None,
    only_hash: Annotated[
        bool, typer.Option("--hash", help="Treat the argument as a hash; look up no account.")
    ] = False,
    file: Annotated[
        Path | None, typer.Option(help="Read the row from this export instead of the argument; needs --row.")
    ] = None,
    row: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="With --file: the line number, as in the rejects file.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="Use format, charset and pepper of this source in SOURCES.")
    ] = None,
    of_format: Annotated[str | None, typer.Option("--format", help="A format or formula.")] = None,
    salt: Annotated[str | None, typer.Option(help="The salt, if it is in a separate column.")] = None,
    user: Annotated[str | None, typer.Option(help="The user name that is part of the hash.")] = None,
    pepper_env: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="With --diagnose: an environment variable that may hold the pepper."),
    ] = None,
    diagnose: Annotated[
        bool, typer.Option("--diagnose", help="If the password is UNVERIFIED, search for the recipe.")
    ] = False,
    seconds: Annotated[
        float, typer.Option("--for", metavar="SECONDS", min=0.1, help="With --diagnose: the time limit.")
    ] = DIAGNOSIS_SECONDS,
    mapping: Annotated[list[str] | None, typer.Option("--map", metavar="COLUMN=NAME", help="As in load.")] = None,
    kind: Annotated[str | None, typer.Option(help="csv, jsonl or ldif, as in load.")] = None,
    charset: Annotated[str, typer.Option(help="The charset of the file, as in load.")] = "utf-8",
    delimiter: Annotated[str | None, typer.Option(help="The delimiter between columns, as in load.")] = None,
    dialect: Annotated[str | None, typer.Option(help="csv or copy, as in load.")] = None,
    null: Annotated[list[str] | None, typer.Option(help="A text that means a missing value, as in load.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> int:
    """Check a known password against a stored or given hash, with the code that answers sign-ins.

    The password is prompted for without echo, or read from one line of standard input. It is never an argument. Prints
    VERIFIED with the interpretation of the hash, or UNVERIFIED. The trial is recorded in the audit trail;
    no account changes, and the person is not throttled.

    Use it before go-live with one known password per format: a hash that can be computed is not necessarily computed as
    in the old system.

    - `try jo@example.com`: the account's stored hashes
    - `try --file export.csv --row 17 --source shop`: one row, before it is loaded
    - `try --hash '5f4d…' --salt x7 --format 'md5($salt.$pass)'`: one hash
    - `try --hash '5f4d…' --salt x7 --diagnose`: search for the formula or format; likely ones within seconds,
      the others until --for ends or Ctrl-C

    A plain password cannot tell charsets, letter case, trimming and escapes apart: verify a diagnosis with a second
    known password that has capital letters, ä, blanks, quotes and &.

    Exit codes: 0 VERIFIED; 1 UNVERIFIED, or nothing found; 2 wrong usage.
    """
    _require_one_subject(name, file, row, only_hash=only_hash)
    settings = prepare()
    given = _given_source(settings, source, of_format)
    peppers = _peppers(given, pepper_env or [])
    if file is not None and row is not None:
        reading = Reading(mapping or [], kind, charset, delimiter, dialect, nulls=null or [])
        subject = _of_file(_Row(file, row, reading), given, salt, user)
    else:
        subject = _of_name(settings, str(name), given, salt, user, only_hash=only_hash)
    password = _password()
    verdict = _tried(subject, password)
    finding = None
    if diagnose and verdict.recipe is None:
        finding = _diagnosed(settings, subject, password, peppers, seconds)
    recipe = finding.recipe if finding else verdict.recipe
    _record(settings, subject, recipe, diagnosed=finding is not None)
    _print(verdict, finding, as_json=as_json, diagnosed=diagnose)
    return FAILED if recipe is None else DONE


def _require_one_subject(name: str | None, file: Path | None, row: int | None, *, only_hash: bool) -> None:
    if (name is None) == (file is None):
        raise CommandFailed("give a login, a hash, or --file with --row", WRONG_USAGE)
    if (file is None) != (row is None):
        raise CommandFailed("--file and --row go together", WRONG_USAGE)
    if file is not None and only_hash:
        raise CommandFailed("--hash and --file exclude each other", WRONG_USAGE)


def _given_source(settings: "Settings", name: str | None, of_format: str | None) -> "Source | None":
    """Return the source that the options describe; None if they describe none."""
    from service.cli.load import source_of
    from service.hashing import registry
    from service.hashing.format import UnusableHash
    from service.hashing.formula import parse_formula
    from service.loading.sources import Source

    if name is None and of_format is None:
        return None
    chosen = Source("") if name is None else source_of(settings, name)
    if of_format is None:
        return chosen
    try:
        if registry.is_formula(of_format):
            parse_formula(of_format, chosen.iterations, registry.find)
        else:
            registry.by_name(of_format)
    except UnusableHash as error:
        raise CommandFailed(f"--format: {error}", WRONG_USAGE) from None
    return replace(chosen, format=of_format)


def _peppers(source: "Source | None", names: list[str]) -> dict[str, bytes]:
    from service.settings import is_setting
    from service.stored_hashes import pepper_names

    names = [*pepper_names(source.pepper_env if source else None), *names]
    for name in names:
        if is_setting(name):
            raise CommandFailed(f"--pepper-env {name}: this is a setting of the service, not a pepper", WRONG_USAGE)
        if name not in os.environ:
            raise CommandFailed(f"--pepper-env {name}: this environment variable is not set", WRONG_USAGE)
    return {name: os.environ[name].encode("utf-8", "surrogateescape") for name in names}


def _of_name(
    settings: "Settings", name: str, source: "Source | None", salt: str | None, user: str | None, *, only_hash: bool
) -> "Subject":
    from service.loading.known_password import NoSubject, with_columns, with_source

    try:
        if name != "-" and not only_hash:
            found = _of_stored(settings, name)
            if found is not None:
                found = with_columns(found, salt, user)
                return found if source is None else with_source(found, source, os.environ)
        return _of_hash(_line("hash") if name == "-" else name, source, salt, user, certain=only_hash or name == "-")
    except NoSubject as error:
        raise CommandFailed(str(error)) from None


def _of_stored(settings: "Settings", name: str) -> "Subject | None":
    """Return the account with the name; None if there is none, or if the name is a hash and there is no store."""
    from service.hashing.registry import candidates
    from service.store.database import SchemaNotReady

    try:
        return run(_of_account(settings, name))
    except SchemaNotReady:
        if candidates(name):
            return None
        raise


async def _of_account(settings: "Settings", name: str) -> "Subject | None":
    """Return the account that the name opens at sign-in; None if there is none."""
    from service.app import open_database
    from service.auth.authenticator import hash_keys
    from service.loading.known_password import NoSubject, account_subject
    from service.signin.queries import find
    from service.signin.resolve import Ambiguity
    from service.store.recipes import login_of
    from service.stored_hashes import HashOpener

    async with open_database(settings) as database, database.connection() as connection:
        found = None if "\0" in name else await find(connection, name)
        if found is None:
            return None
        if isinstance(found, Ambiguity):
            raise NoSubject("two accounts have this name, so nobody can sign in with it: give the login")
        login = await login_of(connection, found.id)
    return account_subject(found, login, HashOpener(os.environ, hash_keys(settings)))


def _of_hash(text: str, source: "Source | None", salt: str | None, user: str | None, *, certain: bool) -> "Subject":
    from service.hashing.diagnosis.target import goals_of
    from service.hashing.registry import candidates
    from service.loading.known_password import NoSubject, row_subject
    from service.loading.sources import Source

    known = certain or source is not None or salt is not None
    if not known and not candidates(text) and not goals_of(text, salt):
        raise NoSubject("no account has this name, and it is not a hash of known shape; --hash treats it as one")
    return row_subject(_columns(salt, user), text, source or Source(""), os.environ, None)


class _Row(NamedTuple):
    """A row of an export, and how to read the export."""

    file: Path
    line: int
    reading: Reading


def _of_file(row: _Row, source: "Source | None", salt: str | None, user: str | None) -> "Subject":
    from service.loading.hashes import text_of
    from service.loading.known_password import NoSubject, row_subject
    from service.loading.reject import RejectedRow
    from service.loading.rows import hash_text
    from service.loading.sources import Source

    try:
        found, source = _fields(row, source or Source(""))
        fields = found | _columns(salt, user)
        text = hash_text(fields)
        if text is None:
            raise CommandFailed(f"{row.file}, line {row.line}: the row has no hash")
        return row_subject(fields, text, source, os.environ, text_of(fields, "login"))
    except (RejectedRow, NoSubject) as error:
        raise CommandFailed(f"{row.file}, line {row.line}: {error}") from None


def _fields(row: _Row, source: "Source") -> "tuple[dict[str, object], Source]":
    """Return the row as `load` reads it, and the source with the export's format. Raises `RejectedRow`."""
    from contextlib import closing

    from service.loading.files.row import FaultyRow, UnreadableFile

    try:
        with closing(row.reading.open(row.file)) as reader:
            export = row.reading.examine(row.file, reader, source, needs_login=False)
            found = next((each for each in export.rows if each.line >= row.line), None)
    except UnreadableFile as error:
        raise CommandFailed(str(error)) from None
    for note in export.notes:
        typer.echo(printable(note), err=True)
    if found is None or found.line != row.line:
        raise CommandFailed(f"{row.file}: no row begins at line {row.line}")
    if isinstance(found, FaultyRow):
        raise CommandFailed(f"{row.file}, line {row.line}: {found.fault}")
    return dict(export.decisions.applied_to(found.fields)), export.source


def _columns(salt: str | None, user: str | None) -> dict[str, object]:
    """Return the options as the columns of a row."""
    return {name: value for name, value in (("salt", salt), ("username", user)) if value is not None}


def _password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, default="", show_default=False, err=True))
    return _line("password")


def _line(what: str) -> str:
    """Read one line of standard input, without its end."""
    line = sys.stdin.buffer.readline()
    if not line:
        raise CommandFailed(f"standard input contains no {what}: give it on a line of its own", WRONG_USAGE)
    try:
        return line.rstrip(b"\r\n").decode("utf-8")
    except UnicodeDecodeError:
        raise CommandFailed(f"the {what} on standard input is not UTF-8", WRONG_USAGE) from None


def _tried(subject: "Subject", password: str) -> "Verdict":
    from service.loading.known_password import try_password as check

    return check(subject, password)


def _diagnosed(
    settings: "Settings",
    subject: "Subject",
    password: str,
    peppers: dict[str, bytes],
    seconds: float,
) -> "Finding | None":
    """Search for the recipe of each hash. Ctrl-C ends the search, is recorded and is not an error."""
    from service.cli.try_report import diagnosing, interrupted
    from service.hashing.diagnosis import OutOfTime, diagnose
    from service.loading.known_password import cases_of

    with _sigterm_as_ctrl_c(), diagnosing(seconds) as budget:
        try:
            for case in cases_of(subject, password, peppers):
                found = diagnose(case, budget)
                if found is not None:
                    return found
            typer.echo(f"nothing found: all {budget.tried:,} candidates were tried", err=True)
        except OutOfTime:
            typer.echo(f"nothing found in {seconds:g} s; {interrupted(budget)}", err=True)
        except KeyboardInterrupt:
            typer.echo(f"stopped; {interrupted(budget)}", err=True)
            _record(settings, subject, None, diagnosed=True)
            raise
    return None


@contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    """Handle SIGTERM like Ctrl-C during a search, so that the number tried is printed and recorded."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _record(settings: "Settings", subject: "Subject", recipe: "Recipe | None", *, diagnosed: bool) -> None:
    """Write the audit entry. A hash can be tried without a store; a warning then says that nothing was recorded."""
    import asyncpg

    from service.embedded_postgres import NoPostgres, PostgresDidNotStart
    from service.store.database import DATABASE_UNAVAILABLE, SchemaNotReady

    no_store = (NoPostgres, PostgresDidNotStart, SchemaNotReady)
    unreachable = (*DATABASE_UNAVAILABLE, *no_store, asyncpg.UndefinedTableError, TimeoutError)
    try:
        run(_recorded(settings, subject, recipe, diagnosed=diagnosed))
    except unreachable:
        if subject.account_id is not None:
            raise
        typer.echo("warning: the store cannot be reached or is not migrated; this try was not recorded", err=True)


async def _recorded(settings: "Settings", subject: "Subject", recipe: "Recipe | None", *, diagnosed: bool) -> None:
    from service.app import open_database
    from service.loading.known_password import record_trial

    async with open_database(settings) as database:
        await record_trial(database, subject, recipe, diagnosed=diagnosed)


def _print(verdict: "Verdict", finding: "Finding | None", *, as_json: bool, diagnosed: bool) -> None:
    from service.cli import try_report

    if as_json:
        typer.echo(json.dumps(try_report.as_dict(verdict, finding)))
    else:
        typer.echo("\n".join(try_report.lines(verdict, finding, diagnosed=diagnosed)))
