"""Loads texts as if they were files, and reads the store afterwards."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from service.loading.files.open import open_export, open_rejects
from service.loading.hashes import HashResolver
from service.loading.load import Load, Totals
from service.loading.rows import Decisions, naming
from service.loading.sources import Source
from service.loading.staging import loading_session
from service.settings import ForgetWhen
from service.store.attributes import BASE_PROFILE
from service.store.encryption import NO_KEYS, HashKeys

BCRYPT = "$2b$04$abcdefghijklmnopqrstuuOnA5Ur8fKuy3VTcScDQ2vqfKBcEnQpK"
OTHER_BCRYPT = "$2b$04$zbcdefghijklmnopqrstuuOnA5Ur8fKuy3VTcScDQ2vqfKBcEnQpK"
ATTRIBUTES = frozenset(
    {
        "note",
        "age",
        "roles",
        "Department",
        "cn",
        "description",
        "nick",
        "gone",
        "phone",
        "a",
        "x",
        "attribute",
        "deep",
        "is_staff",
    }
)
"""Attributes of the tests' exports besides Okta's base profile."""
SEALING = bytes(range(32))
"""A key that encrypts hashes."""


@dataclass
class Loader:
    """Loads into one database."""

    url: str
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    keys: HashKeys = NO_KEYS

    @property
    def rejects(self) -> Path:
        return self.folder / "rejects"

    async def load(
        self,
        content: str | bytes,
        source: Source | str = "legacy",
        *,
        name: str = "export.csv",
        charset: str = "utf-8",
        dry_run: bool = False,
        forget_when: ForgetWhen = ForgetWhen.SUCCESS,
        mapping: dict[str, str] | None = None,
        attributes: frozenset[str] = ATTRIBUTES,
    ) -> Totals:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        reader = open_export(path, charset=charset, rename=naming(mapping or {}))
        chosen = Source(source) if isinstance(source, str) else source
        rejects = open_rejects(self.rejects, reader)
        try:
            async with loading_session(self.url) as connection:
                resolver = HashResolver(chosen, self.environment)
                load = Load(
                    connection, chosen, resolver, rejects, forget_when, dry_run, self.keys, consumed=reader.volume,
                    decisions=Decisions(frozenset(BASE_PROFILE) | attributes),
                )  # fmt: skip
                return await load.run(iter(reader), lambda _totals: None)
        finally:
            rejects.close()
            reader.close()

    def rejected(self) -> str:
        return self.rejects.read_text("utf-8", errors="surrogateescape")


def command(*arguments: str, url: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the command line as an operator does."""
    return subprocess.run(
        [sys.executable, "-m", "service", *arguments],
        env={**os.environ, "DATABASE_URL": url, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


async def contents(pool: asyncpg.Pool) -> list[dict[str, object]]:
    """Return all accounts with their hashes and identifiers, without what differs between loads."""
    rows = await pool.fetch("""
        SELECT login, login_key, okta_id, state, profile::text,
               ARRAY(SELECT identifier_key FROM identifiers WHERE account_id = account.id ORDER BY 1) AS identifiers,
               ARRAY(SELECT concat_ws('|', sources.name, format, parameters, encode(hash, 'escape'), key_id, salt,
                                      username)
                     FROM hashes JOIN sources ON sources.id = source_id JOIN recipes ON recipes.id = recipe_id
                     WHERE account_id = account.id ORDER BY 1) AS hashes
        FROM accounts AS account ORDER BY login_key
    """)
    return [dict(row) | {"profile": json.loads(row["profile"])} for row in rows]
