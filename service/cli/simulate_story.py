"""The steps of `simulate`: each is played in the org and then verified in the database."""

import asyncio
import json
import signal
from collections import Counter
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from rich.console import Console
from rich.markup import escape

from service.administration.queries import accounts_by_state, events_by_effect
from service.cli.okta_options import begin_logging
from service.cli.simulate_stage import Stage, set_stage
from service.settings import Settings
from service.signin.queries import find
from service.store.accounts import Account
from simulator import SignIn
from simulator.registration import Registration
from simulator.transcript import Exchange

# `simulate --stay`: the setting without the steps, for trying by hand. Prints the URLs and how to stop.

SIMULATOR_AFTER = 2
"""The simulated org listens this many ports after the service: the admin port is between them."""


async def stay_on_stage(settings: Settings) -> None:
    """Serve on the ports of the settings until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
    ports = settings.port, settings.admin_port, settings.port + SIMULATOR_AFTER
    async with set_stage(settings, ports=ports) as stage:
        _print_help(stage, Console())
        begin_logging(settings, "info")  # from now on: one line per sign-in
        await stop.wait()


def _print_help(stage: Stage, console: Console) -> None:
    body = '{"data":{"context":{"credential":{"username":"jessie.smith@example.com","password":"password1"}}}}'
    console.print(
        f"""
[bold]Everything runs; nothing is kept.[/] Ctrl-C stops it.

  sign in by hand   {stage.org_url}        (jessie.smith@example.com / password1, kim.sato / password2, …)
  the org           {stage.org_url}/org    (users, System Log, switches such as read-only mode)
  the service       {stage.service_url}
  status page       {stage.admin_url}/    (for scripts: /status.json and /metrics)

The secret below was made at random for this run. Ask as Okta does:
""",
        highlight=False,
        soft_wrap=True,
    )
    console.print(
        f"curl -i {stage.service_url}/okta/password-import -H 'Content-Type: application/json' \\\n"
        f"  -H 'Authorization: {stage.authorization}' \\\n  -d '{body}'\n",
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip


# The output of the simulation: steps, calls, and the state of the database.

KEPT_OF_EVENT = ("uuid", "published", "eventType", "outcome", "target")
LONGEST = 30
"""Maximum lines of a body that are shown; the rest is similar."""


class StoryPrinter:
    """Prints the simulation and records whether all facts were true."""

    def __init__(self, console: Console, *, verbose: bool) -> None:
        """Begin; `verbose` shows the headers and bodies of each call instead of one line."""
        self._console, self._verbose = console, verbose
        self.steps = self.calls = self.facts = self.false = 0

    def step(self, title: str) -> None:
        """Print the title of a step."""
        self.steps += 1
        self._print(f"\n[bold cyan]{self.steps}. {title}[/]")

    def wire(self, exchange: Exchange) -> None:
        """Print a call of Okta's and our answer; secrets are masked already."""
        self.calls += 1
        if self._verbose:
            self._print_in_full(exchange)
        else:
            said = _gist(exchange)
            self._print(
                f"   [yellow]Okta →[/] {exchange.method} {urlsplit(exchange.url).path}  "
                f"{exchange.fault or exchange.status}{f' {said}' if said else ''} [dim]({_milliseconds(exchange)})[/]"
            )

    def seen(self, fact: str, true: bool) -> None:
        """Print a fact that was looked up, whether true or not."""
        self.facts += 1
        self.false += not true
        mark = "[bold green]✓[/]" if true else "[bold red]✗[/]"
        self._print(f"   {mark} {escape(fact)}")

    def end(self, states: Counter[str]) -> None:
        """Print the summary and the next steps."""
        accounts = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
        total = f"{self.steps} steps, {self.calls} calls of Okta, {states.total()} accounts: {accounts}."
        self._print(f"\n[bold]{total}[/]")
        if self.false:
            self._print(f"[bold red]{self.false} of {self.facts} facts are not as they should be: see the crosses.[/]")
            return
        self._print(f"[bold green]All {self.facts} facts verified against the org and the database.[/]")
        self._print(NEXT)

    def _print(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True)

    def _print_in_full(self, exchange: Exchange) -> None:
        self._print(f"   [yellow]Okta →[/] {exchange.method} {exchange.url}")
        self._print_body(exchange.body)
        self._print(f"   [yellow]Okta ←[/] {exchange.fault or exchange.status} [dim]({_milliseconds(exchange)})[/]")
        self._print_body(exchange.answer)

    def _print_body(self, body: str) -> None:
        for line in _lines(body):
            self._console.print(f"      {line}", style="dim", markup=False, highlight=False, soft_wrap=True)


NEXT = """\
Next: `password-import simulate --stay` (make run) keeps everything running, to sign in by hand;
`password-import simulate --verbose` (make demo VERBOSE=1) shows each call in full;
docs/migration-guide.md leads through a migration of your own."""


def _milliseconds(exchange: Exchange) -> str:
    return f"{exchange.seconds * 1000:.0f} ms"


def _gist(exchange: Exchange) -> str:
    """Return the credential, the decision or the events of a call in a few words."""
    if exchange.url.endswith("/okta/events"):
        events = (_read(exchange.body).get("data") or {}).get("events") or []
        return ", ".join(f"{each['eventType']} {each['outcome']['result']}" for each in events)
    values = [each.get("value") for each in _read(exchange.answer).get("commands") or []]
    said = [each.get("credential") or each.get("registration") for each in values if isinstance(each, dict)]
    return ", ".join(each for each in said if each)


def _read(body: str) -> dict[str, Any]:
    found = json.loads(body) if body else {}
    return found if isinstance(found, dict) else {}


def _lines(body: str) -> list[str]:
    if not body:
        return []
    lines = json.dumps(_pruned(json.loads(body)), indent=2, ensure_ascii=False).splitlines()
    return lines if len(lines) <= LONGEST else [*lines[:LONGEST], "…"]


def _pruned(body: dict[str, Any]) -> dict[str, Any]:
    """Return log events without the parts that this simulation does not need."""
    events = (body.get("data") or {}).get("events") if isinstance(body.get("data"), dict) else None
    if events is None:
        return body
    kept = [{name: event.get(name) for name in KEPT_OF_EVENT} for event in events]
    return {"eventType": body.get("eventType"), "eventId": body.get("eventId"), "data": {"events": kept}}


JESSIE, KIM, RAJIV = "jessie.smith@example.com", "kim.sato@example.com", "rajiv.tal@example.com"


async def play(settings: Settings, *, verbose: bool = False) -> bool:
    """Play all steps; return whether every fact was true."""
    printer = StoryPrinter(Console(), verbose=verbose)
    async with set_stage(settings) as stage:
        actors = _Actors(stage, printer)
        for step in (
            _wrong_password,
            _right_password,
            _second_sign_in,
            _read_only,
            _after_read_only,
            _duplicate_delivery,
            _registration,
            _profile_update,
        ):
            await step(actors)
        async with stage.database.connection() as connection:
            states = await accounts_by_state(connection)
    printer.end(+Counter(states))
    return not printer.false


@dataclass
class _Actors:
    stage: Stage
    printer: StoryPrinter

    async def sign_in(self, login: str, password: str) -> SignIn:
        """Sign in at the org, let it report its events, and print the calls."""
        mark = self.stage.org.transcript.total
        result = await self.stage.org.sign_in(login, password)
        await self.stage.org.flush_events()
        self._show(mark)
        return result

    def _show(self, mark: int) -> None:
        for exchange in self.stage.org.transcript.since(mark):
            self.printer.wire(exchange)

    async def account(self, login: str) -> Account:
        async with self.stage.database.connection() as connection:
            found = await find(connection, login)
        assert isinstance(found, Account)  # noqa: S101 (the stage loaded it)
        return found

    async def see_account(self, login: str, state: str, hashes: int) -> None:
        account = await self.account(login)
        kept = {0: "its hash is gone from the table", 1: "its hash is kept"}[hashes]
        self.printer.seen(
            f"in the database {login} is {state}: {kept}", (account.state, len(account.hashes)) == (state, hashes)
        )

    async def see_events(self, expected: dict[str, int]) -> None:
        async with self.stage.database.connection() as connection:
            effects = await events_by_effect(connection)
        counts = ", ".join(f"{count} {effect}" for effect, count in expected.items())
        self.printer.seen(f"import events recorded: {counts}", effects == expected)


async def _wrong_password(actors: _Actors) -> None:
    actors.printer.step("Jessie signs in with a wrong password")
    result = await actors.sign_in(JESSIE, "not-her-password")
    actors.printer.seen("she is refused", result.verdict == "UNVERIFIED" and not result.signed_in)
    await actors.see_account(JESSIE, "waiting", 1)
    await actors.see_events({"kept": 1})


async def _right_password(actors: _Actors) -> None:
    actors.printer.step("Jessie signs in with her old password: verified, imported, reported, forgotten")
    result = await actors.sign_in(JESSIE, "password1")
    actors.printer.seen("she is signed in, and Okta has stored her password", result.signed_in and result.imported)
    await actors.see_account(JESSIE, "migrated", 0)
    await actors.see_events({"kept": 1, "migrated": 1})


async def _second_sign_in(actors: _Actors) -> None:
    actors.printer.step("Jessie signs in again: Okta knows her password and asks nobody")
    result = await actors.sign_in(JESSIE, "password1")
    actors.printer.seen("she is signed in, and the hook was not called", result.signed_in and not result.hook_called)


async def _read_only(actors: _Actors) -> None:
    actors.printer.step("Okta is in read-only mode while Kim signs in: the password can't be stored, the hash stays")
    actors.stage.org.switch(read_only=True)
    result = await actors.sign_in(KIM, "password2")
    actors.printer.seen("she is signed in, but nothing was imported", result.signed_in and not result.imported)
    await actors.see_account(KIM, "verified", 1)
    await actors.see_events({"kept": 2, "migrated": 1})


async def _after_read_only(actors: _Actors) -> None:
    actors.printer.step("Okta can write again, and Kim signs in: asked again, and this time stored")
    actors.stage.org.switch(read_only=False)
    result = await actors.sign_in(KIM, "password2")
    actors.printer.seen("the hook was asked again", result.hook_called and result.imported)
    await actors.see_account(KIM, "migrated", 0)


async def _duplicate_delivery(actors: _Actors) -> None:
    actors.printer.step("Rajiv signs in, and Okta delivers the event twice: the second one changes nothing")
    actors.stage.org.switch(duplicate=1.0)
    mark = actors.stage.org.transcript.total
    await actors.sign_in(RAJIV, "password3")
    actors.stage.org.switch(duplicate=0.0)
    deliveries = [each for each in actors.stage.org.transcript.since(mark) if each.url.endswith("/okta/events")]
    twice = len(deliveries) > 1 and all(each.status == 204 for each in deliveries)  # noqa: PLR2004 (No Content)
    actors.printer.seen("it was delivered more than once, and acknowledged each time", twice)
    await actors.see_account(RAJIV, "migrated", 0)
    await actors.see_events({"kept": 2, "migrated": 3})


async def _registration(actors: _Actors) -> None:
    actors.printer.step("Two people register: only the domain of the policy may")
    stage = actors.stage
    mark = stage.org.transcript.total
    inside = await stage.org.register(_profile("new.person@example.com"), "Passw0rd!")
    outside = await stage.org.register(_profile("mallory@example.com.evil.example"), "Passw0rd!")
    actors._show(mark)  # noqa: SLF001 (the functions of the steps are in this module)
    actors.printer.seen("the first is registered", inside.allowed)
    actors.printer.seen(f"the second reads: {_shown(outside)}", not outside.allowed and bool(outside.shown.inline))


async def _profile_update(actors: _Actors) -> None:
    actors.printer.step("Jessie completes her profile: employee numbers have four digits")
    stage = actors.stage
    jessie = stage.org.users.get(JESSIE)
    assert jessie is not None  # noqa: S101 (the stage added her)
    mark = stage.org.transcript.total
    wrong = await stage.org.update_profile(jessie, {"employeeNumber": "12"})
    right = await stage.org.update_profile(jessie, {"employeeNumber": "1234"})
    actors._show(mark)  # noqa: SLF001 (as above)
    actors.printer.seen(f"12 is refused: {_shown(wrong)}", not wrong.allowed)
    actors.printer.seen("1234 is taken", right.allowed and jessie.profile["employeeNumber"] == "1234")


def _shown(outcome: Registration) -> str:
    return "; ".join(f"{field}: {message}" for field, message in outcome.shown.inline.items())


def _profile(login: str) -> dict[str, str]:
    return {"login": login, "email": login, "firstName": "New", "lastName": "Person"}
