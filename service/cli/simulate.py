"""The command `simulate`: a complete migration against a simulated Okta org.

The only part of the service that uses the simulator, together with the modules for its setting and steps.
"""

from typing import Annotated

import typer

from service.cli.errors import CommandFailed
from service.cli.okta_options import prepare, run


def simulate(
    stay: Annotated[
        bool, typer.Option("--stay", help="Do not play the steps: serve, print the URLs, and run until Ctrl-C.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show each of Okta's calls in full.")] = False,
) -> None:
    """Play a complete migration against a simulated Okta org and print it.

    Starts the service, a simulated org and, if DATABASE_URL is unset, the embedded PostgreSQL. Loads the three users of
    Okta's guide and signs them in, with wrong and correct passwords, with Okta read-only, and with a repeated delivery.
    The exit code is 0 only if every step was verified in the database.
    """
    from service.cli.simulate_story import play, stay_on_stage

    settings = prepare()
    if stay:
        run(stay_on_stage(settings))
    elif not run(play(settings, verbose=verbose)):
        raise CommandFailed("the simulation failed: see the lines marked with a cross")
