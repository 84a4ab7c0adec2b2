"""Commit how requests for users ended: the Okta ids, the outcomes, and the events that waited. Asks no Okta."""

from collections.abc import Sequence

import asyncpg

from service.accounts import provisioning, tombstones
from service.accounts.database import Database
from service.accounts.provisioning import Ended
from service.accounts.tombstones import BindingLock
from service.actions.create_user import Result
from service.actions.record_events import apply_unmatched
from service.policies.provisioning import Outcome
from service.settings import ForgetWhen


async def end_requests(database: Database, results: Sequence[Result], forget_when: ForgetWhen) -> list[Result]:
    """Write the ends down in one transaction, and give them as they are written: a user has one account."""
    async with database.transaction() as connection:
        await tombstones.acquire_binding_lock(connection, BindingLock.EXCLUSIVE)
        checked = await _bind(connection, sorted(results, key=lambda each: each.account_id))
        ended = [Ended(each.account_id, each.outcome.value, each.reason, each.sent) for each in checked]
        await provisioning.end(connection, ended)
        await apply_unmatched(connection, [each.account_id for each in checked if each.user], forget_when)
    return checked


async def _bind(connection: asyncpg.Connection, results: Sequence[Result]) -> list[Result]:
    ids = [each.user.id for each in results if each.user]
    owners = {match.okta_id: match.id for match in await tombstones.find_matches(connection, ids, [], lock=False)}
    checked = []
    for each in results:
        owner = each.account_id if each.user is None else owners.setdefault(each.user.id, each.account_id)
        checked.append(each if owner == each.account_id else _taken(each))
    await tombstones.bind(connection, [(each.account_id, each.user.id) for each in checked if each.user])
    return checked


def _taken(result: Result) -> Result:
    reason = "the login's user in Okta belongs to another account already"
    return Result(result.account_id, Outcome.REFUSED, reason=reason)
