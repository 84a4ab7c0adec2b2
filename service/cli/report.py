"""The commands `report` and `report verify`: evidence for auditors."""

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.errors import DONE, FAILED, WRONG_USAGE, CommandFailed
from service.cli.okta_options import errors_reported, prepare, print_progress, run
from service.cli.progress import show_progress

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from service.administration.report import OrgHooks
    from service.settings import Settings

report = typer.Typer(invoke_without_command=True)


@report.callback()
def write(
    context: typer.Context,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FOLDER", help="A new folder. [default: report-DATE]")
    ] = None,
    sign: Annotated[
        Path | None, typer.Option(metavar="KEY.pem", help="An Ed25519 private key that signs report.json.")
    ] = None,
    okta: Annotated[bool, typer.Option(help="Ask Okta which hooks are left, where OKTA_CLIENT_ORGURL is set.")] = True,
) -> int:
    """Write evidence for auditors: counts, each forgotten hash with its proof, keys in use or destroyed, hooks left.

    A new folder gets report.html, report.json and forgotten.csv, which lists every forgotten hash by account number
    with its proof and time; with --sign also report.json.sig. No person is named. The proofs are to be compared with
    Okta's System Log. All figures are of one moment. Exit code 1 where they do not add up.
    """
    if context.invoked_subcommand is not None:
        return DONE
    folder = output or Path(f"report-{datetime.now(UTC):%Y-%m-%d}")
    key = _private_key(sign) if sign else None
    with _new_folder(folder) as made, show_progress("report"):
        document = run(_write(prepare(), made, key, ask_okta=okta))
    for line in lines(document, folder):
        typer.echo(line)
    return FAILED if any(not each["agrees"] for each in document["sums"]) else DONE


@report.command()
def verify(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="What report wrote.")],
    key: Annotated[Path, typer.Option(metavar="PUBLIC.pem", help="The signer's public key.")],
) -> None:
    """Check that a report is what was signed: the signature of report.json, and the digest of each other file."""
    from service.administration import report as evidence

    public = _keyed(key, evidence.read_public_key)
    document, signature = (_bytes(folder / name) for name in (evidence.JSON_FILE, evidence.SIGNATURE_FILE))
    try:
        files = evidence.verify(public, document, signature, _digests(folder))
    except evidence.NotAuthentic as error:
        raise CommandFailed(str(error)) from None
    typer.echo(f"The signature is valid, and {files + 1} files are as they were signed.")


def lines(document: Mapping[str, Any], folder: Path) -> Iterator[str]:
    """Tell in lines what was written."""
    accounts, forgotten, held = (document[part]["total"] for part in ("accounts", "forgotten", "hashes"))
    yield f"accounts: {accounts:,}, forgotten hashes: {forgotten:,}, hashes left: {held:,}"
    for each in document["sums"]:
        if not each["agrees"]:
            yield f"does not add up: {each['sum']}: {each['left']:,} and {each['right']:,}"
    yield f"written to {folder}: {', '.join(['report.json', *document['files']])}"
    if document["signature"] is None:
        yield "not signed: --sign KEY.pem signs it (openssl genpkey -algorithm ed25519 -out KEY.pem)"
    else:
        yield f"signed by the key {document['signature']['public_key']}"
    yield "Compare the proofs in forgotten.csv with Okta's System Log, which Okta keeps for 90 days."


async def _write(
    settings: "Settings", folder: Path, key: "Ed25519PrivateKey | None", *, ask_okta: bool
) -> dict[str, Any]:
    from service.administration import report as evidence
    from service.app import open_database
    from service.hooks.queries import HOOKS_BASE_URL, get_text
    from service.private_files import open_private
    from service.store.evidence import snapshot

    org = await _hooks_of_org(settings) if ask_okta and settings.okta_client_orgurl else None
    async with open_database(settings) as database, snapshot(database) as connection:
        with open_private(folder / evidence.CSV_FILE) as file:
            base_url = await get_text(connection, HOOKS_BASE_URL)
            held, shown = settings.all_hash_keys(), _progress()
            document = await evidence.collect(
                connection, file, held_keys=held, org=org, base_url=base_url, progress=shown
            )
    html = evidence.page(document)
    document["files"][evidence.HTML_FILE] = {"sha256": hashlib.sha256(html.encode()).hexdigest()}
    document["signature"] = evidence.signature_note(key) if key else None
    content = evidence.encoded(document)
    _put(folder / evidence.HTML_FILE, html.encode())
    _put(folder / evidence.JSON_FILE, content)
    if key is not None:
        _put(folder / evidence.SIGNATURE_FILE, key.sign(content))
    return document


SHOWN_EVERY = 30.0
"""Seconds between two lines of progress."""


def _progress() -> Callable[[int], None]:
    shown = time.monotonic()

    def show(rows: int) -> None:
        nonlocal shown
        if time.monotonic() - shown >= SHOWN_EVERY:
            shown = time.monotonic()
            print_progress(f"report: {rows:,} forgotten hashes written")

    return show


def _put(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        os.fsync(file.fileno())


async def _hooks_of_org(settings: "Settings") -> "OrgHooks":
    from service.administration.report import FoundHook, OrgHooks
    from service.okta.hooks import HookKind
    from service.okta_client import open_org, org_settings

    with errors_reported():
        async with open_org(org_settings(settings)) as org:
            print_progress(f"asking {org.host} which hooks are left")
            found = [FoundHook(kind, each.id, each.uri) for kind in HookKind for each in await org.list_hooks(kind)]
            return OrgHooks(org.host, found)


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """Return a folder to write to, and rename it at the end: a report that was interrupted is never there."""
    if folder.exists():
        raise CommandFailed(f"{folder}: exists already; choose another --output", WRONG_USAGE)
    try:
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.absolute().parent))
    except OSError as error:
        raise CommandFailed(f"{folder}: can't be made ({error.strerror}); choose another --output") from None
    try:
        yield made
        made.rename(folder)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


def _private_key(file: Path) -> "Ed25519PrivateKey":
    from service.administration.report import read_private_key
    from service.settings import BadSettings, require_unwritable

    try:
        require_unwritable("--sign", file)
    except BadSettings as bad:
        raise CommandFailed(f"{bad} ({file})", WRONG_USAGE) from None
    key: Ed25519PrivateKey = _keyed(file, read_private_key)
    return key


def _keyed(file: Path, read: Any) -> Any:  # noqa: ANN401 (either kind of key)
    from service.administration.report import BadKey

    try:
        return read(_bytes(file))
    except BadKey as bad:
        raise CommandFailed(f"{file}: {bad}", WRONG_USAGE) from None


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CommandFailed(f"{file}: can't be read ({error.strerror})", WRONG_USAGE) from None


def _digests(folder: Path) -> dict[str, str | None]:
    from service.administration.report import CSV_FILE, HTML_FILE

    return {name: _digest(folder / name) for name in (CSV_FILE, HTML_FILE)}


def _digest(file: Path) -> str | None:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return None
