"""Deletion of accounts and of their hashes on an operator's request, in transactions of some hundred accounts."""

from collections.abc import Callable, Sequence

from service.administration.queries import Filters, delete, ids_of_logins, list_accounts
from service.store import recipes
from service.store.accounts import login_key
from service.store.attributes import purge_slice
from service.store.audit import Action, Entry, record
from service.store.database import Database
from service.store.deleted_logins import forgive_deleted, remember_deleted
from service.store.name_report import discard_saved_names
from service.store.retirement import Retired, retire

BY_OPERATOR = "forgotten by operator"
"""The proof on a tombstone that an operator caused."""
Counted = Callable[[int], None]
"""Called with the number of accounts done, after each transaction."""
SLICE = 500
"""Accounts in one transaction; small, so that other transactions do not wait long for their rows."""


async def find_logins(database: Database, logins: Sequence[str]) -> tuple[list[int], list[str]]:
    """Return the ids of the accounts with exactly these logins, and the logins that nobody has."""
    keys = {login: login_key(login.strip()) for login in logins}
    async with database.connection() as connection:
        found = await ids_of_logins(connection, [key for key in keys.values() if "\0" not in key])
    return sorted(found.values()), [login for login, key in keys.items() if key not in found]


async def count_accounts(database: Database, filters: Filters) -> int:
    """Count the selected accounts."""
    total, last = 0, 0
    async with database.connection() as connection:
        while page := await list_accounts(connection, filters, after=last):
            total, last = total + len(page), page[-1].id
    return total


async def forget_accounts(database: Database, filters: Filters, progress: Counted = lambda _number: None) -> int:
    """Delete the hashes of all selected accounts; return how many accounts had any."""
    forgotten, last = 0, 0
    while True:
        async with database.transaction() as connection:
            page = await list_accounts(connection, filters, after=last, number=SLICE)
            if not page:
                return forgotten
            held = await retire(connection, [Retired(each.id, each.okta_id, BY_OPERATOR) for each in page])
        forgotten, last = forgotten + len(held), page[-1].id
        progress(forgotten)


async def delete_accounts(
    database: Database, filters: Filters, progress: Counted = lambda _number: None, *, erase: bool
) -> int:
    """Delete all selected accounts. With `erase`, nothing is kept that prevents a later load from adding them again."""
    deleted, last = 0, 0
    while True:
        async with database.transaction() as connection:
            page = await list_accounts(connection, filters, after=last, number=SLICE)
            if not page:
                return deleted
            found = await delete(connection, [each.id for each in page])
            if not erase:
                await remember_deleted(connection, list(found.values()), await recipes.login_digest_key(connection))
            why = "erased by operator" if erase else "deleted by operator"
            await record(connection, [Entry(Action.DELETED, why, account_id=each) for each in found])
            await discard_saved_names(connection)
        deleted, last = deleted + len(found), page[-1].id
        progress(deleted)


PURGED_AT_ONCE = 5000
"""Accounts in one transaction, by id: takes some hundred milliseconds."""


async def purge_attributes(database: Database, progress: Counted = lambda _number: None) -> int:
    """Remove undeclared attributes and the profiles of migrated accounts; return how many accounts had any.

    Each slice is a transaction; if a run is stopped, the next one completes it.
    """
    purged, last = 0, 0
    while True:
        async with database.transaction() as connection:
            end, number = await purge_slice(connection, last, PURGED_AT_ONCE)
        if end is None:
            return purged
        purged, last = purged + number, end
        progress(purged)


async def forgive_logins(database: Database, logins: Sequence[str]) -> int:
    """Allow a load to add logins again that were deleted before; return how many were."""
    async with database.transaction() as connection:
        key = await recipes.login_digest_key(connection)
        await discard_saved_names(connection)
        return await forgive_deleted(connection, [login_key(login.strip()) for login in logins], key)
