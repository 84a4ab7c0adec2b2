"""How a reconciliation is told: while it goes on, to people, and to a script. Knows no account, and asks nobody."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from service.actions.log_report import LogReport
    from service.actions.reconcile import Report
    from service.actions.users_report import UsersReport


@contextmanager
def progress() -> "Iterator[Callable[[Report], None]]":
    """Show how far reading is on a terminal; nothing elsewhere."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _report: None
        return
    with console.status("reading the System Log") as status:

        def report(report: "Report") -> None:
            users = f"; {report.users.users:,} users compared" if report.users else ""
            status.update(f"{report.log.events:,} import events read{users}")

        yield report


def summary(report: "Report") -> dict[str, Any]:
    """Give the report for a script."""
    return {"log": _log(report.log), "users": report.users and _users(report.users)}


def _log(log: "LogReport") -> dict[str, Any]:
    return {
        "since": log.since.isoformat() if log.since else None,
        "events": log.events,
        "unreadable": log.unreadable,
        "effects": {effect.value: number for effect, number in log.effects.items()},
        "cursor_lost": log.cursor_lost,
        "warnings": log.warnings,
    }


def _users(users: "UsersReport") -> dict[str, Any]:
    return {
        "users": users.users,
        "compared": users.compared,
        "bound": users.bound,
        "missing": users.missing,
        "retired": {proof.value: number for proof, number in users.retired.items()},
        "own_password_unbound": users.own_password_unbound,
        "other_providers": dict(users.other_providers),
    }


def report_lines(report: "Report") -> Iterator[str]:
    """Tell the report in lines."""
    yield from _log_lines(report.log)
    if report.users is not None:
        yield from _users_lines(report.users)


def _log_lines(log: "LogReport") -> Iterator[str]:
    yield from (f"warning: {warning}" for warning in log.warnings)
    begin = f" since {log.since:%Y-%m-%d %H:%M} UTC" if log.since else ""
    yield f"{log.events:,} import events read{begin}"
    yield from (f"  {effect.value}: {number:,}" for effect, number in log.effects.most_common())
    if log.unreadable:
        yield f"  {log.unreadable:,} could not be read, and are kept for inspection"


def _users_lines(users: "UsersReport") -> Iterator[str]:
    yield f"{users.compared:,} accounts compared with {users.users:,} users"
    if users.bound:
        yield f"  {users.bound:,} found by their login and bound"
    yield from (f"  retired, {proof.value.replace('_', ' ')}: {number:,}" for proof, number in users.retired.items())
    if users.own_password_unbound:
        yield (
            f"  {users.own_password_unbound:,} users have the login of a waiting account and a password of their own,"
            " and were not created for it: left alone"
        )
    for provider, number in users.other_providers.items():
        yield f"  {number:,} users sign in by {provider}: left alone"
