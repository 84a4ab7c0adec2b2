"""How the story is told: steps, what went over the wire, and what the database says. Knows no step."""

import json
from typing import Any

from rich.console import Console

from simulator.transcript import Exchange

KEPT_OF_EVENT = ("uuid", "published", "eventType", "outcome", "target")
LONGEST = 30
"""Lines of a body that are shown; the rest is more of the same."""


class Teller:
    """Prints the story and remembers whether all of it was true."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.all_true = True
        self._steps = 0

    def step(self, title: str) -> None:
        """Begin a step."""
        self._steps += 1
        self._console.print(f"\n[bold cyan]{self._steps}. {title}[/]", soft_wrap=True)

    def wire(self, exchange: Exchange) -> None:
        """Show a call of Okta's and our answer; secrets are masked already."""
        self._console.print(f"   [yellow]Okta →[/] {exchange.method} {exchange.url}", highlight=False, soft_wrap=True)
        for line in _lines(exchange.body):
            self._console.print(f"      {line}", style="dim", markup=False, highlight=False, soft_wrap=True)
        took = f"{exchange.seconds * 1000:.0f} ms"
        outcome = exchange.fault or exchange.status
        self._console.print(f"   [yellow]Okta ←[/] {outcome} [dim]({took})[/]", highlight=False, soft_wrap=True)
        for line in _lines(exchange.answer):
            self._console.print(f"      {line}", style="dim", markup=False, highlight=False, soft_wrap=True)

    def seen(self, fact: str, true: bool) -> None:
        """Tell a fact that was looked up, true or not."""
        self.all_true &= true
        mark = "[bold green]✓[/]" if true else "[bold red]✗[/]"
        self._console.print(f"   {mark} {fact}", highlight=False, soft_wrap=True)

    def end(self) -> None:
        """Tell how it went."""
        if self.all_true:
            self._console.print(f"\n[bold green]All {self._steps} steps were seen to be true in the database.[/]")
        else:
            self._console.print("\n[bold red]Not everything was as it should be: see the crosses.[/]")


def _lines(body: str) -> list[str]:
    if not body:
        return []
    lines = json.dumps(_pruned(json.loads(body)), indent=2, ensure_ascii=False).splitlines()
    return lines if len(lines) <= LONGEST else [*lines[:LONGEST], "…"]


def _pruned(body: dict[str, Any]) -> dict[str, Any]:
    """Leave out of log events what this story is not about."""
    events = (body.get("data") or {}).get("events") if isinstance(body.get("data"), dict) else None
    if events is None:
        return body
    kept = [{name: event.get(name) for name in KEPT_OF_EVENT} for event in events]
    return {"eventType": body.get("eventType"), "eventId": body.get("eventId"), "data": {"events": kept}}
