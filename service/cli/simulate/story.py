"""The story, step by step: each is played in the org and then looked up in the database. Knows no wire."""

from dataclasses import dataclass

from rich.console import Console

from service.accounts.account import Account
from service.accounts.counts import events_by_effect
from service.accounts.find import find
from service.cli.simulate.stage import Stage, set_stage
from service.cli.simulate.telling import Teller
from service.settings import Settings
from simulator import SignIn

JESSIE, KIM, RAJIV = "jessie.smith@example.com", "kim.sato@example.com", "rajiv.tal@example.com"


async def play(settings: Settings) -> bool:
    """Play the story; tell whether every step was true."""
    teller = Teller(Console())
    async with set_stage(settings) as stage:
        actors = _Actors(stage, teller)
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
    teller.end()
    return teller.all_true


@dataclass
class _Actors:
    stage: Stage
    teller: Teller

    async def sign_in(self, login: str, password: str) -> SignIn:
        """Sign in at the org, let it report its events, and show what went over the wire."""
        mark = self.stage.org.transcript.total
        result = await self.stage.org.sign_in(login, password)
        await self.stage.org.flush_events()
        self._show(mark)
        return result

    def _show(self, mark: int) -> None:
        for exchange in self.stage.org.transcript.since(mark):
            self.teller.wire(exchange)

    async def account(self, login: str) -> Account:
        async with self.stage.database.connection() as connection:
            found = await find(connection, login)
        assert isinstance(found, Account)  # noqa: S101 (the stage loaded it)
        return found

    async def see_account(self, login: str, state: str, hashes: int) -> None:
        account = await self.account(login)
        kept = {0: "its hash is gone from the table", 1: "its hash is kept"}[hashes]
        self.teller.seen(
            f"in the database {login} is {state}: {kept}", (account.state, len(account.hashes)) == (state, hashes)
        )

    async def see_events(self, expected: dict[str, int]) -> None:
        async with self.stage.database.connection() as connection:
            effects = await events_by_effect(connection)
        counts = ", ".join(f"{count} {effect}" for effect, count in expected.items())
        self.teller.seen(f"import events recorded: {counts}", effects == expected)


async def _wrong_password(actors: _Actors) -> None:
    actors.teller.step("Jessie signs in with a wrong password")
    result = await actors.sign_in(JESSIE, "not-her-password")
    actors.teller.seen("she is refused", result.verdict == "UNVERIFIED" and not result.signed_in)
    await actors.see_account(JESSIE, "waiting", 1)
    await actors.see_events({"kept": 1})


async def _right_password(actors: _Actors) -> None:
    actors.teller.step("Jessie signs in with her old password: verified, imported, reported, forgotten")
    result = await actors.sign_in(JESSIE, "password1")
    actors.teller.seen("she is signed in, and Okta has stored her password", result.signed_in and result.imported)
    await actors.see_account(JESSIE, "migrated", 0)
    await actors.see_events({"kept": 1, "migrated": 1})


async def _second_sign_in(actors: _Actors) -> None:
    actors.teller.step("Jessie signs in again: Okta knows her password and asks nobody")
    result = await actors.sign_in(JESSIE, "password1")
    actors.teller.seen("she is signed in, and the hook was not called", result.signed_in and not result.hook_called)


async def _read_only(actors: _Actors) -> None:
    actors.teller.step("Okta is in read-only mode while Kim signs in: the password can't be stored, the hash stays")
    actors.stage.org.switch(read_only=True)
    result = await actors.sign_in(KIM, "password2")
    actors.teller.seen("she is signed in, but nothing was imported", result.signed_in and not result.imported)
    await actors.see_account(KIM, "verified", 1)
    await actors.see_events({"kept": 2, "migrated": 1})


async def _after_read_only(actors: _Actors) -> None:
    actors.teller.step("Okta can write again, and Kim signs in: asked again, and this time stored")
    actors.stage.org.switch(read_only=False)
    result = await actors.sign_in(KIM, "password2")
    actors.teller.seen("the hook was asked again", result.hook_called and result.imported)
    await actors.see_account(KIM, "migrated", 0)


async def _duplicate_delivery(actors: _Actors) -> None:
    actors.teller.step("Rajiv signs in, and Okta delivers the event twice: the second one changes nothing")
    actors.stage.org.switch(duplicate=1.0)
    mark = actors.stage.org.transcript.total
    await actors.sign_in(RAJIV, "password3")
    actors.stage.org.switch(duplicate=0.0)
    deliveries = [each for each in actors.stage.org.transcript.since(mark) if each.url.endswith("/okta/events")]
    twice = len(deliveries) > 1 and all(each.status == 204 for each in deliveries)  # noqa: PLR2004 (No Content)
    actors.teller.seen("it was delivered more than once, and acknowledged each time", twice)
    await actors.see_account(RAJIV, "migrated", 0)
    await actors.see_events({"kept": 2, "migrated": 3})


async def _registration(actors: _Actors) -> None:
    actors.teller.step("Two people register: only the domain of the policy may")
    stage = actors.stage
    mark = stage.org.transcript.total
    inside = await stage.org.register(_profile("new.person@example.com"), "Passw0rd!")
    outside = await stage.org.register(_profile("mallory@example.com.evil.example"), "Passw0rd!")
    actors._show(mark)  # noqa: SLF001 (the steps and their actors are one)
    actors.teller.seen("the first is registered", inside.allowed)
    actors.teller.seen(f"the second reads: {outside.shown.inline}", not outside.allowed and bool(outside.shown.inline))


async def _profile_update(actors: _Actors) -> None:
    actors.teller.step("Jessie completes her profile: employee numbers have four digits")
    stage = actors.stage
    jessie = stage.org.users.get(JESSIE)
    assert jessie is not None  # noqa: S101 (the stage added her)
    mark = stage.org.transcript.total
    wrong = await stage.org.update_profile(jessie, {"employeeNumber": "12"})
    right = await stage.org.update_profile(jessie, {"employeeNumber": "1234"})
    actors._show(mark)  # noqa: SLF001 (as above)
    actors.teller.seen(f"12 is refused: {wrong.shown.inline}", not wrong.allowed)
    actors.teller.seen("1234 is taken", right.allowed and jessie.profile["employeeNumber"] == "1234")


def _profile(login: str) -> dict[str, str]:
    return {"login": login, "email": login, "firstName": "New", "lastName": "Person"}
