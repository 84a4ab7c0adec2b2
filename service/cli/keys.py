"""The commands `keys make` and `keys rotate`: encryption keys of stored hashes."""

import base64
import json
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.errors import DONE, FAILED, WRONG_USAGE, CommandFailed, plural
from service.cli.okta_options import Stopped, prepare, run, until_stopped
from service.cli.progress import show_progress

if TYPE_CHECKING:
    from service.administration.rotate_keys import Rotated
    from service.settings import Settings

keys = typer.Typer(no_args_is_help=True, help="Create and rotate keys of stored hashes, record their destruction.")

PLAIN = "REQUIRE_ENCRYPTED_HASHES is set: unencrypted hashes are left as they are, since they may have been planted"
"""Encrypting it here would make a planted hash valid."""


@keys.command()
def make() -> None:
    """Print a new random key, to be put in front of those in HASH_KEYS (docs/encryption.md).

    The key is not stored. If it is lost, so are the hashes that it encrypts.
    """
    from service.store.encryption import KEY

    key_id = f"{datetime.now(UTC):%Y%m%d}-{secrets.token_hex(2)}"
    typer.echo(json.dumps({key_id: base64.b64encode(secrets.token_bytes(KEY)).decode()}))


@keys.command()
def rotate() -> int:
    """Encrypt every stored hash under the first key of HASH_KEYS, while the service runs.

    First give the new key, in front of the old one, to every process that reads hashes. The command can be stopped and
    run again. When it is done, `status` names only the new key, and the old one can be destroyed.
    """
    done, why, stopped = run(_rotate(prepare()))
    put = f"{plural(done.encrypted, 'hash')} put under the new key"
    if stopped != DONE:
        raise CommandFailed(f"stopped: {put}; run the command again for the others", stopped)
    typer.echo(f"{put}, {done.left:,} left")
    if done.shut:
        typer.echo(f"{plural(done.shut, 'hash')} can't be decrypted with the configured keys", err=True)
        for reason in why:
            typer.echo(reason, err=True)
    return DONE if done.left == 0 else FAILED


@keys.command("mark-destroyed")
def mark_destroyed(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as shown by status and report.")],
) -> None:
    """Record that every copy of a key was destroyed; the report for auditors states it, with the time.

    Refused while a stored hash is under the key, or HASH_KEYS contains it. Repeating it keeps the first time.
    """
    destroyed_at = run(_mark_destroyed(prepare(), key_id))
    typer.echo(f"the key {key_id} is recorded as destroyed at {destroyed_at:%Y-%m-%d %H:%M} UTC")


async def _mark_destroyed(settings: "Settings", key_id: str) -> datetime:
    from service.app import open_database
    from service.store.hash_keys import keys_in_use
    from service.store.hash_keys import mark_destroyed as mark

    if key_id in settings.all_hash_keys():
        raise CommandFailed(f"the key {key_id} is in HASH_KEYS: remove it there and destroy every copy first")
    async with open_database(settings) as database, database.transaction() as connection:
        destroyed_at = await mark(connection, key_id)
        if destroyed_at is None:
            raise CommandFailed(f"no hash was ever encrypted under a key {key_id}: report lists those that were")
        if key_id in await keys_in_use(connection):
            raise CommandFailed(f"stored hashes are under the key {key_id}: run password-import keys rotate first")
        return destroyed_at


async def _rotate(settings: "Settings") -> "tuple[Rotated, list[str], int]":
    from service.administration.rotate_keys import Rotated, rotate_keys
    from service.app import open_database
    from service.auth.authenticator import hash_keys
    from service.store.hash_keys import keys_missing

    held = hash_keys(settings)
    if held.active is None:
        raise CommandFailed("HASH_KEYS is not set: there is no key to put the hashes under", WRONG_USAGE)
    async with open_database(settings) as database:
        done = Rotated()
        with show_progress("keys rotate", "hashes") as shown:
            try:
                await until_stopped(rotate_keys(database, held, shown.update, done=done))
            except Stopped as stopped:
                return done, [], stopped.code
        async with database.connection() as connection:
            why = await keys_missing(connection, held)
        return done, [*why, PLAIN] if settings.require_encrypted_hashes else why, DONE
