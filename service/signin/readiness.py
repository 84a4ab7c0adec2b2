"""Readiness of the service to return verdicts."""

from collections.abc import Sequence

from service.store import recipes
from service.store.database import DATABASE_UNAVAILABLE, Database
from service.store.hash_keys import keys_missing
from service.store.migrations import is_current
from service.stored_hashes import HashOpener


async def what_is_missing(database: Database, revisions: tuple[str, ...], opener: HashOpener) -> Sequence[str]:
    """Return what keeps the service from being ready, one message each; empty if it is ready."""
    try:
        async with database.connection() as connection:
            if not await is_current(connection, revisions):
                return ["the schema is older than this version needs: run `password-import migrate`"]
            missing = [] if await recipes.has_accounts(connection) else ["no account is loaded"]
            lacking = opener.without_pepper(await recipes.list_recipes(connection))
            used = await recipes.recipes_in_use(connection, [each for each, _ in lacking]) if lacking else frozenset()
            peppers = sorted({name for recipe_id, name in lacking if recipe_id in used})
            missing += await keys_missing(connection, opener.keys)
            return [*missing, *(f"the pepper {name} is not set, and stored hashes need it" for name in peppers)]
    except (*DATABASE_UNAVAILABLE, TimeoutError):
        return ["the database cannot be reached"]
