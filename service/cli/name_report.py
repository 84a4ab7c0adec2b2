"""Lines and JSON about names that open no account, as `load`, `status` and `migrate` tell them."""

from collections.abc import Iterator
from typing import Any

from service.store.name_report import REMEDIES, NameProblem, NameReport

WORDS = {
    NameProblem.AMBIGUOUS_UNTIL_BOUND: "logins are ambiguous until their accounts are bound",
    NameProblem.AMBIGUOUS: "names are claimed by several accounts",
    NameProblem.INERT_WITHOUT_OPT_IN: "aliases with @ do not count, since no source opts in",
    NameProblem.INERT_LOGIN_OF_ANOTHER: "aliases do not count, since they are logins of others",
}


def name_lines(report: NameReport) -> Iterator[str]:
    """Tell how many names open no account, what helps, and which they are."""
    if not any(count.number for count in report.values()):
        return
    yield "Names that open no account (all of them: password-import status --all-names)"
    for problem, count in report.items():
        if count.number:
            yield f"  {count.number:,} {WORDS[problem]}: {REMEDIES[problem]}"
            more = ", …" if count.number > len(count.names) else ""
            yield f"    {', '.join(map(printable, count.names))}{more}"


def names_as_json(report: NameReport) -> dict[str, Any]:
    """Give the same for a script."""
    return {
        problem.value: {"number": count.number, "remedy": REMEDIES[problem], "names": list(count.names)}
        for problem, count in report.items()
    }


def printable(name: str) -> str:
    """Write a name as a terminal may show it: a legacy store may hold anything."""
    return "".join(character if character.isprintable() else "?" for character in name)
