"""Error messages of commands, and their exit codes."""

import errno
import os
import re
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
from service.os_errors import explain
from service.settings import BadSettings
from service.store.database import NOT_THE_PRIMARY, DatabaseUnavailable, SchemaNotReady
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
    _discard_output()
    return True


def _discard_output() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def open_standard_streams() -> None:
    """Reopen standard streams that the parent process closed (`>&-`).

    Otherwise the next file or socket would get descriptor 0, 1 or 2, and libuv aborts when it closes one of these. A
    write to standard output still fails, as it should; a write to standard error is discarded.
    """
    for number, name, flags in ((0, "stdin", os.O_RDONLY), (1, "stdout", os.O_RDONLY), (2, "stderr", os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)  # takes the lowest free number, which is this one
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))


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


def quantity(number: int, noun: str, plural: str = "") -> str:
    """Write a number with its noun: `1 account`, `2,000 accounts`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


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
        if _is_of_output(error):
            _discard_output()
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
    if isinstance(error, NoPostgres | PostgresDidNotStart | SchemaNotReady):
        return str(error), FAILED
    if isinstance(error, asyncpg.UndefinedTableError | asyncpg.UndefinedColumnError):
        return f"{_plain(error)}: bring the store up to date first, with `password-import migrate`", FAILED
    return f"failed: {_plain(error)}{_fix(error)}", FAILED


def _show(error: TyperException) -> None:
    # Wrong usage knows its command and how to ask for help; typer names the base only, and keeps the rest for itself.
    error.message = _in_words(error.message)
    show: Callable[[], None] | None = getattr(error, "show", None)
    if show is not None:
        show()
    else:
        _say(error.format_message(), error.exit_code)


WORDS = (
    (r"Input should be a valid integer.*", "must be a whole number"),
    (r"Input should be a valid number.*", "must be a number"),
    (r"Input should be greater than or equal to (.*)", r"must be at least \1"),
    (r"Input should be less than or equal to (.*)", r"must be at most \1"),
    (
        r"Value error, .* does not match the formats .*",
        "must be a date or a time, as 2026-11-22 or 2026-11-22T10:00:00",
    ),
    (r"Input should be (.*)", r"must be \1"),
    (r"Value error, (.*)", r"\1"),
)
"""Messages of pydantic, which validates the options, and their replacements without Python's type names."""


def _in_words(message: str) -> str:
    for text, words in WORDS:
        message = re.sub(f"^{text}$", words, message)
    return message


def _plain(error: Exception) -> str:
    told = _of_database(error) or _of_system(error)
    if told:
        return f"{_place(error)}{told}"
    # Its message may quote a secret; its type and the places that it passed can't.
    details = describe(error)
    return f"an internal error, please report it: {details['exception']} at {', '.join(details['trace'])}"


def _of_database(error: Exception) -> str | None:
    if isinstance(error, asyncpg.PostgresError):
        # The server's main message names tables and constraints; its detail quotes rows, and is left out.
        return f"PostgreSQL: {error.args[0] if error.args else 'the server gave no reason'}"
    if isinstance(error, NOT_THE_PRIMARY):
        return "no server there may be written to"
    if isinstance(error, CONNECTION_FAULTS):
        return "the connection can't be made as the URL says" if _place(error) else "the connection was lost"
    return None


def _of_system(error: Exception) -> str | None:
    if isinstance(error, ImportError):
        return f"the package {error.name} is missing or broken: was the set-up completed?"
    if not isinstance(error, OSError):
        return None
    if _place(error):
        return explain(error)
    if isinstance(error, TimeoutError):
        return "the database gave no answer in time"
    place = error.filename or ("standard output" if _is_of_output(error) else "")
    return f"{place}: {error.strerror}" if place and error.strerror else error.strerror


UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}
"""Numbers of errors without a file name that only a write to standard output gives."""


def _is_of_output(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in UNWRITABLE and not error.filename and not _place(error)


def _place(error: Exception) -> str:
    """Return the address that could not be reached or bound, as noted on the exception, without secrets."""
    return "".join(f"{note}: " for note in getattr(error, "__notes__", ()))


CONNECTION_FAULTS = (asyncpg.InterfaceError, asyncpg.InternalClientError, DatabaseUnavailable)
FIXES: tuple[tuple[type[Exception] | int, str], ...] = (
    (asyncpg.InvalidPasswordError, "correct the user and the password in the URL"),
    (asyncpg.InvalidAuthorizationSpecificationError, "correct the user and the password in the URL, or pg_hba.conf"),
    (asyncpg.InvalidCatalogNameError, "create it with createdb, or correct the name in the URL"),
    (asyncpg.InvalidSchemaNameError, "grant the role USAGE and CREATE on its schema (docs/database-roles.md)"),
    (asyncpg.InsufficientPrivilegeError, "grant the role what it needs (docs/database-roles.md)"),
    (asyncpg.TooManyConnectionsError, "lower DATABASE_POOL_SIZE, or raise max_connections of the server"),
    (asyncpg.CannotConnectNowError, "the server starts or stops: try again"),
    (asyncpg.ReadOnlySQLTransactionError, "name the primary in the URL, or wait until it is one again"),
    (asyncpg.LockNotAvailableError, "another transaction holds the tables: end it, and run the command again"),
    (asyncpg.PostgresConnectionError, "check that the server still runs, and run the command again"),
    (NOT_THE_PRIMARY, "name the primary in the URL, or wait until there is one"),
    (ssl.SSLError, "correct sslmode and sslrootcert in the URL"),
    (socket.gaierror, "correct the host name"),
    (TimeoutError, "check that the server runs, and the host, the port and the firewall"),
    (errno.ECONNREFUSED, "check that the server runs, and the host and the port"),
    (errno.EADDRINUSE, "stop what listens there, or choose another port"),
    (errno.EADDRNOTAVAIL, "choose an address of this machine"),
    (errno.ENOSPC, "free space, or name another place"),
    (errno.EACCES, "run as a user who may do that, or name another place"),
    (errno.ENOENT, "correct the path"),
    (errno.EBADF, "direct it to a file or a program"),
)
"""What helps, by the type of an error or its number."""


def _fix(error: Exception) -> str:
    if isinstance(error, CONNECTION_FAULTS) and not isinstance(error, NOT_THE_PRIMARY):
        at_start, later = "correct the parameters after ? in the URL", "check that the server runs, and try again"
        return f": {at_start if _place(error) else later}"
    for kind, fix in FIXES:
        if isinstance(error, kind) if isinstance(kind, type) else getattr(error, "errno", None) == kind:
            return f": {fix}"
    return ""


def _say(message: str, code: int) -> int:
    print(f"password-import: {printable(message)}", file=sys.stderr)  # noqa: T201 (the command line speaks by printing)
    return code
