"""Correcting the login and the profile of an account that Okta refused. Only statements; the caller closes the gate."""

import enum
import json
from dataclasses import field

import asyncpg

from service.immutable import immutable

HELD = """
SELECT account.login_key FROM accounts AS account JOIN provisionings AS known ON known.account_id = account.id
WHERE account.id = $1 AND known.outcome = 'refused' AND account.okta_id IS NULL FOR UPDATE OF account
"""

TAKEN = "SELECT EXISTS (SELECT FROM accounts WHERE login_key = $1 AND id <> $2)"

CORRECT = """
UPDATE accounts
SET login = $2, login_key = $3, profile = (profile || jsonb_strip_nulls($4::jsonb)) - $5::text[]
WHERE id = $1
"""

KEEP_OLD_NAME = "INSERT INTO identifiers (account_id, identifier_key) VALUES ($1, $2) ON CONFLICT DO NOTHING"

# Nobody asked Okta about the corrected account yet.
BEGIN_ANEW = "DELETE FROM provisionings WHERE account_id = $1"


class Corrected(enum.StrEnum):
    """What became of a correction."""

    DONE = "corrected"
    NOT_REFUSED = "Okta did not refuse this account, or it is created by now"
    TAKEN = "another account has this login"


@immutable
class Correction:
    """What an account is to be from now on; an empty attribute is removed."""

    account_id: int
    login: str
    login_key: str
    profile: dict[str, str] = field(repr=False)


async def correct(connection: asyncpg.Connection, correction: Correction) -> Corrected:
    """Correct one account in the caller's transaction."""
    own = correction.account_id
    old_key = await connection.fetchval(HELD, own)
    if old_key is None:
        return Corrected.NOT_REFUSED
    if await connection.fetchval(TAKEN, correction.login_key, own):
        return Corrected.TAKEN
    kept = {name: value for name, value in correction.profile.items() if value}
    removed = [name for name in correction.profile if name not in kept]
    await connection.execute(CORRECT, own, correction.login, correction.login_key, json.dumps(kept), removed)
    if old_key != correction.login_key:
        await connection.execute(KEEP_OLD_NAME, own, old_key)
    await connection.execute(BEGIN_ANEW, own)
    return Corrected.DONE
