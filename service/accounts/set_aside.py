"""Import events that matched nobody when they came, found again for accounts that were added or bound since."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from service.immutable import immutable

# Once each: the Okta id of an event may be one account's, and its login another's.
UNMATCHED_EVENTS = """
SELECT DISTINCT event.uuid, event.okta_user_id, event.login_key, event.outcome, event.reason, event.published,
       event.transaction_id, event.channel
FROM accounts AS account
JOIN import_events AS event ON event.effect = 'unmatched'
    AND (event.okta_user_id = account.okta_id OR (event.login_key = account.login_key AND account.okta_id IS NULL))
WHERE account.id = ANY($1::bigint[])
ORDER BY event.published NULLS FIRST, event.uuid
"""


@immutable
class UnmatchedEvent:
    """An event that meant no account when it came."""

    uuid: str
    okta_user_id: str | None
    login_key: str | None
    outcome: str
    reason: str | None
    published: datetime | None
    transaction_id: str | None
    channel: str


async def list_unmatched(connection: asyncpg.Connection, account_ids: Sequence[int]) -> list[UnmatchedEvent]:
    """List the events set aside that mean one of these accounts, the oldest first."""
    return [UnmatchedEvent(*row) for row in await connection.fetch(UNMATCHED_EVENTS, account_ids)]
