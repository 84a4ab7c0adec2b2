"""The database roles of docker-compose.yml: `roles.sql`, and one user each for the service and the commands.

Runs after each `migrate`, as the owner of the tables; it can be repeated.
"""

import asyncio
import os
import sys
from pathlib import Path

import asyncpg

SCRIPT = Path(__file__).with_name("roles.sql")
USERS = {
    "service": ("import_serve", "password_import_service"),
    "operator": ("import_ops", "password_import_operator"),
}
"""By the name of the password file: the user, and its role."""

EXISTS = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)"

STATEMENT = "SELECT format($1, $2::text, $3::text)"
"""PostgreSQL quotes names and passwords itself: a statement that creates a user takes no parameters."""


async def make_roles(dsn: str, folder: Path) -> None:
    """Create or update the roles, with the passwords in `folder`."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(SCRIPT.read_text(encoding="utf-8"))
        for name, (user, role) in USERS.items():
            password = (folder / f"{name}_password").read_text(encoding="utf-8")
            verb = "ALTER" if await connection.fetchval(EXISTS, user) else "CREATE"
            await connection.execute(
                await connection.fetchval(STATEMENT, f"{verb} ROLE %I LOGIN PASSWORD %L", user, password)
            )
            await connection.execute(await connection.fetchval(STATEMENT, "GRANT %I TO %I", role, user))
    finally:
        await connection.close()


if __name__ == "__main__":
    asyncio.run(make_roles(os.environ["DATABASE_URL"], Path(sys.argv[1])))
    sys.stderr.write("the roles are made\n")
