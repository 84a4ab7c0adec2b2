"""The requests of a run: which accounts are created in Okta, with which profile, and with hook or hash."""

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import field, replace
from typing import Any

from service.hashing.okta_native import NotNative, native_hash
from service.immutable import immutable
from service.okta.users import HOOK, MAX_GROUPS
from service.provisioning import queries
from service.provisioning.queries import Candidate, Choice
from service.provisioning.rules import Method, okta_profile
from service.store.accounts import KeptHash
from service.store.database import Database
from service.stored_hashes import UNUSABLE, HashOpener

FindGroup = Callable[[str], Awaitable[str | None]]
"""Returns the id of the Okta group with a name; None if there is none."""
Direct = Callable[[Sequence[KeptHash]], Mapping[str, Any] | None]
"""Returns `credentials.password.hash` for hashes that Okta can check itself; None if it cannot."""


@immutable
class Plan:
    """The selected accounts, and what is sent for them."""

    choice: Choice = field(default_factory=Choice)
    groups: Sequence[str] = ()
    attributes: Sequence[str] | None = None
    """The only attributes to send; None for all."""
    direct: Direct | None = None
    most: int | None = None
    find_group: FindGroup | None = None
    """Finds the groups of accounts; without it groups are not sent."""


@immutable
class Request:
    """An account, and the request for it."""

    candidate: Candidate
    profile: Mapping[str, Any] = field(repr=False)
    method: Method
    password: Mapping[str, Any] = field(repr=False)
    groups: Sequence[str]
    faults: Sequence[str] = ()
    """Why it is not sent: groups that Okta does not have, or too many."""


class GroupIds:
    """The ids of Okta's groups by name, each looked up once."""

    def __init__(self, find: FindGroup) -> None:
        self._find = find
        self._known: dict[str, str | None] = {}

    async def of(self, names: Sequence[str]) -> dict[str, str | None]:
        """Return the ids by name; None if Okta has no such group. Raises `OktaFault`."""
        for name in names:
            if name not in self._known:
                self._known[name] = await self._find(name)
        return {name: self._known[name] for name in names}


async def plan_requests(
    database: Database, plan: Plan, chosen: Sequence[Candidate], groups: GroupIds | None = None
) -> list[Request]:
    """Return the requests for these accounts; hashes are decrypted only if the plan imports them directly."""
    hashes: Mapping[int, Sequence[KeptHash]] = {}
    if plan.direct is not None:
        async with database.connection() as connection:
            hashes = await queries.kept_hashes(connection, [each.id for each in chosen])
    requests = [_request(plan, each, hashes.get(each.id, ())) for each in chosen]
    return requests if groups is None else [await _with_groups(each, groups) for each in requests]


async def _with_groups(request: Request, groups: GroupIds) -> Request:
    if not request.candidate.groups:
        return request
    found = await groups.of(request.candidate.groups)
    ids = list(dict.fromkeys([*request.groups, *(own for own in found.values() if own is not None)]))
    faults = [f"groups: {name} does not exist in Okta" for name, own in found.items() if own is None]
    if len(ids) > MAX_GROUPS:
        faults.append(f"groups: {len(ids)} including that of --group; Okta allows {MAX_GROUPS} for a new user")
    return replace(request, groups=ids, faults=faults)


def _request(plan: Plan, candidate: Candidate, hashes: Sequence[KeptHash]) -> Request:
    profile = okta_profile(candidate.login, candidate.profile, plan.attributes)
    if not candidate.has_hash:
        return Request(candidate, profile, Method.NONE, {"value": unknown_password()}, plan.groups)
    native = plan.direct(hashes) if plan.direct is not None and hashes else None
    if native is None:
        return Request(candidate, profile, Method.HOOK, HOOK, plan.groups)
    return Request(candidate, profile, Method.DIRECT, {"hash": native}, plan.groups)


def unknown_password() -> str:
    """Return a random password that satisfies every policy: without one, Okta would send activation mails."""
    return secrets.token_urlsafe(36) + "aA1!"


# The hashes that Okta can check itself, and the form in which they are sent.


def direct_import(opener: HashOpener) -> Direct:
    """Return the function that converts an account's hashes to `credentials.password.hash`."""

    def native(hashes: Sequence[KeptHash]) -> Mapping[str, Any] | None:
        # Okta accepts one hash. With two, the person may use either password, and only the hook can check both.
        if len(hashes) != 1:
            return None
        try:
            found = native_hash(opener.open(hashes[0]))
        except UNUSABLE:
            return None
        return None if isinstance(found, NotNative) else found

    return native
