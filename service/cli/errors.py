"""Error messages of commands, and their exit codes."""

import os
import select
import socket
import ssl
import sys
import traceback
from collections.abc import Callable, Iterable

import asyncpg
import typer
from typer.exceptions import TyperException

from service.embedded_postgres import NoPostgres, PostgresDidNotStart
from service.settings import BadSettings
from service.telemetry import describe

# Whether anybody still reads what a command prints: `| head` leaves early.


def nobody_reads() -> bool:
    """Tell whether the reader of standard output is gone; what was not written yet then goes nowhere, without a word.

    Else Python would try again at its end, and complain: https://docs.python.org/3/library/signal.html#note-on-sigpipe
    """
    output = sys.stdout.fileno()
    look = select.poll()
    look.register(output, 0)  # an end that is closed is told of in any case
    if not look.poll(0):
        return False
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, output)
    os.close(nowhere)
    return True


DONE, FAILED, WRONG_USAGE, SOME_REFUSED = 0, 1, 2, 3
INTERRUPTED = 130
"""128 + SIGINT, as shells have it."""


class CommandFailed(Exception):
    """A command could not do its work; the message says what and how to mend it."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


def printable(text: str, keep: str = "\n\t") -> str:
    """Escape what a terminal would obey: names of a legacy store may hold any character.

    In a name, `keep` is empty: a line break would let it begin a line of its own.
    """
    return "".join(
        each if each.isprintable() or each in keep else each.encode("unicode_escape").decode() for each in text
    )


def printable_names(names: Iterable[str]) -> str:
    """List names of a legacy store in a line."""
    return ", ".join(printable(name, keep="") for name in names)


def reported(run: Callable[..., object]) -> int:
    """Run the command line and give its exit code; a closed pipe is not an error."""
    try:
        result = run(standalone_mode=False)
        sys.stdout.flush()
    except TyperException as error:
        _show(error)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return _say("stopped", INTERRUPTED)
    except (BrokenPipeError, SystemExit) as error:
        # Typer makes an exit of every broken pipe: also of one to a server, which is a fault.
        fault = error.__context__ if isinstance(error, SystemExit) else error
        return (
            DONE
            if nobody_reads() or _ended_by_rich(error)
            else _say(*_message(fault))
            if isinstance(fault, Exception)
            else FAILED
        )
    except Exception as error:  # noqa: BLE001 (the end of the line: what no command expected is said here)
        return _say(*_message(error))
    # Typer makes an exit code of Ctrl-C by itself, and says nothing.
    return _say("stopped", INTERRUPTED) if result == INTERRUPTED else result if isinstance(result, int) else DONE


def _ended_by_rich(error: BaseException) -> bool:
    """Tell whether rich met the closed pipe: it puts /dev/null in the place of standard output and exits."""
    return any(frame.name == "on_broken_pipe" for frame in traceback.extract_tb(error.__traceback__))


def _message(error: Exception) -> tuple[str, int]:
    if isinstance(error, BadSettings):
        return f"the configuration is wrong:\n{error}", WRONG_USAGE
    if isinstance(error, CommandFailed):
        return str(error), error.code
    if isinstance(error, NoPostgres | PostgresDidNotStart):
        return str(error), FAILED
    if isinstance(error, asyncpg.UndefinedTableError | asyncpg.UndefinedColumnError):
        return f"{_plain(error)}: bring the store up to date first, with `password-import migrate`", FAILED
    return f"failed: {_plain(error)}", FAILED


def _show(error: TyperException) -> None:
    # Wrong usage knows its command and how to ask for help; typer names the base only, and keeps the rest for itself.
    show: Callable[[], None] | None = getattr(error, "show", None)
    if show is not None:
        show()
    else:
        _say(error.format_message(), error.exit_code)


def _plain(error: Exception) -> str:
    if isinstance(error, asyncpg.PostgresError):
        # The server's main message names tables and constraints; its detail quotes rows, and is left out.
        return f"{_place(error)}PostgreSQL: {error.args[0] if error.args else type(error).__name__}"
    if isinstance(error, ImportError):
        return f"the package {error.name} is missing or broken: was the set-up completed?"
    if isinstance(error, OSError) and _place(error):
        return f"{_place(error)}{_why(error)}"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}{f': {error.filename}' if error.filename else ''}"
    # Its message may quote a secret; its type and the places that it passed can't.
    details = describe(error)
    return f"{details['exception']} at {', '.join(details['trace'])}"


def _place(error: Exception) -> str:
    """Give what could not be reached or listened on: whoever tried notes it, without a secret."""
    return "".join(f"{note}: " for note in getattr(error, "__notes__", ()))


def _why(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if error.errno and not isinstance(error, ssl.SSLError | socket.gaierror):  # they have numbers of their own
        return os.strerror(error.errno)  # asyncio's words name the place once more
    return error.strerror or "it can't be reached"


def _say(message: str, code: int) -> int:
    print(f"password-import: {printable(message)}", file=sys.stderr)  # noqa: T201 (the command line speaks by printing)
    return code
