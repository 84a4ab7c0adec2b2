"""What became of the rows of a batch, and why the store refuses some. Writes nothing but what later batches look at."""

from collections import Counter
from dataclasses import dataclass, field

import asyncpg

from service.accounts.loading.fates import RejectedStagedRow, RowOutcome, refused, row_outcomes
from service.accounts.loading.match import touch
from service.actions.refusal import Reason, RejectedRow
from service.policies.forgetting import Effect

REASONS = {
    RowOutcome.SAME_LOGIN: Reason.SAME_LOGIN,
    RowOutcome.OTHER_SPELLING: Reason.OTHER_SPELLING,
    RowOutcome.OTHER_OKTA_ID: Reason.OTHER_OKTA_ID,
    RowOutcome.OKTA_ID_TAKEN: Reason.OKTA_ID_TAKEN,
}


@dataclass(slots=True)
class Merged:
    """What became of a batch."""

    row_outcomes: Counter[RowOutcome] = field(default_factory=Counter)
    refused: list[tuple[int, RejectedRow]] = field(default_factory=list)
    """By line."""
    effects: Counter[Effect] = field(default_factory=Counter)
    """What import events did that had come before their accounts."""
    added: list[int] = field(default_factory=list)


async def conclude(connection: asyncpg.Connection, merged: Merged) -> None:
    """Count the fates of the staged rows, list those that are refused, and note which accounts were met."""
    await touch(connection)
    found = await row_outcomes(connection)
    merged.row_outcomes.update({outcome: number for outcome, number in found.items() if not outcome.is_rejected})
    if any(outcome.is_rejected for outcome in found):
        merged.refused += [(each.line, _refusal(each)) for each in await refused(connection)]


def _refusal(refused: RejectedStagedRow) -> RejectedRow:
    return RejectedRow(
        REASONS[refused.outcome], f"{refused.kept_login!r} is in the store" if refused.kept_login else ""
    )
