"""Creation of the loaded accounts in Okta, each exactly once.

The intent is committed before the request is sent, the Okta id after. If an intent has no end, the login is looked up
before the request is repeated (`create_user.py`).
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

import asyncpg

from service.import_events import queries
from service.import_events.queries import BindingLock
from service.import_events.record import apply_unmatched
from service.okta.errors import NoAnswer
from service.okta.schema import SchemaFault, UserSchema
from service.provisioning import queries as provisioning_queries
from service.provisioning.create_user import Creating, Result, UserCreation
from service.provisioning.plan import GroupIds, Plan, Request, plan_requests
from service.provisioning.queries import Ended
from service.provisioning.rules import Method, Outcome, faults_of
from service.settings import ForgetWhen
from service.store.database import Database
from service.store.okta_logins import ReadLogin, keep_okta_logins

# Commit of the outcomes of requests: the Okta ids, the outcomes, and the unmatched events. Does not call Okta.


async def end_requests(database: Database, results: Sequence[Result], forget_when: ForgetWhen) -> list[Result]:
    """Store the outcomes in one transaction, and return them as stored: a user can have only one account."""
    async with database.transaction() as connection:
        await queries.acquire_binding_lock(connection, BindingLock.EXCLUSIVE)
        checked = await _bind(connection, sorted(results, key=lambda each: each.account_id))
        ended = [Ended(each.account_id, each.outcome.value, each.reason, each.sent) for each in checked]
        await provisioning_queries.end(connection, ended)
        await apply_unmatched(connection, [each.account_id for each in checked if each.user], forget_when)
    return checked


async def _bind(connection: asyncpg.Connection, results: Sequence[Result]) -> list[Result]:
    ids = [each.user.id for each in results if each.user]
    owners = {match.okta_id: match.id for match in await queries.find_matches(connection, ids, [], lock=False)}
    checked = []
    for each in results:
        owner = each.account_id if each.user is None else owners.setdefault(each.user.id, each.account_id)
        checked.append(each if owner == each.account_id else _taken(each))
    await queries.bind(connection, [(each.account_id, each.user.id) for each in checked if each.user])
    users = [each.user for each in checked if each.user]
    await keep_okta_logins(connection, [ReadLogin(user.id, user.login, user.updated) for user in users])
    return checked


def _taken(result: Result) -> Result:
    reason = "the login's user in Okta belongs to another account already"
    return Result(result.account_id, Outcome.REFUSED, reason=reason, exists=True)


CHUNK = 40
"""Number of accounts that are read together."""
REFUSALS_IN_A_ROW = 20
"""This many rejections without a success are a common fault, such as a missing attribute or a full org."""


@dataclass
class Totals:
    """The progress of a run."""

    total: int = 0
    methods: Counter[Method] = field(default_factory=Counter)
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    looked_up: int = 0
    """Logins that were looked up, because an earlier request may have been sent or got no answer."""

    unanswered: int = 0
    """Accounts for which no answer arrived: the next run looks them up."""

    schema_faults: Counter[tuple[str, SchemaFault]] = field(default_factory=Counter)
    """Faults by the org's user schema, by attribute; counted by a dry run."""
    gave_up: str | None = None
    """The last of `REFUSALS_IN_A_ROW` rejections, after which the run stopped."""

    @property
    def done(self) -> int:
        """Return the number of accounts processed."""
        return sum(self.outcomes.values())


class Provisioning:
    """One run, with a database that is fenced by its lease."""

    def __init__(
        self,
        database: Database,
        org: Creating,
        plan: Plan,
        forget_when: ForgetWhen,
        progress: Callable[[Totals], None] = lambda _totals: None,
        *,
        keep_going: bool = False,
    ) -> None:
        self.keep_going = keep_going
        self._refusals: list[str] = []
        """The reasons of rejections since the last success."""
        self.database = database
        self.creation = UserCreation(org)
        self.plan = plan
        self.forget_when = forget_when
        self.progress = progress
        self.totals = Totals()
        self._groups = GroupIds(plan.find_group) if plan.find_group else None

    async def run(self) -> Totals:
        """Create all selected accounts. Raises `OktaFault` if Okta rejects our credentials; what is done is kept.

        Stops after `REFUSALS_IN_A_ROW`, unless `keep_going`: `Totals.gave_up` has the last reason.
        """
        await self._count()
        self.progress(self.totals)
        async for requests in self._chunks(lambda totals: totals.done + totals.unanswered):
            await self._create_chunk(requests)
            if self.totals.gave_up:
                break
        return self.totals

    async def dry_run(self, schema: UserSchema | None = None) -> Totals:
        """Report what a run would do, as far as our rules and the org's user schema (if given) can predict."""
        await self._count()
        async for requests in self._chunks(lambda totals: sum(totals.methods.values()) + totals.done):
            refused = [request for request in requests if self._would_be_refused(request, schema)]
            self.totals.outcomes[Outcome.REFUSED] += len(refused)
            self.totals.methods += Counter(each.method for each in requests if each not in refused)
            self.progress(self.totals)
        return self.totals

    def _would_be_refused(self, request: Request, schema: UserSchema | None) -> bool:
        faults = list(schema.faults_of(request.profile)) if schema else []
        self.totals.schema_faults.update(faults)
        return bool(faults or faults_of(request.profile) or request.faults)

    async def _count(self) -> None:
        async with self.database.connection() as connection:
            total = await provisioning_queries.count_candidates(connection, self.plan.choice)
        self.totals.total = total if self.plan.most is None else min(total, self.plan.most)

    async def _chunks(self, through: Callable[[Totals], int]) -> AsyncIterator[list[Request]]:
        """Yield the requests in chunks; `through` returns how many accounts of the total are processed."""
        last = 0
        while number := min(CHUNK, self.totals.total - through(self.totals)):
            async with self.database.connection() as connection:
                chosen = await provisioning_queries.list_candidates(connection, self.plan.choice, last, number)
            if not chosen:
                return
            last = chosen[-1].id
            yield await plan_requests(self.database, self.plan, chosen, self._groups)

    async def _create_chunk(self, requests: Sequence[Request]) -> None:
        """Send at most as many requests at once as may be rejected before the run stops."""
        ended = 0
        lost: NoAnswer | None = None
        while requests and not self.totals.gave_up:
            number = len(requests) if self.keep_going else REFUSALS_IN_A_ROW - len(self._refusals)
            results, fault = await self._create_all(requests[:number])
            ended, lost = ended + results, lost or fault
            requests = requests[number:]
        if lost is not None and not ended:
            raise lost

    async def _create_all(self, requests: Sequence[Request]) -> tuple[int, NoAnswer | None]:
        """Create some; return how many got an answer, and an error of those that got none."""
        async with self.database.transaction() as connection:
            methods = [(each.candidate.id, each.method.value) for each in requests]
            begun = await provisioning_queries.intend(connection, methods)
        asking = [asyncio.create_task(self.creation.create(each, begun[each.candidate.id])) for each in requests]
        try:
            await asyncio.wait(asking)
        finally:  # also if the run is stopped: users created until then are stored and counted
            for task in asking:
                task.cancel()
            created = await asyncio.gather(*asking, return_exceptions=True)
            ended = [each for each in created if isinstance(each, Result)]
            await self._end(ended)
            how = {each.candidate.id: each.method for each in requests}
            self.totals.methods += Counter(how[each.account_id] for each in ended if each.outcome is Outcome.CREATED)
        # The next run looks up the accounts without an outcome.
        faults = [each for each in created if isinstance(each, BaseException)]
        self.totals.unanswered += len(faults)
        lost: NoAnswer | None = None
        for error in faults:
            if not isinstance(error, NoAnswer):
                raise error
            lost = error
        return len(ended), lost

    async def _end(self, results: Sequence[Result]) -> None:
        self.totals.looked_up = self.creation.looked_up
        if not results:
            return
        checked = await end_requests(self.database, results, self.forget_when)
        self._count_refusals(checked)
        self.totals.outcomes += Counter(each.outcome for each in checked)
        self.progress(self.totals)

    def _count_refusals(self, results: Sequence[Result]) -> None:
        for result in sorted(results, key=lambda each: each.account_id):
            if result.outcome is not Outcome.REFUSED:
                self._refusals.clear()
            elif not result.exists:
                self._refusals.append(result.reason or "")
        if len(self._refusals) >= REFUSALS_IN_A_ROW and not self.keep_going:
            self.totals.gave_up = self._refusals[-1]
