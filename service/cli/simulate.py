"""The command `simulate`: the whole story against a simulated Okta org.

The one part of the service that knows the simulator. The stage, the story and how it is told are beside it.
"""

from typing import Annotated

import typer

from service.cli.errors import CommandFailed
from service.cli.okta_options import prepare, run


def simulate(
    stay: Annotated[
        bool, typer.Option("--stay", help="Don't play the story: serve, print the URLs, and stay until Ctrl-C.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show each call of Okta in full.")] = False,
) -> None:
    """Play the whole story against a simulated Okta org and print it.

    Starts the service, a simulated org and, where DATABASE_URL is unset, the embedded PostgreSQL; loads the three
    users of Okta's guide; signs them in, wrongly and rightly, with Okta read-only and with a delivery repeated.
    Exit code 0 only if every step was verified against the database.
    """
    from service.cli.simulate_story import play, stay_on_stage

    settings = prepare()
    if stay:
        run(stay_on_stage(settings))
    elif not run(play(settings, verbose=verbose)):
        raise CommandFailed("the story did not go as it should: see the lines marked with a cross")
