"""`/api/v1/users`: create, get, list, update, delete."""

from collections.abc import Callable, Iterable
from datetime import timedelta

from aiohttp import web

from simulator.api.authn import read_json
from simulator.api.credentials import apply_credentials
from simulator.api.errors import ApiError
from simulator.api.filtering import Filter
from simulator.api.paging import limit_of, listed
from simulator.api.profiles import check_profile
from simulator.api.user_json import user_json
from simulator.keys import ORG
from simulator.org import Org
from simulator.users import LoginTaken, Status, User

MOST_GROUPS = 20
FILTERABLE = frozenset({"id", "status", "lastUpdated", "created", "activated", "statusChanged"}) | {
    f"profile.{name}" for name in ("login", "email", "firstName", "lastName")
}


async def create(request: web.Request) -> web.Response:
    """Create a user, active unless told otherwise."""
    org, members = request.app[ORG], await read_json(request)
    profile = dict(members.get("profile") or {})
    check_profile(org, profile)
    groups = _groups(org, members.get("groupIds") or [])
    now = org.clock.now()
    user = User(org.ids.okta("00u"), profile, now, now, status=Status.STAGED, groups=groups)
    apply_credentials(org, user, members.get("credentials"), creating=True)
    _add(org, user)
    org.log_about(user, "user.lifecycle.create", "Create Okta user")
    if request.query.get("activate", "true") != "false":
        activate(org, user)
    return web.json_response(user_json(user, org.url))


async def get(request: web.Request) -> web.Response:
    """Get a user by id or login."""
    return web.json_response(user_json(found(request), request.app[ORG].url))


async def list_users(request: web.Request) -> web.Response:
    """List users in the order of their ids; without a condition the deprovisioned are left out."""
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


async def update(request: web.Request) -> web.Response:
    """Change what is given (POST), or replace the whole profile (PUT)."""
    org, user, members = request.app[ORG], found(request), await read_json(request)
    given = dict(members.get("profile") or {})
    profile = given if request.method == "PUT" and given else user.profile | given
    check_profile(org, profile)
    apply_credentials(org, user, members.get("credentials"), creating=False)
    try:
        org.users.rename(user, str(profile["login"]))
    except LoginTaken as taken:
        raise _duplicate(taken) from None
    if given:
        user.profile = profile
        org.log_about(user, "user.account.update_profile", "Update user profile for Okta")
    user.updated = org.clock.now()
    return web.json_response(user_json(user, org.url))


async def delete(request: web.Request) -> web.Response:
    """Deactivate a user; delete one that is deactivated already."""
    org, user = request.app[ORG], found(request)
    if user.status is Status.DEPROVISIONED:
        org.users.remove(user)
        org.log_about(user, "user.lifecycle.delete.initiated", "Delete Okta user initiated")
    else:
        org.change_status(user, Status.DEPROVISIONED)
        org.log_about(user, "user.lifecycle.deactivate", "Deactivate Okta user")
    return web.Response(status=204)


def activate(org: Org, user: User) -> None:
    """Make a user active; one without a password is only provisioned, and would get an e-mail."""
    org.change_status(user, Status.ACTIVE if user.password_hook or user.password else Status.PROVISIONED)
    user.activated = user.status_changed
    org.log_about(user, "user.lifecycle.activate", "Activate Okta user")


def found(request: web.Request) -> User:
    """Find the user that the path names. Raises `ApiError`."""
    name = request.match_info["user"]
    user = request.app[ORG].users.get(name)
    if user is None:
        raise ApiError("E0000007", summary=f"Not found: Resource not found: {name} (User)")
    return user


def _add(org: Org, user: User) -> None:
    try:
        org.users.add(user)
    except LoginTaken as taken:
        raise _duplicate(taken) from None


def _duplicate(taken: LoginTaken) -> ApiError:
    return ApiError("E0000001", str(taken.__doc__))


def _groups(org: Org, wanted: list[str]) -> set[str]:
    if len(wanted) > MOST_GROUPS:
        raise ApiError("E0000093", summary="Target count limit exceeded")
    if unknown := [group for group in wanted if group not in org.groups]:
        raise ApiError("E0000007", summary=f"Not found: Resource not found: {unknown[0]} (Group)")
    return set(wanted)


def _matching(org: Org, request: web.Request) -> Iterable[User]:
    if text := request.query.get("filter"):
        return _asked(org, org.users, text, FILTERABLE.__contains__)
    if text := request.query.get("search"):
        # `search` is eventually consistent: what changed just now isn't found yet.
        since = org.clock.now() - timedelta(seconds=org.switches.search_lag)
        settled = (user for user in org.users if user.updated <= since)
        return _asked(org, settled, text, _searchable(org))
    if text := request.query.get("q", "").casefold():
        return [user for user in org.users if any(value.startswith(text) for value in _names(user))]
    return [user for user in org.users if user.status is not Status.DEPROVISIONED]


def _asked(org: Org, users: Iterable[User], text: str, known: Callable[[str], bool]) -> list[User]:
    predicate = Filter(known).parse(text)
    if 'profile.login eq "' in text and " or " not in text:
        # The look-up of one login is frequent; it needn't read every user.
        found = org.users.get(text.partition('profile.login eq "')[2].partition('"')[0])
        users = [user for user in users if user is found] if found else []
    return [user for user in users if predicate(user_json(user, org.url))]


def _searchable(org: Org) -> Callable[[str], bool]:
    # Top-level members and the profile; credentials can't be searched for.
    return lambda name: name in FILTERABLE or name.removeprefix("profile.") in org.attributes


def _names(user: User) -> list[str]:
    return [str(user.profile.get(name) or "").casefold() for name in ("firstName", "lastName", "email")]
