"""Schema migrations, and the revision of a schema."""

from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

ROOT = Path(__file__).resolve().parents[2]
INSTALLED = Path(__file__).with_name("alembic")
"""The migrations' place in a wheel; in a checkout they are in `migrations/`."""

CURRENT = "SELECT version_num FROM alembic_version"


def alembic_config(dsn: str | None = None) -> Config:
    """Return Alembic's configuration; with `dsn`, for that database instead of the one in the settings."""
    config = Config()
    scripts = INSTALLED if INSTALLED.is_dir() else ROOT / "migrations"
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    if dsn is not None:
        config.attributes["dsn"] = dsn
    return config


def upgrade(dsn: str) -> None:
    """Run every missing migration. Blocks, and runs an event loop of its own: call it from a thread."""
    command.upgrade(alembic_config(dsn), "head")


def known_revisions() -> tuple[str, ...]:
    """Return the revisions of this code, the newest first."""
    return tuple(script.revision for script in ScriptDirectory.from_config(alembic_config()).walk_revisions())


async def schema_revision(connection: asyncpg.Connection) -> str | None:
    """Return the revision of the schema; None if there is none."""
    try:
        revision: str | None = await connection.fetchval(CURRENT)
    except asyncpg.UndefinedTableError:
        return None
    return revision


async def is_current(connection: asyncpg.Connection, known: tuple[str, ...]) -> bool:
    """Return whether the schema is at this code's newest revision, or at a later one that it does not know."""
    version = await schema_revision(connection)
    return version is not None and (version == known[0] or version not in known)
