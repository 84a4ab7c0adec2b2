"""Tells the rows of a batch whose accounts are to be added from those that the store knows. Writes nothing."""

from collections.abc import Sequence

import asyncpg

from service.accounts.deleted import deleted_logins
from service.accounts.loading.add import known_logins, known_okta_ids
from service.accounts.loading.fates import RowOutcome
from service.accounts.loading.staged import StagedAccount
from service.actions.merged_batch import Merged
from service.actions.refusal import Reason, RejectedRow


async def separate(
    connection: asyncpg.Connection, accounts: Sequence[StagedAccount], merged: Merged, deleted_key: bytes
) -> tuple[Sequence[StagedAccount], list[StagedAccount]]:
    """Give the accounts whose login is unknown, without the deleted ones, and those that the store knows."""
    logins = await known_logins(connection, [each.login_key for each in accounts])
    known = [each for each in accounts if each.login_key in logins]
    unknown = [each for each in accounts if each.login_key not in logins] if known else accounts
    return await without_deleted(connection, unknown, merged, deleted_key), known


async def without_deleted(
    connection: asyncpg.Connection, accounts: Sequence[StagedAccount], merged: Merged, deleted_key: bytes
) -> Sequence[StagedAccount]:
    """Leave out whom an operator deleted."""
    deleted = await deleted_logins(connection, [each.login_key for each in accounts], deleted_key)
    if not deleted:
        return accounts
    merged.row_outcomes[RowOutcome.DELETED] += len(deleted)
    return [each for each in accounts if each.login_key not in deleted]


async def without_taken(
    connection: asyncpg.Connection, accounts: Sequence[StagedAccount], merged: Merged
) -> Sequence[StagedAccount]:
    """Refuse those whose Okta id another account has."""
    okta_ids = [each.okta_id for each in accounts if each.okta_id is not None]
    taken = await known_okta_ids(connection, okta_ids) if okta_ids else frozenset()
    if not taken:
        return accounts
    merged.refused += [(each.line, RejectedRow(Reason.OKTA_ID_TAKEN)) for each in accounts if each.okta_id in taken]
    return [each for each in accounts if each.okta_id not in taken]
