"""Schema migrations, and the revision of a schema."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    from alembic.config import Config

ROOT = Path(__file__).resolve().parents[2]
INSTALLED = Path(__file__).with_name("alembic")
"""The migrations' place in a wheel; in a checkout they are in `migrations/`."""

CURRENT = "SELECT version_num FROM alembic_version"

_REVISION = re.compile(r'^revision = "(\w+)"$.*?^down_revision = (?:"(\w+)"|None)$', re.MULTILINE | re.DOTALL)


def _scripts() -> Path:
    return INSTALLED if INSTALLED.is_dir() else ROOT / "migrations"


def alembic_config(dsn: str | None = None, on_step: Callable[[str], None] | None = None) -> "Config":
    """Return Alembic's configuration; with `dsn`, for that database instead of the one in the settings.

    `on_step` is called with each revision after its migration ran.
    """
    from alembic.config import Config  # noqa: PLC0415 (0.4 s, which every command would pay)

    config = Config()
    config.set_main_option("script_location", str(_scripts()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    if dsn is not None:
        config.attributes["dsn"] = dsn
    config.attributes["on_step"] = on_step
    return config


def upgrade(dsn: str, on_step: Callable[[str], None] | None = None) -> None:
    """Run every missing migration. Blocks, and runs its own event loop, so it must be called in a thread.

    Raises the errors of asyncpg; the schema is then unchanged.
    """
    from alembic import command  # noqa: PLC0415 (as above)
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415 (as above)

    try:
        command.upgrade(alembic_config(dsn, on_step), "head")
    except DBAPIError as error:
        # The error of asyncpg, which the callers handle; SQLAlchemy wraps it twice.
        cause = error.orig.__cause__ if error.orig is not None else None
        raise cause or error from None


def known_revisions() -> tuple[str, ...]:
    """Return the revisions of this code, the newest first.

    They are read from the scripts' text: Alembic would import each script, and SQLAlchemy.
    """
    found = [_REVISION.search(script.read_text(encoding="utf-8")) for script in _scripts().glob("versions/*.py")]
    after: dict[str | None, str] = {match[2]: match[1] for match in found if match}
    revisions, revision = list[str](), after.get(None)
    while revision is not None:
        revisions.insert(0, revision)
        revision = after.get(revision)
    return tuple(revisions)


async def schema_revision(connection: asyncpg.Connection) -> str | None:
    """Return the revision of the schema; None if there is none."""
    try:
        revision: str | None = await connection.fetchval(CURRENT)
    except asyncpg.UndefinedTableError:
        return None
    return revision


async def is_current(connection: asyncpg.Connection, known: tuple[str, ...]) -> bool:
    """Return whether the schema is at this code's newest revision, or at a later, unknown one."""
    version = await schema_revision(connection)
    return version is not None and (version == known[0] or version not in known)
