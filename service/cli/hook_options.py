"""What the commands on hooks share: options, and all that is open while one runs. Knows no command."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from service.accounts.database import Database
    from service.actions.probe_service import Probe
    from service.okta_client import OktaOrg
    from service.settings import Settings

Registration = Annotated[
    bool, typer.Option("--registration/--no-registration", help="With the registration hook, or without.")
]
BaseUrl = Annotated[
    str | None, typer.Option(metavar="URL", help="The service's public address. [default: as it was registered]")
]


@asynccontextmanager
async def opened(settings: "Settings") -> "AsyncIterator[tuple[Database, OktaOrg, Probe]]":
    """Give the store, the org, and what calls the service from here."""
    from service.app import open_database
    from service.okta_client import open_org, org_settings
    from service.okta_client.probing import open_probe

    chosen = org_settings(settings)
    async with open_database(settings) as database, open_org(chosen) as org, open_probe() as probe:
        yield database, org, probe
