"""The CSV report of the accounts that Okta rejected, and its corrected version."""

import csv
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TextIO

import asyncpg

from service.import_events.queries import BindingLock, acquire_binding_lock
from service.import_events.record import apply_unmatched
from service.okta.parsing import is_storable
from service.provisioning import queries
from service.provisioning.queries import Corrected, Correction, RefusedAccount
from service.settings import ForgetWhen
from service.store.accounts import is_too_long, login_key
from service.store.database import Database
from service.store.encryption import NO_KEYS, HashKeys
from service.store.hash_keys import login_key_of, reencrypt

PAGE = 1000
OWN = ("account_id", "reason", "login")
FIRST = ("email", "firstName", "lastName")
ID_DIGITS = 18
"""Every number with this many digits fits PostgreSQL's bigint."""


class BadReport(Exception):
    """The corrected report cannot be read; the message names the line and the fault."""


@dataclass
class Corrections:
    """The result of applying a corrected report."""

    corrected: int = 0
    refused: list[str] = field(default_factory=list)
    """Each with its line."""


async def refused_accounts(database: Database) -> AsyncIterator[RefusedAccount]:
    """Yield all accounts that Okta rejected, in the order of id."""
    last = 0
    while True:
        async with database.connection() as connection:
            page = await queries.list_refused(connection, last, PAGE)
        if not page:
            return
        last = page[-1].id
        for account in page:
            yield account


async def write_report(database: Database, file: TextIO) -> int:
    """Write the report; return its number of rows. It contains no hash."""
    names: dict[str, None] = dict.fromkeys(FIRST)
    async for account in refused_accounts(database):
        names.update(dict.fromkeys(name for name, value in account.profile.items() if isinstance(value, str)))
    attributes = [name for name in names if name not in OWN]
    writer = csv.writer(file)
    writer.writerow([*OWN, *attributes])
    number = 0
    async for account in refused_accounts(database):
        values = [account.profile.get(name) or "" for name in attributes]
        writer.writerow([account.id, account.reason, account.login, *values])
        number += 1
    return number


def read_report(file: Iterable[str]) -> list[tuple[int, Correction]]:
    """Parse a corrected report: each row with its line. Raises `BadReport`."""
    reader = csv.DictReader(file)
    try:
        missing = {"account_id", "login"} - set(reader.fieldnames or ())
        if missing:
            raise BadReport(f"line 1: the column {min(missing)} is missing")
        return [(reader.line_num, _correction(reader.line_num, row)) for row in reader]
    except csv.Error as error:
        # An unclosed quote turns the rest of the file into one cell, and the size of a cell is limited.
        raise BadReport(f"line {reader.line_num}: {error}; is a quote not closed?") from None


async def correct_accounts(
    database: Database, rows: Iterable[tuple[int, Correction]], *, forget_when: ForgetWhen, keys: HashKeys = NO_KEYS
) -> Corrections:
    """Apply corrections to accounts that Okta rejected; the old login remains valid for sign-in."""
    done = Corrections()
    for line, correction in rows:
        async with database.transaction() as connection:
            result = await _correct(connection, correction, forget_when, keys)
        if result is Corrected.DONE:
            done.corrected += 1
        else:
            done.refused.append(f"line {line}: {result.value}")
    return done


async def _correct(
    connection: asyncpg.Connection, correction: Correction, forget_when: ForgetWhen, keys: HashKeys
) -> Corrected:
    # An unmatched event may have the new login.
    await acquire_binding_lock(connection, BindingLock.EXCLUSIVE)
    old_login_key = await login_key_of(connection, correction.account_id)
    result = await queries.correct(connection, correction)
    if result is Corrected.DONE and old_login_key is not None:
        await reencrypt(connection, correction.account_id, keys, old_login_key)
        await apply_unmatched(connection, [correction.account_id], forget_when)
    return result


def _correction(line: int, row: Mapping[str | None, Any]) -> Correction:
    number, login = str(row["account_id"] or "").strip(), str(row["login"] or "").strip()
    if not number.isascii() or not number.isdecimal() or len(number) > ID_DIGITS:
        raise BadReport(f"line {line}: account_id is not a number")
    if None in row:
        raise BadReport(f"line {line}: there are more cells than columns")
    if not login or is_too_long(login) or not all(is_storable(str(value or "")) for value in row.values()):
        raise BadReport(f"line {line}: the login is missing or too long, or a cell contains a NUL")
    profile = {str(name): str(value or "").strip() for name, value in row.items() if name not in OWN}
    return Correction(int(number), login, login_key(login), profile)
