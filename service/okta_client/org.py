"""An org's users, groups, hooks and System Log, one method per call.

https://developer.okta.com/docs/api/openapi/okta-management/guides/overview/
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from yarl import URL

from service.okta.errors import INVALID, MalformedAnswer, Refused
from service.okta.hooks import Hook, HookKind, read_hook, read_hooks
from service.okta.parsing import text_member
from service.okta.schema import DEFAULT_TYPE, UserSchema, read_other_types, read_schema
from service.okta.users import OktaUser, new_user, read_user, read_users
from service.okta_client.credentials import clock_ahead
from service.okta_client.transport import Answer, Calls, is_of

# Calls of one org's management API: its host and its clock.


class OrgCalls:
    """Sends calls to a single org."""

    def __init__(self, url: URL, calls: Calls) -> None:
        self.url = url
        self.calls = calls
        self.clock_ahead: float | None = None
        """Seconds that Okta's clock is ahead of ours, by the last answer."""

    @property
    def host(self) -> str:
        """The org's name, the key of stored cursors and Okta ids."""
        return self.url.authority

    async def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        again: bool | None = None,
    ) -> Answer:
        """Call an endpoint. Raises `OktaFault` if the call failed."""
        target = f"{self.url.origin()}/api/v1/{path}"
        if query:
            target += "?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
        return self._noted(await self.calls.send(method, target, body, again=again))

    def rate_limits(self) -> dict[str, tuple[int, int]]:
        """Return the limit of each kind of call made, and the calls left of it by the last answer."""
        return self.calls.limits.reported()

    async def follow(self, link: str) -> Answer:
        """Fetch the target of a link in an answer. Raises `MalformedAnswer` if it is outside the org."""
        if not is_of(self.url, link):
            raise MalformedAnswer(f"a link leads away from {self.host}: it is not followed")
        return self._noted(await self.calls.send("GET", link))

    def _noted(self, answer: Answer) -> Answer:
        ahead = clock_ahead(answer.at)
        self.clock_ahead = self.clock_ahead if ahead is None else ahead
        return answer


# An org's inline hooks and event hooks, one method per call.


class OrgHooks(OrgCalls):
    """The hooks of one org."""

    async def list_hooks(self, kind: HookKind) -> list[Hook]:
        """List the org's hooks of a kind; for event hooks, all of them."""
        if not kind.is_inline:
            return read_hooks((await self.send("GET", "eventHooks")).value)
        return read_hooks((await self.send("GET", "inlineHooks", query={"type": kind.value})).value)

    async def create_hook(self, kind: HookKind, settings: Mapping[str, Any]) -> Hook:
        """Create a hook; an event hook must be verified afterwards."""
        return read_hook((await self.send("POST", _collection(kind), settings)).value)

    async def replace_hook(self, kind: HookKind, hook_id: str, settings: Mapping[str, Any]) -> Hook:
        """Replace a hook's settings; an event hook must be verified again afterwards."""
        path = f"{_collection(kind)}/{quote(hook_id, safe='')}"
        return read_hook((await self.send("PUT", path, settings, again=True)).value)

    async def hook_step(self, kind: HookKind, hook_id: str, step: str) -> Hook:
        """Call a lifecycle operation of a hook: activate, deactivate or, for an event hook, verify."""
        path = f"{_collection(kind)}/{quote(hook_id, safe='')}/lifecycle/{step}"
        return read_hook((await self.send("POST", path, again=True)).value)

    async def delete_hook(self, kind: HookKind, hook_id: str) -> None:
        """Delete an inactive hook."""
        await self.send("DELETE", f"{_collection(kind)}/{quote(hook_id, safe='')}")

    async def execute_hook(self, hook_id: str, payload: Mapping[str, Any]) -> object:
        """Make Okta call an inline hook with this payload, and return the service's answer."""
        return (await self.send("POST", f"inlineHooks/{quote(hook_id, safe='')}/execute", payload)).value


def _collection(kind: HookKind) -> str:
    return "inlineHooks" if kind.is_inline else "eventHooks"


USERS_ON_A_PAGE = 200


class OktaOrg(OrgHooks):
    """One org. Every method raises `OktaFault` if the call failed."""

    # Users

    async def create_user(
        self, profile: Mapping[str, Any], password: Mapping[str, Any], groups: Sequence[str]
    ) -> OktaUser:
        """Create an active user. No mail is sent, because it has a password. After `NoAnswer` it may exist."""
        answer = await self.send("POST", "users", new_user(profile, password, groups), query={"activate": "true"})
        return read_user(answer.value)

    async def find_user(self, id_or_login: str) -> OktaUser | None:
        """Find a user by id or login; None if there is none."""
        if "/" in id_or_login or "\\" in id_or_login:
            # Okta accepts a slash only in a filter; many servers reject slash and backslash in a path, even escaped.
            return await self._ask_for_login(id_or_login)
        try:
            return read_user((await self.send("GET", f"users/{quote(id_or_login, safe='')}")).value)
        except Refused as refused:
            if refused.not_found:
                return None
            raise

    async def _ask_for_login(self, login: str) -> OktaUser | None:
        """Find a user by login: `filter` is exact and current, `search` ignores case but lags by some seconds."""
        quoted = login.replace("\\", "\\\\").replace('"', '\\"')
        for parameter in ("filter", "search"):
            answer = await self.send("GET", "users", query={parameter: f'profile.login eq "{quoted}"'})
            if found := read_users(answer.value):
                return found[0]
        return None

    async def list_users(self, asked: str | None = None) -> AsyncIterator[list[OktaUser]]:
        """List users page by page; without a filter, all except deactivated ones."""
        query = {"limit": str(USERS_ON_A_PAGE)} | ({"filter": asked} if asked else {})
        answer = await self.send("GET", "users", query=query)
        while True:
            yield read_users(answer.value)
            if answer.next_link is None:
                return
            answer = await self.follow(answer.next_link)

    # User schemas

    async def user_schema(self) -> UserSchema:
        """Return the user schema of the default user type, which new users get."""
        return read_schema((await self.send("GET", f"meta/schemas/user/{DEFAULT_TYPE}")).value)

    async def other_schemas(self) -> dict[str, UserSchema]:
        """Return the schemas of the other user types, by name."""
        types = read_other_types((await self.send("GET", "meta/types/user")).value)
        return {name: read_schema((await self.send("GET", path)).value) for name, path in types}

    # Groups

    async def ensure_group(self, name: str) -> str:
        """Return the id of the group with this name, creating it if there is none."""
        found = await self.find_group(name)
        if found is not None:
            return found
        description = "Users that password-import created."
        try:
            answer = await self.send("POST", "groups", {"profile": {"name": name, "description": description}})
        except Refused as refused:
            found = await self.find_group(name) if refused.code == INVALID else None
            if found is None:
                raise
            return found
        return _id_of(answer.value)

    async def find_group(self, name: str) -> str | None:
        """Return the id of the group with exactly this name; None if there is none."""
        answer = await self.send("GET", "groups", query={"q": name})
        groups = answer.value if isinstance(answer.value, list) else []
        return next((_id_of(group) for group in groups if text_member(group, "profile", "name") == name), None)

    # System Log

    async def log_page(self, query: Mapping[str, str]) -> tuple[list[object], str | None]:
        """Return the first page of a query to the log, and the link to the next one."""
        return _log_page(await self.send("GET", "logs", query=query))

    async def next_log_page(self, link: str) -> tuple[list[object], str | None]:
        """Return the page of a link. Raises `MalformedAnswer` if it is outside the org."""
        return _log_page(await self.follow(link))


def _id_of(value: object) -> str:
    found = text_member(value, "id")
    if not found:
        raise MalformedAnswer("Okta answered with an object that has no id")
    return found


def _log_page(answer: Answer) -> tuple[list[object], str | None]:
    if not isinstance(answer.value, list):
        raise MalformedAnswer("Okta's answer is not a list of events")
    return answer.value, answer.next_link
