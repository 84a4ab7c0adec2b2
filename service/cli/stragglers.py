"""The command `stragglers`: accounts that have not migrated, and the end of the programme."""

import json
import sys
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.errors import DONE, CommandFailed, printable, quantity
from service.cli.okta_options import Stopped, errors_reported, prepare, print_wait, run, until_stopped
from service.cli.progress import output_is_file, show_progress

if TYPE_CHECKING:
    from service.administration.stragglers import Why
    from service.settings import Settings
    from service.store.database import Database
    from service.store.retirement import Proof

NEXT = """\
The programme has ended. What is left to do, in this order:
  1. Let Okta reset the password of those in the list, so that they get a mail (the user's page, or the API's
     lifecycle/reset_password).
  2. Keep the service running until the mails are out; everybody is answered UNVERIFIED now.
  3. Deactivate and delete the password import hook, then the event hook (Workflow > Hooks), and take the registration
     hook out of its policies if it is not to stay.
  4. Stop `reconcile --follow` and the service; delete the backups of the store: old ones hold hashes.
docs/migration-guide.md says it at length."""


def stragglers(
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where the CSV goes. [default: standard output]"),
    ] = None,
    retire: Annotated[
        bool, typer.Option("--retire", help="Forget their hashes, and with that end the programme.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --retire: do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the totals as JSON for a script.")] = False,
) -> None:
    """List who has not migrated, as CSV, with the reason: for the mails at the end of the programme.

    With --retire their hashes are forgotten, with the end of the programme as the recorded proof. That can't be undone:
    afterwards a legacy password that was not used before is refused.
    """
    settings = prepare()
    if retire and not yes and not typer.confirm("Forget the hashes of all who have not migrated, for good?", err=True):
        raise CommandFailed("nothing was forgotten")
    with errors_reported():
        counts, retired, stopped = run(_stragglers(settings, output, retire))
    _say(counts, retired, as_json=as_json, to_stdout=output is not None, ended=retire and stopped == DONE)
    if stopped != DONE:
        forgotten = quantity(retired.total(), "hash", "hashes")
        raise CommandFailed(f"stopped: {forgotten} forgotten; run the command again for the others", stopped)


async def _stragglers(
    settings: "Settings", output: Path | None, retire: bool
) -> "tuple[Counter[Why], Counter[Proof], int]":
    """List, and perhaps retire; give both counts, and 0 or a signal's exit code."""
    from service.administration.stragglers import write_stragglers
    from service.app import open_database
    from service.store.leases import LIFE, PROVISION, hold_lease

    async with open_database(settings) as database:
        # The list is written first: afterwards nobody knows any more who was left.
        if output is None:
            with show_progress("stragglers") if output_is_file() else nullcontext():
                counts = await write_stragglers(database, sys.stdout, printable)
        else:
            counts = await _to_file(database, output)
        if not retire:
            return counts, Counter(), DONE
        async with hold_lease(database, PROVISION, wait=LIFE.total_seconds() + 1, on_wait=print_wait) as fenced:
            return counts, *await _retire(fenced)


async def _retire(database: "Database") -> "tuple[Counter[Proof], int]":
    from service.administration.stragglers import retire_stragglers

    retired: Counter[Proof] = Counter()
    with show_progress("stragglers --retire", "hashes") as shown:

        def report(so_far: "Counter[Proof]") -> None:
            nonlocal retired
            retired = Counter(so_far)
            shown.update(retired.total())

        try:
            await until_stopped(retire_stragglers(database, report))
        except Stopped as stopped:
            return retired, stopped.code
        return retired, DONE


async def _to_file(database: "Database", path: Path) -> "Counter[Why]":
    from service.administration.stragglers import write_stragglers
    from service.private_files import open_private

    try:
        with open_private(path) as file, show_progress("stragglers"):
            return await write_stragglers(database, file, printable)
    except OSError as error:
        raise CommandFailed(f"--output {path}: {error.strerror}") from None


def _say(counts: "Counter[Why]", retired: "Counter[Proof]", *, as_json: bool, to_stdout: bool, ended: bool) -> None:
    """Say the totals: where the CSV is on standard output, to standard error."""
    if as_json:
        report = {
            "left": {why.value: number for why, number in counts.items()},
            "retired": {proof.value: number for proof, number in retired.items()},
        }
        typer.echo(json.dumps(report), err=not to_stdout)
        return
    lines = [f"not migrated: {quantity(counts.total(), 'account')}"]
    lines += [f"  {why.value.replace('_', ' ')}: {number:,}" for why, number in counts.most_common()]
    if ended:
        lines += [f"{quantity(retired.total(), 'hash', 'hashes')} forgotten", NEXT]
    typer.echo("\n".join(lines), err=not to_stdout)
