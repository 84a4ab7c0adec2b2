"""How a provisioning run is told: while it goes on, to people, and to a script. Knows no account, and asks nobody."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from service.actions.provision_users import Totals


@contextmanager
def progress() -> "Iterator[Callable[[Totals], None]]":
    """Show how far it is, the rate and the time left on a terminal; nothing elsewhere."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _totals: None
        return
    with _bar(console) as bar:
        task = bar.add_task("provision", total=None, rate=0.0, refused=0)

        def report(totals: "Totals") -> None:
            from service.policies.provisioning import Outcome

            rate = bar.tasks[0].speed or 0.0
            refused = totals.outcomes[Outcome.REFUSED]
            bar.update(task, total=totals.total, completed=totals.done, rate=rate, refused=refused)

        yield report


def _bar(console: "Console") -> "Progress":
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:.1f}/s"),
        BarColumn(),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        TextColumn("{task.fields[refused]:,} refused"),
    )
    # The rate of the last ten minutes: Okta's limits let work come in bursts.
    return Progress(*columns, console=console, transient=True, speed_estimate_period=600)


def summary(totals: "Totals", refused: int, report: Path) -> dict[str, Any]:
    """Give the totals for a script."""
    return {
        "accounts": totals.total,
        "outcomes": {outcome.value: number for outcome, number in totals.outcomes.items()},
        "methods": {method.value: number for method, number in totals.methods.items()},
        "unanswered": totals.unanswered,
        "looked_up": totals.looked_up,
        "refused": refused,
        "report": str(report) if refused else None,
    }


def report_lines(totals: "Totals", refused: int, report: Path, *, dry_run: bool) -> Iterator[str]:
    """Tell the totals in lines."""
    if dry_run:
        yield f"{totals.total:,} accounts would be created"
        yield from (f"  by {method.value}: {number:,}" for method, number in totals.methods.items())
        yield from (f"  {outcome.value}: {number:,}" for outcome, number in totals.outcomes.items())
        return
    yield f"{totals.total:,} accounts to create"
    yield from (f"  {outcome.value}: {number:,}" for outcome, number in totals.outcomes.items())
    yield from (f"  by {method.value}: {number:,}" for method, number in totals.methods.items())
    if totals.unanswered:
        yield f"  no answer from Okta for {totals.unanswered:,}: run it again, they are looked up first"
    if refused:
        yield f"{refused:,} refused accounts, each with the reason, are in {report}; corrected, give it to --corrected"
