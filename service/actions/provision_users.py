"""Create the loaded accounts in Okta: each once, whatever dies or gets lost in between. Knows no HTTP.

The intent is committed before Okta is asked; the Okta id after. Whoever finds an intent without an end looks the login
up before asking again (`create_user.py`).
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from service.accounts import provisioning
from service.accounts.database import Database
from service.actions.create_user import Creating, Result, UserCreation
from service.actions.end_requests import end_requests
from service.actions.plan_requests import Plan, Request, plan_requests
from service.okta.faults import NoAnswer
from service.policies.provisioning import Method, Outcome, faults_of
from service.settings import ForgetWhen

CHUNK = 40
"""Accounts whose intents are committed together, and whose ends are."""


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


class Provisioning:
    """One run, over a database that is fenced by its lease."""

    def __init__(
        self,
        database: Database,
        org: Creating,
        plan: Plan,
        forget_when: ForgetWhen,
        progress: Callable[[Totals], None] = lambda _totals: None,
    ) -> None:
        self.database = database
        self.creation = UserCreation(org)
        self.plan = plan
        self.forget_when = forget_when
        self.progress = progress
        self.totals = Totals()

    async def run(self) -> Totals:
        """Create all that are to be created. Raises `OktaFault` where Okta refuses us; all that is done is kept."""
        await self._count()
        self.progress(self.totals)
        async for requests in self._chunks(lambda totals: totals.done + totals.unanswered):
            await self._create_all(requests)
        return self.totals

    async def dry_run(self) -> Totals:
        """Tell what a run would do, asking Okta nothing."""
        await self._count()
        async for requests in self._chunks(lambda totals: sum(totals.methods.values()) + totals.done):
            refused = [request for request in requests if faults_of(request.profile)]
            self.totals.outcomes[Outcome.REFUSED] += len(refused)
            self.totals.methods += Counter(each.method for each in requests if each not in refused)
        return self.totals

    async def _count(self) -> None:
        async with self.database.connection() as connection:
            total = await provisioning.count_candidates(connection, self.plan.choice)
        self.totals.total = total if self.plan.most is None else min(total, self.plan.most)

    async def _chunks(self, through: Callable[[Totals], int]) -> AsyncIterator[list[Request]]:
        """Give what is to be asked, chunk by chunk; `through` tells how many accounts of the total are."""
        last = 0
        while number := min(CHUNK, self.totals.total - through(self.totals)):
            async with self.database.connection() as connection:
                chosen = await provisioning.list_candidates(connection, self.plan.choice, last, number)
            if not chosen:
                return
            last = chosen[-1].id
            yield await plan_requests(self.database, self.plan, chosen)

    async def _create_all(self, requests: Sequence[Request]) -> None:
        async with self.database.transaction() as connection:
            methods = [(each.candidate.id, each.method.value) for each in requests]
            begun = await provisioning.intend(connection, methods)
        created = await asyncio.gather(
            *(self.creation.create(each, begun[each.candidate.id]) for each in requests), return_exceptions=True
        )
        ended = [each for each in created if isinstance(each, Result)]
        await self._end(ended)
        how = {each.candidate.id: each.method for each in requests}
        self.totals.methods += Counter(how[each.account_id] for each in ended if each.outcome is Outcome.CREATED)
        # What got no end is looked up by the next run.
        faults = [each for each in created if isinstance(each, BaseException)]
        self.totals.unanswered += len(faults)
        for error in faults:
            if not isinstance(error, NoAnswer) or not ended:
                raise error

    async def _end(self, results: Sequence[Result]) -> None:
        self.totals.looked_up = self.creation.looked_up
        if not results:
            return
        checked = await end_requests(self.database, results, self.forget_when)
        self.totals.outcomes += Counter(each.outcome for each in checked)
        self.progress(self.totals)
