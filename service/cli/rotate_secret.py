"""`hooks rotate-secret` lets Okta send the newest secret. Parses and prints; the order of things is the action's."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.failures import CommandFailed
from service.cli.hook_findings import say
from service.cli.hook_options import BaseUrl, Registration, opened
from service.cli.okta import errors_reported, print_progress
from service.cli.running import prepare, run
from service.cli.wanted_hooks import base_url_of, desired_hooks

if TYPE_CHECKING:
    from service.accounts.database import Database
    from service.actions.rotate_secret import Rotated
    from service.okta_client import OktaOrg
    from service.settings import Settings


def rotate_secret(
    base_url: BaseUrl = None,
    registration: Registration = True,
    replica: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="Address of a replica; once for each. [default: base URL]")
    ] = None,
    overlap: Annotated[
        float, typer.Option(min=0, help="Seconds in which the old and the new event hook both deliver.")
    ] = 300.0,
) -> int:
    """Let Okta send the newest secret: the last in HOOK_SECRETS (and EVENT_HOOK_SECRETS).

    Before: add the new secret at the end of the list, keep the old one, and let every replica read it. Every replica is
    called with it first; if one does not take it, nothing is changed. Afterwards: remove the old secret from the list.
    """
    with errors_reported():
        rotated = run(_rotate(prepare(), base_url, registration, replica or [], overlap))
    for kind in rotated.inline:
        typer.echo(f"{kind.label}: the new secret is set")
    if rotated.new_events:
        typer.echo(f"event hook: {rotated.new_events.id} replaces {', '.join(rotated.removed)}")
    return say(rotated.findings, as_json=False)


async def _rotate(
    settings: "Settings", base_url: str | None, registration: bool, replicas: Sequence[str], overlap: float
) -> "Rotated":
    from service.actions.rotate_secret import NotAccepted
    from service.actions.rotate_secret import rotate_secret as rotate

    async with opened(settings) as (database, org, probe):
        address = await base_url_of(database, base_url)
        desired = desired_hooks(settings, address, registration=registration, newest=True)
        try:
            rotated = await rotate(org, probe, desired, replicas=replicas, overlap=overlap, progress=print_progress)
        except NotAccepted as error:
            raise CommandFailed(f"{error}: nothing was changed") from None
        await _read_log(settings, database, org)
        return rotated


async def _read_log(settings: "Settings", database: "Database", org: "OktaOrg") -> None:
    """Catch up with what was delivered to neither event hook, unless somebody does so already."""
    from service.actions.hold_lease import RECONCILE, Held, hold_lease
    from service.actions.reconcile import Reconciliation

    try:
        async with hold_lease(database, RECONCILE) as fenced:
            log = await Reconciliation(fenced, org, settings.forget_when).read_log()
        print_progress(f"the System Log is read: {log.events} import events")
    except Held as held:
        print_progress(f"{held}: what was delivered to neither hook comes by it")
