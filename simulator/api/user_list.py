"""`GET /api/v1/users`: all users, or those that match `filter`, `search` or `q`, page by page."""

from collections.abc import Callable, Iterable
from datetime import timedelta

from aiohttp import web

from simulator.api.filtering import Filter
from simulator.api.paging import limit_of, listed
from simulator.api.user_json import user_json
from simulator.keys import ORG
from simulator.org import Org
from simulator.user import Status, User

FILTERABLE = frozenset({"id", "status", "lastUpdated", "created", "activated", "statusChanged"}) | {
    f"profile.{name}" for name in ("login", "email", "firstName", "lastName")
}


async def list_users(request: web.Request) -> web.Response:
    """List users in the order of their ids; without a condition, deprovisioned ones are omitted."""
    org = request.app[ORG]
    limit = limit_of(request, default=200, most=200)
    after = request.query.get("after", "")
    page: list[User] = []
    for user in sorted(_matching(org, request), key=lambda user: user.id):
        if user.id > after:
            page.append(user)
        if len(page) > limit:
            break
    cursor = page[limit - 1].id if len(page) > limit else None
    return listed(request, [user_json(user, org.url) for user in page[:limit]], cursor)


def _matching(org: Org, request: web.Request) -> Iterable[User]:
    if text := request.query.get("filter"):
        return _asked(org, org.users, text, FILTERABLE.__contains__)
    if text := request.query.get("search"):
        # `search` is eventually consistent: recent changes are not found yet.
        since = org.clock.now() - timedelta(seconds=org.switches.search_lag)
        settled = (user for user in org.users if user.updated <= since)
        return _asked(org, settled, text, _searchable(org), ignore_case=True)
    if text := request.query.get("q", "").casefold():
        return [user for user in org.users if any(value.startswith(text) for value in _names(user))]
    return [user for user in org.users if user.status is not Status.DEPROVISIONED]


def _asked(
    org: Org, users: Iterable[User], text: str, known: Callable[[str], bool], *, ignore_case: bool = False
) -> list[User]:
    predicate = Filter(known, ignore_case).parse(text)
    if 'profile.login eq "' in text and " or " not in text and "\\" not in text:
        # A frequent query for one login does not have to read every user.
        found = org.users.get(text.partition('profile.login eq "')[2].partition('"')[0])
        users = [user for user in users if user is found] if found else []
    return [user for user in users if predicate(user_json(user, org.url))]


def _searchable(org: Org) -> Callable[[str], bool]:
    # Top-level members and the profile; credentials cannot be searched.
    return lambda name: name in FILTERABLE or name.removeprefix("profile.") in org.attributes


def _names(user: User) -> list[str]:
    return [str(user.profile.get(name) or "").casefold() for name in ("firstName", "lastName", "email")]
