"""An org's users, groups and System Log, and by inheritance its hooks, one method a call. Decides nothing.

https://developer.okta.com/docs/api/openapi/okta-management/guides/overview/
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from service.okta.body import text_member
from service.okta.faults import INVALID, MalformedAnswer, Refused
from service.okta.users import OktaUser, new_user, read_user, read_users
from service.okta_client.answer import Answer
from service.okta_client.org_hooks import OrgHooks

USERS_ON_A_PAGE = 200


class OktaOrg(OrgHooks):
    """One org. Every method raises `OktaFault` where Okta did not do what was asked."""

    # Users

    async def create_user(
        self, profile: Mapping[str, Any], password: Mapping[str, Any], groups: Sequence[str]
    ) -> OktaUser:
        """Create an active user. No mail is sent, because it has a password. After `NoAnswer` it may exist."""
        answer = await self.send("POST", "users", new_user(profile, password, groups), query={"activate": "true"})
        return read_user(answer.value)

    async def find_user(self, id_or_login: str) -> OktaUser | None:
        """Find a user by id or login; None where there is none."""
        if "/" in id_or_login or "\\" in id_or_login:
            # Okta takes the first in a filter only; many servers refuse either in a path, even escaped.
            quoted = id_or_login.replace("\\", "\\\\").replace('"', '\\"')
            answer = await self.send("GET", "users", query={"filter": f'profile.login eq "{quoted}"'})
            found = read_users(answer.value)
            return found[0] if found else None
        try:
            return read_user((await self.send("GET", f"users/{quote(id_or_login, safe='')}")).value)
        except Refused as refused:
            if refused.not_found:
                return None
            raise

    async def list_users(self, asked: str | None = None) -> AsyncIterator[list[OktaUser]]:
        """List users page by page; without a filter, all but the deactivated."""
        query = {"limit": str(USERS_ON_A_PAGE)} | ({"filter": asked} if asked else {})
        answer = await self.send("GET", "users", query=query)
        while True:
            yield read_users(answer.value)
            if answer.next_link is None:
                return
            answer = await self.follow(answer.next_link)

    # Groups

    async def ensure_group(self, name: str) -> str:
        """Give the id of the group with this name, making it where there is none."""
        found = await self._find_group(name)
        if found is not None:
            return found
        description = "Users that password-import created."
        try:
            answer = await self.send("POST", "groups", {"profile": {"name": name, "description": description}})
        except Refused as refused:
            found = await self._find_group(name) if refused.code == INVALID else None
            if found is None:
                raise
            return found
        return _id_of(answer.value)

    async def _find_group(self, name: str) -> str | None:
        answer = await self.send("GET", "groups", query={"q": name})
        groups = answer.value if isinstance(answer.value, list) else []
        return next((_id_of(group) for group in groups if text_member(group, "profile", "name") == name), None)

    # System Log

    async def log_page(self, query: Mapping[str, str]) -> tuple[list[object], str | None]:
        """Get the first page of a question to the log, and the link to the next one."""
        return _log_page(await self.send("GET", "logs", query=query))

    async def next_log_page(self, link: str) -> tuple[list[object], str | None]:
        """Get the page that a link leads to. Raises `MalformedAnswer` where it leads away from the org."""
        return _log_page(await self.follow(link))


def _id_of(value: object) -> str:
    found = text_member(value, "id")
    if not found:
        raise MalformedAnswer("Okta answered something without an id")
    return found


def _log_page(answer: Answer) -> tuple[list[object], str | None]:
    if not isinstance(answer.value, list):
        raise MalformedAnswer("Okta answered something else than a list of events")
    return answer.value, answer.next_link
