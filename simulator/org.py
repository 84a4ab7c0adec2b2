"""One simulated Okta org with the actions of persons, as used by tests and the demo."""

import ssl
from dataclasses import replace
from types import TracebackType
from typing import Self

from simulator import registration
from simulator import sign_in as simulator_sign_in
from simulator.administering import AdministeredOrg
from simulator.channel import JsonObject
from simulator.deliveries import Deliveries
from simulator.display import Form, Shown, default_failure
from simulator.registration import Registration
from simulator.sign_in import SignIn
from simulator.user import User
from simulator.users import LoginTaken

PERSONS_ADDRESS = "203.0.113.7"
"""The default address of a person's browser (RFC 5737, for documentation)."""


class Org(AdministeredOrg):
    """An Okta org in memory. Use it with `async with`, or call `close`."""

    def __init__(
        self,
        *,
        seed: int = 0,
        url: str = "https://org.okta.example",
        hook_timeout: float = 3.0,
        batch_window: float = 0.2,
        trust: ssl.SSLContext | bool = True,
        reveal: bool = False,
    ) -> None:
        super().__init__(seed=seed, url=url, hook_timeout=hook_timeout, trust=trust, reveal=reveal)
        self.deliveries = Deliveries(self, batch_window)
        self.demo_passwords: dict[str, str] = {}
        """Legacy passwords of invented people by login, for the sign-in page; the org itself does not use them."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop the background tasks."""
        await self.deliveries.close()
        await self.caller.close()

    async def sign_in(
        self, username: str, password: str, *, ip: str = PERSONS_ADDRESS, path: str = "/idp/idx/identify"
    ) -> SignIn:
        """Sign a person in, as typed. `path` is the path of the request at Okta that the hook is told."""
        return await simulator_sign_in.sign_in(self, username, password, ip=ip, path=path)

    async def register(
        self, profile: JsonObject, password: str, *, ip: str = PERSONS_ADDRESS, classic: bool = False
    ) -> Registration:
        """Submit the registration form. If the hook allows it, the user exists afterwards."""
        result = await registration.ask(self, Form.CLASSIC if classic else Form.SELF_SERVICE, profile, ip)
        if not result.allowed:
            return result
        if self.switches.read_only:
            return replace(result, allowed=False, shown=default_failure(result.form), fault="read-only mode")
        try:
            user = self.add_user(password=password, **result.attributes)
        except LoginTaken:
            shown = Shown(inline={"login": "A user with this login already exists."})
            return replace(result, allowed=False, shown=shown, fault="login taken")
        return replace(result, user=user)

    async def update_profile(self, user: User, update: JsonObject, *, ip: str = PERSONS_ADDRESS) -> Registration:
        """Submit the progressive profile form after a sign-in; `update` contains only the form's attributes."""
        result = await registration.ask(self, Form.PROGRESSIVE, update, ip, user)
        if result.allowed:
            user.profile |= result.attributes
            user.updated = self.clock.now()
            self.log_about(user, "user.account.update_profile", "Update user profile for Okta")
        return result

    async def flush_events(self) -> None:
        """Deliver all waiting events, and wait for the answers."""
        await self.deliveries.flush()

    @property
    def hold_deliveries(self) -> bool:
        """While true, events are delivered only by `flush_events`."""
        return self.deliveries.held

    @hold_deliveries.setter
    def hold_deliveries(self, held: bool) -> None:
        self.deliveries.held = held

    def provider_of(self, login: str) -> str | None:
        """Return a user's `credentials.provider.type`; None for an unknown login."""
        user = self.users.get(login)
        return user.provider if user else None
