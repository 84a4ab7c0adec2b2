"""Text and JSON about names that open no account, for `load`, `status` and `migrate`."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from service.cli.errors import plural, printable_names
from service.store.name_report import REMEDIES, NameProblem, NameReport

TOO_COSTLY = "with hashes too costly or impossible to check, which get 503: reset their passwords in Okta"
WORDS = {
    NameProblem.AMBIGUOUS_UNTIL_BOUND: "logins that are ambiguous until their accounts are bound",
    NameProblem.AMBIGUOUS: "names that several accounts claim",
    NameProblem.INERT_WITHOUT_OPT_IN: "aliases with @, although no source opts in",
    NameProblem.INERT_LOGIN_OF_ANOTHER: "aliases that are logins of other accounts",
}


def name_lines(report: NameReport, counted_at: datetime | None = None) -> Iterator[str]:
    """Yield the number of names that open no account, the remedy, the names, and the time of the count if given."""
    if not any(count.number for count in report.values()):
        return
    counted = f", as counted at {counted_at:%Y-%m-%d %H:%M} UTC" if counted_at else ""
    yield f"Names that open no account{counted} (count and list all: password-import status --all-names)"
    for problem, count in report.items():
        if count.number:
            yield f"  {WORDS[problem]}: {count.number:,} ({REMEDIES[problem]})"
            more = ", …" if count.number > len(count.names) else ""
            yield f"    {printable_names(count.names)}{more}"


def costly_lines(number: int, names: Sequence[str]) -> Iterator[str]:
    """Yield the number of accounts with hashes stored before costs were limited and too costly, and the first names."""
    if number:
        yield f"{plural(number, 'account')} {TOO_COSTLY}"
        yield f"  {printable_names(names)}{', …' if number > len(names) else ''}"


def names_as_json(report: NameReport) -> dict[str, Any]:
    """Return the same as JSON values."""
    return {
        problem.value: {"number": count.number, "remedy": REMEDIES[problem], "names": list(count.names)}
        for problem, count in report.items()
    }
