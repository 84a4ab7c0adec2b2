"""One simulated Okta org, as tests and the demo use it. Puts the parts together; the rules are in theirs."""

import ssl
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from simulator import calling
from simulator import registration as registering
from simulator import sign_in as signing_in
from simulator.channel import Channel, HeaderSecret, JsonObject
from simulator.deliveries import Deliveries
from simulator.display import Form, Shown, default_failure
from simulator.hooks import IMPORT_EVENT, EventHook, HookType, InlineHook
from simulator.log import SYSTEM, user_block
from simulator.passwords import OwnPassword
from simulator.registration import Registration
from simulator.sign_in import SignIn
from simulator.state import OrgState
from simulator.user import Status, User
from simulator.users import LoginTaken

PERSONS_ADDRESS = "203.0.113.7"
"""Where a person's browser is, unless told otherwise (an address of RFC 5737, nobody's)."""


class Org(OrgState):
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

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End what runs in the background."""
        await self.deliveries.close()
        await self.caller.close()

    def add_user(
        self, login: str, *, password: str | None = None, identifiers: Sequence[str] = (), **profile: Any
    ) -> User:
        """Add an active user, with the password hook where no password is given. Raises `LoginTaken`."""
        now = self.clock.now()
        user = User(
            id=self.ids.okta("00u"),
            profile={"login": login, "email": login} | profile,
            created=now,
            updated=now,
            password_hook=password is None,
            password=OwnPassword.of(password) if password is not None else None,
            identifiers=tuple(identifiers),
            activated=now,
            status_changed=now,
            password_changed=now,
        )
        self.users.add(user)
        self.log_about(user, "user.lifecycle.create", "Create Okta user")
        return user

    def change_status(self, user: User, status: Status) -> None:
        """Move a user to another status."""
        user.status = status
        user.status_changed = user.updated = self.clock.now()

    def reset_password(self, user: User) -> None:
        """Reset a password as an admin does: the user leaves IMPORT, and no import event says so."""
        user.password, user.password_hook = None, False
        self.change_status(user, Status.RECOVERY)
        self.log_about(user, "user.account.reset_password", "Fired when the user's Okta password is reset")

    def log_about(self, user: User, event_type: str, message: str) -> None:
        """Record something that was done to a user by the system."""
        caused = self.caused("/api/v1/users", "127.0.0.1")
        self.log.add(event_type, message, caused, actor=dict(SYSTEM), targets=[user_block(user)])

    def set_registration_hook(self, uri: str, secret: HeaderSecret | None = None, **channel: Any) -> InlineHook:
        """Attach a registration hook; every kind of form asks it."""
        return self.add_inline_hook(HookType.REGISTRATION, uri, secret, **channel)

    def add_inline_hook(
        self, kind: HookType, uri: str, secret: HeaderSecret | None = None, **channel: Any
    ) -> InlineHook:
        """Add an active inline hook; `channel` takes `headers` and `oauth` of `Channel`."""
        now = self.clock.now()
        name = kind.name.replace("_", " ").capitalize()
        hook = InlineHook(self.ids.okta("cal"), name, kind, Channel(uri, secret, **channel), now, now)
        self.inline_hooks[hook.id] = hook
        return hook

    def set_password_hook(self, uri: str, secret: HeaderSecret | None = None, **channel: Any) -> InlineHook:
        """Configure the one password import hook of the org."""
        return self.add_inline_hook(HookType.PASSWORD_IMPORT, uri, secret, **channel)

    def add_event_hook(
        self,
        uri: str,
        secret: HeaderSecret | None = None,
        *,
        items: Sequence[str] = (IMPORT_EVENT,),
        **channel: Any,
    ) -> EventHook:
        """Add an active event hook. It gets nothing before `verify_event_hook`."""
        now = self.clock.now()
        endpoint = Channel(uri, secret, **channel)
        hook = EventHook(self.ids.okta("who"), "Password imports", endpoint, tuple(items), now, now, self.admin_id)
        self.event_hooks[hook.id] = hook
        return hook

    async def verify_event_hook(self, hook: EventHook) -> bool:
        """Send the challenge; tell whether the hook is now VERIFIED."""
        return await calling.verify(self, hook)

    async def sign_in(
        self, username: str, password: str, *, ip: str = PERSONS_ADDRESS, path: str = "/idp/idx/identify"
    ) -> SignIn:
        """Sign a person in, as typed. `path` is the request at Okta that the hook is told of."""
        return await signing_in.sign_in(self, username, password, ip=ip, path=path)

    async def register(
        self, profile: JsonObject, password: str, *, ip: str = PERSONS_ADDRESS, classic: bool = False
    ) -> Registration:
        """Fill in the registration form. Where the hook allows it, the user exists afterwards."""
        result = await registering.ask(self, Form.CLASSIC if classic else Form.SELF_SERVICE, profile, ip)
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
        """Fill in the progressive profile form after a sign-in; `update` holds only the attributes it asks for."""
        result = await registering.ask(self, Form.PROGRESSIVE, update, ip, user)
        if result.allowed:
            user.profile |= result.attributes
            user.updated = self.clock.now()
            self.log_about(user, "user.account.update_profile", "Update user profile for Okta")
        return result

    async def flush_events(self) -> None:
        """Deliver every event that waits, and wait for the answers."""
        await self.deliveries.flush()

    @property
    def hold_deliveries(self) -> bool:
        """While true, events are delivered only by `flush_events`."""
        return self.deliveries.held

    @hold_deliveries.setter
    def hold_deliveries(self, held: bool) -> None:
        self.deliveries.held = held

    def provider_of(self, login: str) -> str | None:
        """Give a user's `credentials.provider.type`; None for an unknown login."""
        user = self.users.get(login)
        return user.provider if user else None

    def switch(self, **settings: JsonObject | bool | float) -> None:
        """Turn switches: `org.switch(read_only=True, drop=0.1)`. Raises `AttributeError` for an unknown one."""
        for name, value in settings.items():
            if not hasattr(self.switches, name):
                raise AttributeError(name)
            setattr(self.switches, name, value)
