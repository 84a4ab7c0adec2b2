"""The command line: one module per command, each parses, calls one feature and prints.

Exit codes: 0 done; 1 failed; 2 wrong usage or configuration; 3 done, but some rows were rejected and are listed.
"""

import sys
from importlib.metadata import version
from typing import Annotated, Any

import typer

from service.cli.accounts import accounts
from service.cli.audit import audit
from service.cli.doctor import doctor
from service.cli.errors import open_standard_streams, reported
from service.cli.hooks import app as hooks
from service.cli.identify import identify
from service.cli.keys import keys
from service.cli.load import load
from service.cli.migrate import migrate
from service.cli.provision import provision
from service.cli.reconcile import reconcile
from service.cli.rehearse import rehearse
from service.cli.report import report
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
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="markdown",  # the other modes keep the source's line breaks, and interpret [default: …] as markup
    help="Lets people keep their password while their accounts move to Okta.",
    epilog="Settings come from the environment and from .env; docs/settings.md lists them. Exit codes: 0 done; 1 it "
    "failed; 2 wrong usage or configuration; 3 done, but some rows were rejected and are listed.",
)
for command in (serve, migrate, load, identify, provision, reconcile, rehearse, status, stragglers, screen, doctor):
    app.command()(command)
app.command()(simulate)
app.command("try")(try_password)
app.add_typer(hooks, name="hooks")
app.add_typer(report, name="report")
app.add_typer(keys, name="keys")
app.add_typer(audit, name="audit")
app.add_typer(accounts, name="accounts")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"password-import {version('password-import')}")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Read the options of the command line as a whole."""


def command_line() -> Any:  # noqa: ANN401 (typer does not export the classes of its commands)
    """Return the whole command line. Flags take no value, so their help shows no type."""
    command = typer.main.get_command(app)
    _without_types(command)
    return command


def _without_types(command: Any) -> None:  # noqa: ANN401 (likewise)
    for parameter in command.params:
        if getattr(parameter, "is_flag", False):
            parameter.metavar = ""
    make_help = command.get_help_option

    def get_help_option(context: Any) -> Any:  # noqa: ANN401 (likewise)
        option = make_help(context)
        if option is not None:
            option.metavar = ""
        return option

    command.get_help_option = get_help_option
    for below in getattr(command, "commands", {}).values():
        _without_types(below)


def main() -> None:
    """Run a command. Every error becomes a message on standard error and an exit code, never a traceback."""
    forbid_core_dumps()
    open_standard_streams()
    sys.exit(reported(command_line()))
