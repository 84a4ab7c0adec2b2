"""Accounts that have not migrated, each with the reason, and the end of the programme."""

import csv
import enum
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import TextIO

from service.administration import queries
from service.administration.queries import Straggler
from service.store import retirement
from service.store.database import Database
from service.store.retirement import Proof, end_of_programme, retire_accounts

PAGE = 1000
COLUMNS = ("login", "okta_id", "state", "why", "detail", "email", "firstName", "lastName", "sources", "formats")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Characters that begin a formula in a spreadsheet cell."""


class Why(enum.StrEnum):
    """The reason why an account has not migrated."""

    NO_HASH = "no_hash"
    REFUSED = "refused_by_okta"
    NOT_CREATED = "not_in_okta"
    NOT_STORED = "not_stored"
    """We answered VERIFIED, but Okta did not store the password."""
    FAILED = "failed"
    """Someone tried to sign in, but never with the correct password."""
    NEVER = "never_signed_in"


def why_left(straggler: Straggler) -> tuple[Why, str]:
    """Return the reason and its details."""
    if straggler.state == "unarmed":
        return Why.NO_HASH, ""
    if straggler.okta_id is None and straggler.refused:
        return Why.REFUSED, straggler.refused
    if straggler.verified_at is not None:
        return Why.NOT_STORED, straggler.failure or f"verified at {straggler.verified_at.isoformat(timespec='seconds')}"
    if straggler.okta_id is None:
        return Why.NOT_CREATED, ""
    return (Why.FAILED, straggler.failure) if straggler.failure else (Why.NEVER, "")


async def stragglers(database: Database) -> AsyncIterator[Straggler]:
    """Yield all remaining accounts, in the order in which they were loaded."""
    last = 0
    while True:
        async with database.connection() as connection:
            page = await queries.list_stragglers(connection, last, PAGE)
        if not page:
            return
        last = page[-1].id
        for straggler in page:
            yield straggler


async def write_stragglers(
    database: Database, file: TextIO, escaped: Callable[[str], str] = lambda text: text
) -> Counter[Why]:
    """Write the CSV; return the number of accounts by reason. `escaped` makes a text safe to display."""
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    counts: Counter[Why] = Counter()
    async for straggler in stragglers(database):
        why, detail = why_left(straggler)
        counts[why] += 1
        profile = [str(straggler.profile.get(name) or "") for name in ("email", "firstName", "lastName")]
        row = [straggler.login, straggler.okta_id, straggler.state, why.value, detail, *profile]
        writer.writerow([escaped(safe_cell(cell)) for cell in (*row, straggler.sources, straggler.formats)])
    return counts


async def retire_stragglers(
    database: Database, progress: Callable[[Counter[Proof]], None] = lambda _: None
) -> Counter[Proof]:
    """Delete the hashes of all remaining accounts, with the end of the programme as the proof.

    Calls `progress` with the number retired after each page.
    """
    retired: Counter[Proof] = Counter()
    before = -1
    # An account that a reconciliation binds to an Okta id meanwhile is skipped, and found by the next pass.
    while retired.total() > before:
        before = retired.total()
        await _retire_once(database, retired, progress)
    return retired


async def _retire_once(database: Database, retired: Counter[Proof], progress: Callable[[Counter[Proof]], None]) -> None:
    last = 0
    while True:
        async with database.connection() as connection:
            page = await retirement.armed_from(connection, last, PAGE)
        if not page:
            return
        last = page[-1].id
        end = end_of_programme(datetime.now(UTC))
        retired += await retire_accounts(database, [(each.id, each.okta_id, end) for each in page])
        progress(retired)


def safe_cell(value: str | None) -> str:
    """Escape a value so that no spreadsheet interprets it as a formula."""
    text = value or ""
    return f"'{text}" if text.startswith(FORMULA) else text
