"""The fates that a staged account can have, and how many have which. Knows no rule by which they are found."""

import enum

import asyncpg

from service.immutable import immutable


class Fate(enum.StrEnum):
    """What becomes of a staged account."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    TOMBSTONE = "tombstone"
    """Its hash is forgotten, and stays so: left alone."""
    DELETED = "deleted"
    """An operator deleted it: not brought back."""
    SAME_LOGIN = "same_login"
    """Refused: an earlier row of the same load has the login."""
    OTHER_SPELLING = "other_spelling"
    """Refused: the store has another account whose login is the same to Okta."""
    OTHER_OKTA_ID = "other_okta_id"
    """Refused: the account is known under another Okta id."""
    OKTA_ID_TAKEN = "okta_id_taken"
    """Refused: another account has the Okta id."""

    @property
    def is_refusal(self) -> bool:
        """Tell whether the row goes to the rejects file."""
        return self in REFUSALS


REFUSALS = frozenset({Fate.SAME_LOGIN, Fate.OTHER_SPELLING, Fate.OTHER_OKTA_ID, Fate.OKTA_ID_TAKEN})

FATES = "SELECT fate, count(*) AS number FROM staged GROUP BY fate"

REFUSED = """
SELECT staged.line, staged.fate, account.login AS kept_login
FROM staged LEFT JOIN accounts AS account ON account.id = staged.account_id
WHERE staged.fate = ANY($1::text[])
ORDER BY staged.line
"""


@immutable
class RefusedRow:
    """A staged row that the store refuses."""

    line: int
    fate: Fate
    kept_login: str | None
    """The login of the account that it collides with, where there is one."""


async def fates(connection: asyncpg.Connection) -> dict[Fate, int]:
    """Count the staged accounts by their fate."""
    return {Fate(row["fate"]): row["number"] for row in await connection.fetch(FATES)}


async def refused(connection: asyncpg.Connection) -> list[RefusedRow]:
    """List the staged rows that the store refuses."""
    rows = await connection.fetch(REFUSED, sorted(REFUSALS))
    return [RefusedRow(row["line"], Fate(row["fate"]), row["kept_login"]) for row in rows]
