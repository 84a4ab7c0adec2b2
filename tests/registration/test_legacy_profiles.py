"""Registrants whom the store knows: by login, otherwise by another identifier, never by a local part."""

import json
from typing import cast

import asyncpg
import pytest

from service.registration.queries import LegacyProfile, find_by_attribute, find_legacy_profiles
from service.store.accounts import login_key
from tests.people import Person, add_person


async def put(pool: asyncpg.Pool, login: str, *identifiers: str, **profile: object) -> Person:
    person = await add_person(pool, login, identifiers=identifiers)
    await pool.execute("UPDATE accounts SET profile = $2 WHERE id = $1", person.id, json.dumps(profile))
    return person


async def rename(pool: asyncpg.Pool, person: Person, okta_login: str, *, superseded: bool = False) -> None:
    """Set the login under which Okta has the account."""
    await pool.execute(
        "UPDATE accounts SET okta_id = $2, okta_login = $3, okta_login_key = $3, okta_updated_at = now(),"
        " superseded = $4 WHERE id = $1",
        person.id, f"00u{person.id}", okta_login, superseded,
    )  # fmt: skip


async def found(pool: asyncpg.Pool, *names: str) -> list[LegacyProfile]:
    async with pool.acquire() as connection:
        return await find_legacy_profiles(cast("asyncpg.Connection", connection), names)


@pytest.mark.parametrize("name", ["jose@example.com", "JOSÉ@Example.COM", "jose@work.test"])
async def test_account_is_found_by_each_of_its_names(pool: asyncpg.Pool, name: str) -> None:
    await put(pool, "José@example.com", "jose@work.test", mobilePhone="1")
    assert [LegacyProfile("José@example.com", {"mobilePhone": "1"})] == await found(pool, "nobody", name)


@pytest.mark.parametrize("name", ["jose", "jose@", "@example.com", "example.com", ""])
async def test_piece_of_a_login_finds_nobody(pool: asyncpg.Pool, name: str) -> None:
    await put(pool, "jose@example.com")
    assert await found(pool, name) == []


async def test_login_hides_another_account_s_identifier(pool: asyncpg.Pool) -> None:
    await put(pool, "jo@example.com", mobilePhone="right")
    await put(pool, "other@example.com", "jo@example.com", "jo@work.test", mobilePhone="wrong")
    assert [profile.profile["mobilePhone"] for profile in await found(pool, "jo@example.com", "jo@work.test")] == [
        "right"
    ]


async def test_two_accounts_with_the_names_are_both_found(pool: asyncpg.Pool) -> None:
    await put(pool, "one@example.com")
    await put(pool, "two@example.com")
    assert [profile.login for profile in await found(pool, "two@example.com", "one@example.com")] == [
        "one@example.com",
        "two@example.com",
    ]


async def test_migrated_person_is_known_without_a_profile(pool: asyncpg.Pool) -> None:
    person = await put(pool, "jo@example.com", mobilePhone="1")
    await pool.execute("DELETE FROM hashes")
    await pool.execute(
        "UPDATE accounts SET state = 'migrated', forgotten_at = now(), proof = 'x' WHERE id = $1", person.id
    )
    assert await found(pool, "jo@example.com") == [LegacyProfile("jo@example.com", {}, migrated=True)]


@pytest.mark.parametrize("name", ["old@example.com", "new@example.com", "NEW@Example.com", "alias@example.com"])
async def test_renamed_person_is_known_by_the_old_and_the_new_login(pool: asyncpg.Pool, name: str) -> None:
    await rename(pool, await put(pool, "old@example.com", "alias@example.com", mobilePhone="1"), "new@example.com")
    assert await found(pool, name) == [LegacyProfile("old@example.com", {"mobilePhone": "1"})]


async def test_okta_login_hides_the_login_that_another_account_had(pool: asyncpg.Pool) -> None:
    await rename(pool, await put(pool, "bob@example.com", mobilePhone="wrong"), "bob.smith@example.com")
    await rename(pool, await put(pool, "rob@example.com", mobilePhone="right"), "bob@example.com")
    assert [each.profile["mobilePhone"] for each in await found(pool, "bob@example.com")] == ["right"]


async def test_superseded_login_is_known_and_hides_nobody(pool: asyncpg.Pool) -> None:
    await rename(pool, await put(pool, "rob@example.com"), "bob@example.com", superseded=True)
    assert [each.login for each in await found(pool, "bob@example.com")] == ["rob@example.com"]
    await put(pool, "bob@example.com")
    assert [each.login for each in await found(pool, "bob@example.com")] == ["bob@example.com"]


@pytest.mark.parametrize(
    "stored, name",
    [
        ("jo@b\u00fccher.example", "jo@xn--bcher-kva.example"),
        ("jo@xn--bcher-kva.example", "JO@B\u00dcCHER.example."),
        ("jo@corp.example", " jo@corp.example.\n"),
        ("jo@corp.example.", "jo@corp.example"),
        ("jo@corp.example", "jo@\uff43orp.example"),
        ("jo@corp.example", '"jo"@corp.example'),
    ],
)
@pytest.mark.parametrize("column", ["login", "email", "okta_login"])
async def test_account_is_found_however_the_domain_is_spelt(
    pool: asyncpg.Pool, stored: str, name: str, column: str
) -> None:
    person = await put(pool, stored if column == "login" else "bobby")
    key = login_key(stored)
    if column == "email":
        await pool.execute("UPDATE accounts SET email_key = $2 WHERE id = $1", person.id, key)
    elif column == "okta_login":
        await pool.execute(
            "UPDATE accounts SET okta_id = '00u1', okta_login = $2, okta_login_key = $3 WHERE id = $1",
            person.id, stored, key,
        )  # fmt: skip
    assert len(await found(pool, name)) == 1


async def by(pool: asyncpg.Pool, attribute: str, value: str) -> list[str]:
    async with pool.acquire() as connection:
        return [
            each.login for each in await find_by_attribute(cast("asyncpg.Connection", connection), attribute, value)
        ]


async def test_account_is_found_by_a_declared_attribute_as_text_or_number(pool: asyncpg.Pool) -> None:
    await put(pool, "jo@example.com", employeeNumber="42", undeclared="42")
    await put(pool, "al@example.com", employeeNumber=42)
    await put(pool, "bo@example.com", employeeNumber="042")
    assert await by(pool, "employeeNumber", "42") == ["jo@example.com", "al@example.com"]
    assert await by(pool, "undeclared", "42") == []


async def test_name_of_an_attribute_is_never_sql(pool: asyncpg.Pool) -> None:
    with pytest.raises(ValueError, match="no attribute"):
        await by(pool, "a' OR ''='", "42")
