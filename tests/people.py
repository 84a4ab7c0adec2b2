"""Accounts that tests add to the store, and their state afterwards."""

import json
from dataclasses import dataclass
from typing import cast

import asyncpg
import bcrypt

from service.store.accounts import login_key
from service.store.recipes import count_loaded, ensure_recipe

RECIPE = {"charset": "utf-8", "salt_encoding": "text"}
DUMMY_HASH = {"hash": "$2b$04$abcdefghijklmnopqrstuuOnA5Ur8fKuy3VTcScDQ2vqfKBcEnQpK", "salt": None, "username": None}


Proxy = asyncpg.pool.PoolConnectionProxy


def plain(proxy: Proxy) -> asyncpg.Connection:
    """Return the connection that a pool lends: a connection in all but its type."""
    return cast("asyncpg.Connection", proxy)


@dataclass(frozen=True)
class Person:
    id: int
    login: str
    password: str | None


async def add_person(
    pool: asyncpg.Pool,
    login: str,
    password: str | None = None,
    *,
    okta_id: str | None = None,
    identifiers: tuple[str, ...] = (),
    email_aliases: bool = False,
    stored: bytes | None = None,
    format_name: str = "bcrypt",
    source: str = "legacy",
) -> Person:
    """Add an account, waiting if a password or a stored hash is given, otherwise unarmed; return its id.

    With `email_aliases` the source of its identifiers has opted in to those with `@`.
    """
    if stored is None and password is not None:
        stored = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4))
    async with pool.acquire() as proxy, proxy.transaction():
        connection = plain(proxy)
        account_id = await connection.fetchval(
            "INSERT INTO accounts (login, login_key, okta_id, state) VALUES ($1, $2, $3, $4) RETURNING id",
            login, login_key(login), okta_id, "unarmed" if stored is None else "waiting",
        )  # fmt: skip
        for identifier in identifiers:
            await connection.execute(
                "INSERT INTO identifiers VALUES ($1, $2, '{1}', $3)",
                account_id, login_key(identifier), [1] if email_aliases else [],
            )  # fmt: skip
        if stored is not None:
            await add_hash(connection, account_id, stored, source, format_name)
    return Person(account_id, login, password)


async def add_hash(
    connection: asyncpg.Connection, account_id: int, stored: bytes, source: str = "legacy", format_name: str = "bcrypt"
) -> None:
    recipe_id = await ensure_recipe(connection, format_name, RECIPE, f"{format_name} 4", DUMMY_HASH)
    await count_loaded(connection, recipe_id, 1)
    await connection.execute("INSERT INTO sources (name) VALUES ($1) ON CONFLICT DO NOTHING", source)
    await connection.execute(
        "INSERT INTO hashes (account_id, source_id, recipe_id, hash) "
        "SELECT $1, id, $2, $3 FROM sources WHERE name = $4",
        account_id, recipe_id, stored, source,
    )  # fmt: skip


async def state_of(pool: asyncpg.Pool, person: Person) -> str:
    return str(await pool.fetchval("SELECT state FROM accounts WHERE id = $1", person.id))


async def hashes_of(pool: asyncpg.Pool, person: Person) -> int:
    return int(await pool.fetchval("SELECT count(*) FROM hashes WHERE account_id = $1", person.id))


def sign_in(username: object, password: object, **more: object) -> bytes:
    """Return the body of a password import call, as Okta sends it."""
    credential = {"username": username, "password": password}
    payload = {
        "eventId": "3o9jBzq1SmOGmmsDsqyyeQ",
        "eventTime": "2020-01-17T21:23:56.000Z",
        "eventType": "com.okta.user.credential.password.import",
        "eventTypeVersion": "1.0",
        "contentType": "application/json",
        "cloudEventVersion": "0.1",
        "source": "https://example.okta.com/api/v1/inlineHooks/cal2xd5phv9fsPLcF0g7",
        "data": {
            "context": {
                "request": {"id": "XiIl6wn7005Rr@fjYqeC7AAABxw", "method": "POST", "ipAddress": "192.0.2.7"},
                "credential": credential,
            },
            "action": {"credential": "UNVERIFIED"},
        },
    }
    return json.dumps(payload | more).encode()


def event(
    uuid: str,
    user_id: str | None = None,
    login: str | None = None,
    result: str = "SUCCESS",
    published: str = "2026-11-22T10:00:00.000Z",
) -> dict[str, object]:
    """Return an import event as Okta reports it: the User is not the first target."""
    user = {"id": user_id, "type": "User", "alternateId": login, "displayName": "Somebody", "detailEntry": None}
    return {
        "uuid": uuid,
        "published": published,
        "eventType": "user.import.password",
        "version": "0",
        "actor": user,
        "outcome": {"result": result, "reason": None},
        "target": [{"id": "x", "type": "AuthenticatorEnrollment", "alternateId": "unknown"}, user],
        "transaction": {"type": "WEB", "id": "ZCCzm8j2wTvzwele2NwLnwAADSc", "detail": {}},
    }


def delivery(*events: object, event_id: str = "11111111-1111-4111-8111-111111111111") -> bytes:
    """Return the body of a delivery of the event hook."""
    return json.dumps(
        {
            "eventType": "com.okta.event_hook",
            "eventTypeVersion": "1.0",
            "cloudEventsVersion": "0.1",
            "source": "https://example.okta.com/api/v1/eventHooks/who7hphp39JoHLni81d7",
            "eventId": event_id,
            "data": {"events": list(events)},
            "eventTime": "2026-11-22T10:00:01.000Z",
            "contentType": "application/json",
        }
    ).encode()
