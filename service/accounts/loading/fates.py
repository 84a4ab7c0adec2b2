"""The fates that a staged account can have, and how many have which. Knows no rule by which they are found."""

import enum

import asyncpg

from service.immutable import immutable


class RowOutcome(enum.StrEnum):
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
    def is_rejected(self) -> bool:
        """Tell whether the row goes to the rejects file."""
        return self in REJECTED_OUTCOMES


REJECTED_OUTCOMES = frozenset(
    {RowOutcome.SAME_LOGIN, RowOutcome.OTHER_SPELLING, RowOutcome.OTHER_OKTA_ID, RowOutcome.OKTA_ID_TAKEN}
)

ROW_OUTCOMES = "SELECT outcome, count(*) AS number FROM staged GROUP BY outcome"

REJECTED = """
SELECT staged.line, staged.outcome, account.login AS kept_login
FROM staged LEFT JOIN accounts AS account ON account.id = staged.account_id
WHERE staged.outcome = ANY($1::text[])
ORDER BY staged.line
"""


@immutable
class RejectedStagedRow:
    """A staged row that the store refuses."""

    line: int
    outcome: RowOutcome
    kept_login: str | None
    """The login of the account that it collides with, where there is one."""


async def row_outcomes(connection: asyncpg.Connection) -> dict[RowOutcome, int]:
    """Count the staged accounts by their outcome."""
    return {RowOutcome(row["outcome"]): row["number"] for row in await connection.fetch(ROW_OUTCOMES)}


async def refused(connection: asyncpg.Connection) -> list[RejectedStagedRow]:
    """List the staged rows that the store refuses."""
    rows = await connection.fetch(REJECTED, sorted(REJECTED_OUTCOMES))
    return [RejectedStagedRow(row["line"], RowOutcome(row["outcome"]), row["kept_login"]) for row in rows]
