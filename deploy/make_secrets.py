"""Fills the volume of secrets once, for docker-compose.yml.

A value given in the environment (from `.env`) is written; what is not given is random, and kept ever after.
"""

import json
import os
import secrets
import sys
from pathlib import Path

SERVICE_UID = 10001
"""The user of the Dockerfile."""
DATABASE_UID = 0
"""PostgreSQL's image reads its password as root, before it becomes another user."""


def write(path: Path, text: str, *, owner: int) -> None:
    """Put `text` at `path`, whole or not at all, readable only by `owner`."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        os.fsync(descriptor)
    os.chown(draft, owner, owner)
    draft.replace(path)


def database_password(folder: Path, given: str) -> str:
    """Give the password that the database was or will be made with. Exits where another one is given later."""
    path = folder / "postgres_password"
    kept = path.read_text(encoding="utf-8") if path.exists() else ""
    if kept and given and given != kept:
        sys.exit(
            "POSTGRES_PASSWORD differs from the one that the database was made with: "
            f"change it there first (ALTER ROLE), then remove {path}"
        )
    password = kept or given or secrets.token_urlsafe(32)
    check_password(password)
    if not kept:
        write(path, password, owner=DATABASE_UID)
    return password


def check_password(password: str) -> None:
    """Exit where the readers of a password file (PostgreSQL manual, 32.16) would not agree on the password.

    libpq undoes backslashes in the last field and asyncpg doesn't; both take its colons as they are.
    """
    if "\\" in password or password != password.strip() or not password.isprintable():
        sys.exit("POSTGRES_PASSWORD must be printable, without a backslash and without space around it")


def fill(folder: Path, given_password: str, given_hook_secrets: str) -> None:
    """Make every file that is missing, and those whose value is given."""
    if given_hook_secrets:
        first_of(given_hook_secrets)
    folder.chmod(0o755)
    password = database_password(folder, given_password)
    # asyncpg, like libpq, ignores a password file that anyone but its owner may read.
    write(folder / "pgpass", f"*:*:*:*:{password}\n", owner=SERVICE_UID)
    accepted = hook_secrets(folder, given_hook_secrets)
    # The first of them by itself: what the org is given, and the simulator uses.
    write(folder / "hook_secret", first_of(accepted), owner=SERVICE_UID)
    token = folder / "simulator_token"
    if not token.exists():
        write(token, secrets.token_urlsafe(32), owner=SERVICE_UID)


def hook_secrets(folder: Path, given: str) -> str:
    """Give the JSON list of the secrets that the service accepts: the given ones, those it has, or a random one."""
    path = folder / "hook_secrets.json"
    if not given and path.exists():
        return path.read_text(encoding="utf-8")
    accepted = given or json.dumps([secrets.token_urlsafe(32)])
    write(path, accepted, owner=SERVICE_UID)
    return accepted


def first_of(hook_secrets: str) -> str:
    """Give the first of a JSON list of strings. Exits where it is none."""
    try:
        listed = json.loads(hook_secrets)
    except ValueError:
        listed = None
    if not (isinstance(listed, list) and listed and all(isinstance(each, str) for each in listed)):
        sys.exit('HOOK_SECRETS must be a JSON list of strings, for instance ["one", "two"]')
    return str(listed[0])


if __name__ == "__main__":
    fill(Path(sys.argv[1]), os.environ.get("POSTGRES_PASSWORD", ""), os.environ.get("HOOK_SECRETS", ""))
    sys.stderr.write("the secrets are in the volume\n")
