"""Bind accounts to the users that were found by login, with the events that waited for it. Finds and judges nobody."""

from collections.abc import Sequence

from service.accounts import tombstones
from service.accounts.database import Database
from service.accounts.tombstones import BindingLock
from service.actions.record_events import apply_unmatched
from service.settings import ForgetWhen


async def bind_found(database: Database, found: Sequence[tuple[int, str]], forget_when: ForgetWhen) -> int:
    """Bind accounts to Okta ids, and give how many were; an id that another account has by now is left alone."""
    if not found:
        return 0
    async with database.transaction() as connection:
        await tombstones.acquire_binding_lock(connection, BindingLock.EXCLUSIVE)
        taken = await tombstones.find_matches(connection, [okta_id for _, okta_id in found], [], lock=False)
        free = [pair for pair in found if pair[1] not in {match.okta_id for match in taken}]
        await tombstones.bind(connection, sorted(free))
        await apply_unmatched(connection, [account_id for account_id, _ in free], forget_when)
    return len(free)
