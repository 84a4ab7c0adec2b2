"""The actions of an org's admin: adding users and hooks, changing a user's status, setting switches."""

from collections.abc import Sequence
from typing import Any

from simulator import calling
from simulator.channel import Channel, HeaderSecret, JsonObject
from simulator.hooks import IMPORT_EVENT, EventHook, HookType, InlineHook
from simulator.log import SYSTEM, user_block
from simulator.passwords import OwnPassword
from simulator.state import OrgState
from simulator.user import Status, User


class AdministeredOrg(OrgState):
    """An org with the actions of its admin."""

    def add_user(
        self, login: str, *, password: str | None = None, identifiers: Sequence[str] = (), **profile: Any
    ) -> User:
        """Add an active user, with the password hook unless a password is given. Raises `LoginTaken`."""
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

    def rename(self, user: User, login: str) -> None:
        """Change a user's login. Raises `LoginTaken`."""
        self.users.rename(user, login)
        user.updated = self.clock.now()
        self.log_about(user, "user.account.update_profile", "Update user profile for Okta")

    def reset_password(self, user: User) -> None:
        """Reset a password as an admin does: the user leaves IMPORT, and there is no import event."""
        user.password, user.password_hook = None, False
        self.change_status(user, Status.RECOVERY)
        self.log_about(user, "user.account.reset_password", "Fired when the user's Okta password is reset")

    def log_about(self, user: User, event_type: str, message: str) -> None:
        """Record a change of a user by the system."""
        caused = self.caused("/api/v1/users", "127.0.0.1")
        self.log.add(event_type, message, caused, actor=dict(SYSTEM), targets=[user_block(user)])

    def set_registration_hook(self, uri: str, secret: HeaderSecret | None = None, **channel: Any) -> InlineHook:
        """Attach a registration hook; every kind of form calls it."""
        return self.add_inline_hook(HookType.REGISTRATION, uri, secret, **channel)

    def add_inline_hook(
        self, kind: HookType, uri: str, secret: HeaderSecret | None = None, **channel: Any
    ) -> InlineHook:
        """Add an active inline hook; `channel` takes the `headers` and `oauth` of `Channel`."""
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
        """Add an active event hook. It gets no events before `verify_event_hook`."""
        now = self.clock.now()
        endpoint = Channel(uri, secret, **channel)
        hook = EventHook(self.ids.okta("who"), "Password imports", endpoint, tuple(items), now, now, self.admin_id)
        self.event_hooks[hook.id] = hook
        return hook

    async def verify_event_hook(self, hook: EventHook) -> bool:
        """Send the challenge; return whether the hook is now VERIFIED."""
        return await calling.verify(self, hook)

    def switch(self, **settings: JsonObject | bool | float) -> None:
        """Set switches: `org.switch(read_only=True, drop=0.1)`. Raises `AttributeError` for an unknown one."""
        for name, value in settings.items():
            if not hasattr(self.switches, name):
                raise AttributeError(name)
            setattr(self.switches, name, value)
