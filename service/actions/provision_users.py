"""Create the loaded accounts in Okta: each once, whatever dies or gets lost in between. Knows no HTTP.

The intent is committed before Okta is asked; the Okta id after. Whoever finds an intent without an end looks the login
up before asking again, and so does whoever gets no answer. A login is unique in Okta, so a second request for the same
one is refused, never a second user. A user that exists is compared, never changed: setting the hook on one whose hash
is forgotten would lock that person out.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

import asyncpg

from service.accounts import provisioning, tombstones
from service.accounts.account import KeptHash
from service.accounts.database import Database
from service.accounts.names import login_key
from service.accounts.provisioning import Candidate, Choice, Ended
from service.accounts.tombstones import Gate
from service.actions.record_events import apply_set_aside
from service.immutable import immutable
from service.okta.faults import INVALID, MalformedAnswer, NoAnswer, OktaFault, ReadOnly, Refused
from service.okta.users import HOOK, OktaUser
from service.policies.provisioning import (
    Method,
    Outcome,
    differences,
    faults_of,
    is_ours,
    is_same_person,
    okta_profile,
)
from service.settings import ForgetWhen

CHUNK = 40
"""Accounts whose intents are committed together, and whose ends are."""
TRIES = 8
"""How often a user is asked for whose answers get lost."""

Direct = Callable[[Sequence[KeptHash]], Mapping[str, Any] | None]
"""Gives `credentials.password.hash` for hashes that Okta can check itself; None where it can't."""


class Creating(Protocol):
    """What creating users needs of an org."""

    async def create_user(
        self, profile: Mapping[str, Any], password: Mapping[str, Any], groups: Sequence[str]
    ) -> OktaUser:
        """Create an active user."""
        ...

    async def find_user(self, id_or_login: str) -> OktaUser | None:
        """Find a user by id or login."""
        ...


@immutable
class Plan:
    """Which accounts, and what they get."""

    choice: Choice = field(default_factory=Choice)
    groups: Sequence[str] = ()
    attributes: Sequence[str] | None = None
    """The only attributes to be sent; None for all."""
    direct: Direct | None = None
    most: int | None = None


@dataclass
class Totals:
    """How far it is."""

    total: int = 0
    methods: Counter[Method] = field(default_factory=Counter)
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    looked_up: int = 0
    """Logins that were looked up, because Okta had been asked before or gave no answer."""

    unanswered: int = 0
    """Accounts for which no answer came at all: the next run looks them up."""

    @property
    def done(self) -> int:
        """How many are through."""
        return sum(self.outcomes.values())


@immutable
class _Request:
    candidate: Candidate
    profile: Mapping[str, Any] = field(repr=False)
    method: Method
    password: Mapping[str, Any] = field(repr=False)


@immutable
class _Result:
    account_id: int
    outcome: Outcome
    user: OktaUser | None = None
    reason: str | None = None
    sent: Method | None = None
    """How the user gets the password, where this run made the user; None where an earlier one may have."""


class Provisioning:
    """One run, over a database that is fenced by its lease."""

    def __init__(
        self,
        database: Database,
        org: Creating,
        plan: Plan,
        forget_when: ForgetWhen,
        told: Callable[[Totals], None] = lambda _totals: None,
    ) -> None:
        self.database = database
        self.org = org
        self.plan = plan
        self.forget_when = forget_when
        self.told = told
        self.totals = Totals()

    async def run(self) -> Totals:
        """Create all that are to be created. Raises `OktaFault` where Okta refuses us; all that is done is kept."""
        await self._count()
        self.told(self.totals)
        last = 0
        while number := min(CHUNK, self.totals.total - self.totals.done - self.totals.unanswered):
            async with self.database.connection() as connection:
                chosen = await provisioning.list_candidates(connection, self.plan.choice, last, number)
            if not chosen:
                break
            last = chosen[-1].id
            await self._create_all(await self._requests(chosen))
        return self.totals

    async def foresee(self) -> Totals:
        """Tell what a run would do, asking Okta nothing."""
        await self._count()
        last = 0
        while number := min(CHUNK, self.totals.total - sum(self.totals.methods.values()) - self.totals.done):
            async with self.database.connection() as connection:
                chosen = await provisioning.list_candidates(connection, self.plan.choice, last, number)
            if not chosen:
                break
            last = chosen[-1].id
            requests = await self._requests(chosen)
            refused = [request for request in requests if faults_of(request.profile)]
            self.totals.outcomes[Outcome.REFUSED] += len(refused)
            self.totals.methods += Counter(each.method for each in requests if each not in refused)
        return self.totals

    async def _count(self) -> None:
        async with self.database.connection() as connection:
            total = await provisioning.count_candidates(connection, self.plan.choice)
        self.totals.total = total if self.plan.most is None else min(total, self.plan.most)

    async def _requests(self, chosen: Sequence[Candidate]) -> list[_Request]:
        hashes: Mapping[int, Sequence[KeptHash]] = {}
        if self.plan.direct is not None:
            async with self.database.connection() as connection:
                hashes = await provisioning.kept_hashes(connection, [each.id for each in chosen])
        return [self._request(each, hashes.get(each.id, ())) for each in chosen]

    def _request(self, candidate: Candidate, hashes: Sequence[KeptHash]) -> _Request:
        profile = okta_profile(candidate.login, candidate.profile, self.plan.attributes)
        native = self.plan.direct(hashes) if self.plan.direct is not None and hashes else None
        if native is None:
            return _Request(candidate, profile, Method.HOOK, HOOK)
        return _Request(candidate, profile, Method.DIRECT, {"hash": native})

    async def _create_all(self, requests: Sequence[_Request]) -> None:
        async with self.database.transaction() as connection:
            methods = [(each.candidate.id, each.method.value) for each in requests]
            begun = await provisioning.intend(connection, methods)
        created = await asyncio.gather(
            *(self._create(each, begun[each.candidate.id]) for each in requests), return_exceptions=True
        )
        ended = [each for each in created if isinstance(each, _Result)]
        await self._end(ended)
        how = {each.candidate.id: each.method for each in requests}
        self.totals.methods += Counter(how[each.account_id] for each in ended if each.outcome is Outcome.CREATED)
        # What got no end is looked up by the next run.
        faults = [each for each in created if isinstance(each, BaseException)]
        self.totals.unanswered += len(faults)
        for error in faults:
            if not isinstance(error, NoAnswer) or not ended:
                raise error

    async def _create(self, request: _Request, begun_at: datetime) -> _Result:
        own, login = request.candidate.id, request.candidate.login
        if faults := faults_of(request.profile):
            return _Result(own, Outcome.REFUSED, reason="; ".join(faults))
        asked, sent = request.candidate.tried, None
        lost: OktaFault | None = None
        for _ in range(TRIES):
            if asked and (user := await self._look(login)) is not None:
                return replace(self._compare(request, user, begun_at), sent=sent)
            try:
                user = await self.org.create_user(request.profile, request.password, self.plan.groups)
                return _Result(own, Outcome.CREATED, user, sent=request.method)
            except (NoAnswer, MalformedAnswer) as error:
                # Whether the user exists now is unknown.
                lost, asked, sent = error, True, request.method
            except Refused as refused:
                if refused.is_about_us or isinstance(refused, ReadOnly):
                    raise
                # The code of a login that exists is that of every invalid request.
                user = await self._look(login) if refused.code == INVALID else None
                if user is not None:
                    # A user from before we ever asked for it is not ours, however new.
                    return self._compare(request, user, begun_at if asked else None)
                return _Result(own, Outcome.REFUSED, reason=str(refused))
        raise lost or OktaFault

    async def _look(self, login: str) -> OktaUser | None:
        self.totals.looked_up += 1
        try:
            user = await self.org.find_user(login)
        except Refused as refused:
            if refused.is_about_us:
                raise
            # A login that Okta does not even look up is refused, with the reason, when the user is to be created.
            return None
        # Okta takes the short name of another login, too.
        return user if user is not None and login_key(user.login) == login_key(login) else None

    def _compare(self, request: _Request, user: OktaUser, begun_at: datetime | None) -> _Result:
        own = request.candidate.id
        if is_same_person(request.profile, user):
            ours = begun_at is not None and is_ours(user, begun_at)
            return _Result(own, Outcome.CREATED if ours else Outcome.FOUND, user)
        others = ", ".join(differences(request.profile, user)) or "password, and no e-mail address to compare"
        return _Result(own, Outcome.REFUSED, reason=f"the login exists in Okta already, with another {others}")

    async def _end(self, results: Sequence[_Result]) -> None:
        if not results:
            return
        async with self.database.transaction() as connection:
            await tombstones.pass_gate(connection, Gate.CLOSED)
            checked = await self._bind(connection, sorted(results, key=lambda each: each.account_id))
            ended = [Ended(each.account_id, each.outcome.value, each.reason, each.sent) for each in checked]
            await provisioning.end(connection, ended)
            await apply_set_aside(connection, [each.account_id for each in checked if each.user], self.forget_when)
        self.totals.outcomes += Counter(each.outcome for each in checked)
        self.told(self.totals)

    async def _bind(self, connection: asyncpg.Connection, results: Sequence[_Result]) -> list[_Result]:
        ids = [each.user.id for each in results if each.user]
        owners = {match.okta_id: match.id for match in await tombstones.find_matches(connection, ids, [], lock=False)}
        checked = []
        for each in results:
            owner = each.account_id if each.user is None else owners.setdefault(each.user.id, each.account_id)
            if owner == each.account_id:
                checked.append(each)
            else:
                reason = "the login's user in Okta belongs to another account already"
                checked.append(_Result(each.account_id, Outcome.REFUSED, reason=reason))
        await tombstones.bind(connection, [(each.account_id, each.user.id) for each in checked if each.user])
        return checked
