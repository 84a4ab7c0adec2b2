"""Declared attributes: only these are stored, shown and sent; those stored earlier are ignored, and purged."""

import json
import os
import stat
from pathlib import Path
from typing import cast

import asyncpg
import pytest

from service.administration.accounts import purge_attributes
from service.administration.queries import account_details
from service.private_files import open_private
from service.provisioning.queries import Choice, list_candidates
from service.registration.queries import find_legacy_profiles
from service.store.attributes import count_undeclared
from service.store.database import Database
from tests.loading.loader import BCRYPT, Loader, command, contents

NONE: frozenset[str] = frozenset()
EXPORT = f"login,password_hash,firstName,nick,sambaNTPassword\na@x.example,{BCRYPT},Ann,annie,{'ab' * 16}\n"


async def store_undeclared(pool: asyncpg.Pool) -> int:
    """Store what earlier versions stored from every column."""
    await pool.execute("""UPDATE accounts SET profile = profile || '{"passwordHash": "x", "nick": "annie"}'""")
    account_id: int = await pool.fetchval("SELECT id FROM accounts")
    return account_id


async def test_only_declared_columns_are_stored_and_the_others_are_named(loader: Loader, pool: asyncpg.Pool) -> None:
    totals = await loader.load(EXPORT, attributes=NONE)
    (person,) = await contents(pool)
    assert (person["profile"], totals.ignored) == ({"firstName": "Ann"}, ["nick", "sambaNTPassword"])


async def test_declared_attributes_are_those_of_the_last_load(loader: Loader, pool: asyncpg.Pool) -> None:
    await loader.load(EXPORT, attributes=frozenset({"nick"}))
    await loader.load(EXPORT, attributes=NONE)
    account_id = await pool.fetchval("SELECT id FROM accounts")
    async with pool.acquire() as connection:
        details = await account_details(cast("asyncpg.Connection", connection), account_id)
    assert details.profile == {"firstName": "Ann"}


async def test_undeclared_attributes_of_before_are_shown_and_sent_nowhere(loader: Loader, pool: asyncpg.Pool) -> None:
    await loader.load(EXPORT, attributes=NONE)
    account_id = await store_undeclared(pool)
    async with pool.acquire() as pooled:
        connection = cast("asyncpg.Connection", pooled)
        shown = (await account_details(connection, account_id)).profile
        (sent,) = await list_candidates(connection, Choice(), 0, 10)
        (known,) = await find_legacy_profiles(connection, ["a@x.example"])
    assert shown == sent.profile == known.profile == {"firstName": "Ann"}


async def test_purging_removes_what_no_source_declares_and_can_be_repeated(
    loader: Loader, pool: asyncpg.Pool, database_url: str
) -> None:
    await loader.load(EXPORT, attributes=NONE)
    await store_undeclared(pool)
    database = Database(database_url, connections=1)
    await database.open()
    async with database.connection() as connection:
        assert await count_undeclared(connection) == 1
    assert [await purge_attributes(database), await purge_attributes(database)] == [1, 0]
    await database.close()
    (person,) = await contents(pool)
    assert person["profile"] == {"firstName": "Ann"}


async def test_email_that_is_no_login_finds_the_account_also_without_its_profile(
    loader: Loader, pool: asyncpg.Pool
) -> None:
    await loader.load(f"login,password_hash,email\nann,{BCRYPT},Änn@X.example\n")
    await pool.execute("UPDATE accounts SET profile = '{}'")
    async with pool.acquire() as connection:
        found = await find_legacy_profiles(cast("asyncpg.Connection", connection), ["ann@x.example"])
    assert [each.login for each in found] == ["ann"]


async def test_unmapped_hash_stops_the_command_with_the_option_that_helps(database_url: str, tmp_path: Path) -> None:
    export = tmp_path / "e.csv"
    export.write_text(f"login,passwordHash\na,{BCRYPT}\n", encoding="utf-8")
    done = command("load", str(export), "--source", "s", url=database_url)
    assert (done.returncode, "--map passwordHash=password_hash" in done.stderr, BCRYPT in done.stderr) == (
        2,
        True,
        False,
    )


async def test_rejects_on_standard_output_leave_the_totals_to_standard_error(database_url: str, tmp_path: Path) -> None:
    export = tmp_path / "e.csv"
    export.write_text(f"login,password_hash\na,{BCRYPT}\n,{BCRYPT}\n", encoding="utf-8")
    done = command("load", str(export), "--source", "s", "--rejects", "-", url=database_url)
    assert (done.returncode, done.stdout.splitlines()[1]) == (3, f"3,no login,,{BCRYPT}")
    assert "1 new, 1 rejected" in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes into every folder")
def test_folder_that_takes_no_rejects_stops_the_load_before_the_first_row(database_url: str, tmp_path: Path) -> None:
    export = tmp_path / "e.csv"
    export.write_text(f"login,password_hash\na,{BCRYPT}\n", encoding="utf-8")
    tmp_path.chmod(0o500)
    done = command("load", str(export), "--source", "s", url=database_url)
    assert (done.returncode, "--rejects" in done.stderr) == (2, True)


def test_file_with_personal_data_is_its_owners_also_where_it_exists(tmp_path: Path) -> None:
    path = tmp_path / "rejects.csv"
    path.write_text("old and longer", encoding="utf-8")
    path.chmod(0o644)
    with open_private(path) as file:
        file.write("new")
    assert (stat.S_IMODE(path.stat().st_mode), path.read_text(encoding="utf-8")) == (0o600, "new")


def test_link_in_the_place_of_a_file_with_personal_data_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("kept", encoding="utf-8")
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(OSError, match=r"symbolic links|Too many levels"):
        open_private(tmp_path / "link")
    assert target.read_text(encoding="utf-8") == "kept"


async def test_disabled_account_is_shown_with_its_reason(loader: Loader, pool: asyncpg.Pool) -> None:
    await loader.load(json.dumps({"login": "a", "password_hash": "!!"}), name="e.jsonl")
    assert await pool.fetchval("SELECT disabled_reason FROM accounts") == "disabled in the old system"
    await loader.load(json.dumps({"login": "a", "password_hash": BCRYPT}), name="e.jsonl")
    row = await pool.fetchrow("SELECT state, disabled_reason FROM accounts")
    assert row is not None
    assert tuple(row) == ("waiting", None)
