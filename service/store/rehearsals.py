"""The people of a rehearsal: invented logins with a random password each, in a separate table.

Queries that count, list, compare or create accounts do not read this table. A person has no hash: the SHA-256 of the
password is stored, which is sufficient for a random one, and a sign-in checks a recipe's dummy hash for its cost.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import field
from datetime import timedelta

import asyncpg

from service.immutable import immutable
from service.store.recipes import KeptRecipe

DOMAIN = ".rehearsal.invalid"
"""The suffix of every login; `.invalid` is reserved (RFC 2606, section 2)."""

MIX = "SELECT recipe_id, count(*) AS number FROM hashes GROUP BY recipe_id ORDER BY recipe_id"

FIND = """
SELECT person.password_digest, recipe.id, recipe.format, recipe.parameters, recipe.cost, recipe.dummy_hash,
       recipe.hashes_loaded
FROM rehearsal_people AS person JOIN recipes AS recipe ON recipe.id = person.recipe_id
WHERE person.login_key = $1 AND person.expires_at > now()
"""

ADD = """
INSERT INTO rehearsal_people (login_key, password_digest, recipe_id, expires_at)
SELECT login_key, digest, recipe_id, now() + $4::interval
FROM unnest($1::text[], $2::bytea[], $3::integer[]) AS person (login_key, digest, recipe_id)
"""

REMOVE_ALL = "DELETE FROM rehearsal_people"

# A rehearsal holds its lease while it runs, so that without a lease its people are leftovers, even before they expire.
REMOVE_ABANDONED = """
DELETE FROM rehearsal_people
WHERE expires_at <= now()
   OR NOT EXISTS (SELECT FROM leases WHERE name = 'rehearse' AND expires_at >= clock_timestamp())
"""

RECORD_VERIFIED = """
WITH counted AS (UPDATE rehearsal_people SET sign_ins = sign_ins + 1 WHERE login_key = $1)
INSERT INTO audit (action, reason, code, event_id, request_id) VALUES ('verified', 'rehearsal', $2, $3, $4)
"""

RECORD_REFUSED = "UPDATE rehearsal_people SET sign_ins = sign_ins + 1 WHERE login_key = $1"


@immutable
class RehearsalPerson:
    """An invented person."""

    login_key: str
    password: str = field(repr=False)
    recipe_id: int


@immutable
class KnownPerson:
    """The data of an invented person that a sign-in needs."""

    recipe: KeptRecipe
    password_digest: bytes = field(repr=False)


def password_digest(password: str) -> bytes:
    """Return the stored digest of a random password."""
    return hashlib.sha256(password.encode("utf-8", "surrogatepass")).digest()


async def mix(connection: asyncpg.Connection) -> dict[int, int]:
    """Count the stored hashes of each recipe."""
    return {row["recipe_id"]: row["number"] for row in await connection.fetch(MIX)}


async def find(connection: asyncpg.Connection, login_key: str) -> KnownPerson | None:
    """Return an unexpired person; None if there is none."""
    row = await connection.fetchrow(FIND, login_key)
    if row is None:
        return None
    recipe = KeptRecipe(
        row["id"],
        row["format"],
        json.loads(row["parameters"]),
        row["cost"],
        json.loads(row["dummy_hash"]),
        row["hashes_loaded"],
    )
    return KnownPerson(recipe, row["password_digest"])


async def add(connection: asyncpg.Connection, people: Iterable[RehearsalPerson], life: timedelta) -> None:
    """Add people who expire after `life`."""
    rows = [(each.login_key, password_digest(each.password), each.recipe_id) for each in people]
    logins, digests, recipes = zip(*rows, strict=True)
    await connection.execute(ADD, logins, digests, recipes, life)


async def remove_all(connection: asyncpg.Connection) -> int:
    """Remove all people; return their number. The caller holds the lease of rehearsals."""
    return int((await connection.execute(REMOVE_ALL)).split()[-1])


async def remove_abandoned(connection: asyncpg.Connection) -> int:
    """Remove expired people, and all if no rehearsal runs; return their number."""
    return int((await connection.execute(REMOVE_ABANDONED)).split()[-1])


async def record_verified(
    connection: asyncpg.Connection, login_key: str, code: str, event_id: str | None, request_id: str | None
) -> None:
    """Record a right password in one statement, like that of an account."""
    await connection.execute(RECORD_VERIFIED, login_key, code, event_id, request_id)


async def record_refused(connection: asyncpg.Connection, login_key: str) -> None:
    """Record a wrong password in one statement, like that of an account."""
    await connection.execute(RECORD_REFUSED, login_key)
