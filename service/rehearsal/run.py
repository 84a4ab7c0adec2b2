"""A rehearsal from begin to end: a lease, invented people, a first call, the load, and everything removed again."""

from collections.abc import Callable, Mapping
from datetime import timedelta

from service.okta.hooks import sign_in_payload
from service.okta.password_import import Verdict
from service.rehearsal.load import Caller, LoadTest, Plan, Result, sign_in
from service.rehearsal.people import MOST, invent
from service.store import rehearsals
from service.store.database import Database
from service.store.leases import LIFE, REHEARSE, OnWait, hold_lease
from service.store.rehearsals import RehearsalPerson

AFTER = timedelta(minutes=1)
"""How long people live beyond the load; sign-in does not know them any more then."""


class CannotRehearse(Exception):
    """The first sign-in was not answered as it must be; the message says what to do."""


async def rehearse(
    database: Database,
    caller: Caller,
    plan: Plan,
    mix: Mapping[int, int],
    *,
    say: Callable[[str], None] = lambda _: None,
    progress: Callable[[Result], None] = lambda _result: None,
    on_wait: OnWait = lambda _name, _seconds: None,
) -> Result:
    """Run `plan` against a service that uses `database`, with people in the proportions of `mix`.

    Raises `CannotRehearse`, and `Held` if another rehearsal runs.
    """
    people = invent(mix, min(plan.sign_ins, MOST))
    async with hold_lease(database, REHEARSE, wait=LIFE.total_seconds() + 1, on_wait=on_wait) as fenced:
        try:
            async with fenced.transaction() as connection:
                await rehearsals.remove_all(connection)  # those of a run that was killed
                await rehearsals.add(connection, people, timedelta(seconds=plan.seconds) + AFTER)
            await _try(caller, people[0])
            say(f"{len(people):,} invented people; {plan.rate:g} sign-ins/s for {plan.seconds:g} s")
            return await LoadTest(caller, people, plan, progress=progress).run()
        finally:
            async with database.connection() as connection:
                await rehearsals.remove_all(connection)


async def _try(caller: Caller, person: RehearsalPerson) -> None:
    """Sign one person in, so that a wrong URL or secret is not found by a storm."""
    reply = await sign_in(caller, sign_in_payload(person.login_key, person.password, "198.18.0.1"))
    if reply is None:
        raise CannotRehearse("the service did not answer within 3 s: is the URL right, and does the service run?")
    if reply.verdict == Verdict.UNVERIFIED:
        raise CannotRehearse("the service does not know the invented people: does it use the database of this command?")
    if reply.verdict != Verdict.VERIFIED:
        raise CannotRehearse(
            f"the service answered {reply.status}: "
            + ("set the secret that the service accepts" if reply.status in (401, 403) else "see its log")
        )
