"""The command line: one module a command, each parses, calls one action and prints.

0 done; 1 it failed; 2 wrong usage or configuration; 3 done, but some rows were refused and are listed.
"""

import sys

import typer

from service.cli.accounts import accounts
from service.cli.audit import audit
from service.cli.errors import reported
from service.cli.hooks import app as hooks
from service.cli.identify import identify
from service.cli.keys import keys
from service.cli.load import load
from service.cli.migrate import migrate
from service.cli.provision import provision
from service.cli.reconcile import reconcile
from service.cli.screen import screen
from service.cli.serve import serve
from service.cli.simulate import simulate
from service.cli.status import status
from service.cli.stragglers import stragglers
from service.cli.try_password import try_password
from service.hardening import forbid_core_dumps

app = typer.Typer(
    name="password-import",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",  # in the other modes lines break where the source's do, and [default: …] is markup
    help="Lets people keep their password while their accounts move to Okta.",
    epilog="Settings come from the environment and from .env; docs/settings.md lists them. Exit codes: 0 done; 1 it "
    "failed; 2 wrong usage or configuration; 3 done, but some rows were refused and are listed.",
)
for command in (serve, migrate, load, identify, provision, reconcile, status, stragglers, screen, simulate):
    app.command()(command)
app.command("try")(try_password)
app.add_typer(hooks, name="hooks")
app.add_typer(keys, name="keys")
app.add_typer(audit, name="audit")
app.add_typer(accounts, name="accounts")


def main() -> None:
    """Run a command; whatever goes wrong is said in a line and is an exit code, never a traceback."""
    forbid_core_dumps()
    sys.exit(reported(app))
