"""Lines and JSON about names that open no account, as `load`, `status` and `migrate` tell them."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from service.cli.errors import printable_names, quantity
from service.store.name_report import REMEDIES, NameProblem, NameReport

TOO_COSTLY = "with hashes too costly or impossible to check, which get 503: reset their passwords in Okta"
WORDS = {
    NameProblem.AMBIGUOUS_UNTIL_BOUND: "logins are ambiguous until their accounts are bound",
    NameProblem.AMBIGUOUS: "names are claimed by several accounts",
    NameProblem.INERT_WITHOUT_OPT_IN: "aliases with @ do not count, since no source opts in",
    NameProblem.INERT_LOGIN_OF_ANOTHER: "aliases do not count, since they are logins of others",
}


def name_lines(report: NameReport, counted_at: datetime | None = None) -> Iterator[str]:
    """Tell how many names open no account, what helps, and which they are; with a moment, as of when."""
    if not any(count.number for count in report.values()):
        return
    counted = f", as counted at {counted_at:%Y-%m-%d %H:%M} UTC" if counted_at else ""
    yield f"Names that open no account{counted} (count and list all: password-import status --all-names)"
    for problem, count in report.items():
        if count.number:
            yield f"  {count.number:,} {WORDS[problem]}: {REMEDIES[problem]}"
            more = ", …" if count.number > len(count.names) else ""
            yield f"    {printable_names(count.names)}{more}"


def costly_lines(number: int, names: Sequence[str]) -> Iterator[str]:
    """Tell how many accounts have hashes too costly to check, stored before costs were limited, and the first."""
    if number:
        yield f"{quantity(number, 'account')} {TOO_COSTLY}"
        yield f"  {printable_names(names)}{', …' if number > len(names) else ''}"


def names_as_json(report: NameReport) -> dict[str, Any]:
    """Give the same for a script."""
    return {
        problem.value: {"number": count.number, "remedy": REMEDIES[problem], "names": list(count.names)}
        for problem, count in report.items()
    }
