"""What became of the rows of a batch, and why the store refuses some. Writes nothing but what later batches look at."""

from collections import Counter
from dataclasses import dataclass, field

import asyncpg

from service.accounts.loading.fates import Fate, RefusedRow, fates, refused
from service.accounts.loading.match import touch
from service.actions.refusal import Reason, Refusal
from service.policies.forgetting import Effect

REASONS = {
    Fate.SAME_LOGIN: Reason.SAME_LOGIN,
    Fate.OTHER_SPELLING: Reason.OTHER_SPELLING,
    Fate.OTHER_OKTA_ID: Reason.OTHER_OKTA_ID,
    Fate.OKTA_ID_TAKEN: Reason.OKTA_ID_TAKEN,
}


@dataclass(slots=True)
class Merged:
    """What became of a batch."""

    fates: Counter[Fate] = field(default_factory=Counter)
    refused: list[tuple[int, Refusal]] = field(default_factory=list)
    """By line."""
    effects: Counter[Effect] = field(default_factory=Counter)
    """What import events did that had come before their accounts."""
    added: list[int] = field(default_factory=list)


async def conclude(connection: asyncpg.Connection, merged: Merged) -> None:
    """Count the fates of the staged rows, list those that are refused, and note which accounts were met."""
    await touch(connection)
    found = await fates(connection)
    merged.fates.update({fate: number for fate, number in found.items() if not fate.is_refusal})
    if any(fate.is_refusal for fate in found):
        merged.refused += [(each.line, _refusal(each)) for each in await refused(connection)]


def _refusal(refused: RefusedRow) -> Refusal:
    return Refusal(REASONS[refused.fate], f"{refused.kept_login!r} is in the store" if refused.kept_login else "")
