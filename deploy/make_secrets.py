"""The secrets of docker-compose.yml: created once in a separate volume, and copied to the volume of each container.

A value from the environment (from `.env`) is used as given; a missing one is random, and kept from then on.
"""

import base64
import json
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

SERVICE_UID = 10001
"""The user of the Dockerfile."""
DATABASE_UID = 0
"""PostgreSQL's image reads its password as root, before it changes to another user."""
OWNER = "password_import"
"""The role that owns the tables."""
ROLES = {"service": "import_serve", "operator": "import_ops"}
"""The database users by the container that connects as them; docs/database-roles.md states their privileges."""


def write(path: Path, text: str, *, owner: int) -> None:
    """Write `text` to `path` atomically, readable only by `owner`."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        os.fsync(descriptor)
    os.chown(draft, owner, owner)
    draft.replace(path)


def database_password(folder: Path, given: str) -> str:
    """Return the password with which the database was or will be created. Exits if another one is given later."""
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
    """Exit if libpq and asyncpg would read different passwords from a password file (PostgreSQL manual, 32.16).

    libpq unescapes backslashes in the last field and asyncpg does not; both accept unescaped colons in it.
    """
    if "\\" in password or password != password.strip() or not password.isprintable():
        sys.exit("POSTGRES_PASSWORD must be printable, without a backslash and without space around it")


def kept(folder: Path, name: str, made: str, given: str = "") -> str:
    """Return the given value, or else that of the file, or else `made`; store it in the file."""
    path = folder / name
    if not given and path.exists():
        return path.read_text(encoding="utf-8")
    write(path, given or made, owner=DATABASE_UID)
    return given or made


def fill(folder: Path, parts: Path, given: Mapping[str, str]) -> None:
    """Create missing secrets, store given ones, and copy to each container what it needs.

    `folder` contains all of them and is mounted nowhere else; `parts` has a folder for each container.
    """
    for name in ("HOOK_SECRETS", "EVENT_HOOK_SECRETS"):
        if given.get(name):
            first_of(name, given[name])
    folder.chmod(0o700)
    password = database_password(folder, given.get("POSTGRES_PASSWORD", ""))
    random = json.dumps([secrets.token_urlsafe(32)]), json.dumps([secrets.token_urlsafe(32)])
    hooks = kept(folder, "hook_secrets.json", random[0], given.get("HOOK_SECRETS", ""))
    events = kept(folder, "event_hook_secrets.json", random[1], given.get("EVENT_HOOK_SECRETS", ""))
    key = base64.b64encode(secrets.token_bytes(32)).decode("ascii")
    keys = kept(folder, "hash_keys.json", json.dumps({"first": key}))
    passwords = {each: kept(folder, f"{each}_password", secrets.token_urlsafe(32)) for each in ROLES}
    # The first secret alone: for the org, and for the simulator.
    plain = {
        "hook_secret": first_of("HOOK_SECRETS", hooks),
        "event_hook_secret": first_of("EVENT_HOOK_SECRETS", events),
    }
    lists = {"hook_secrets.json": hooks, "event_hook_secrets.json": events, "hash_keys.json": keys}
    copy(parts / "postgres", {"postgres_password": password}, owner=DATABASE_UID)
    owned = {f"{each}_password": value for each, value in passwords.items()}
    copy(parts / "owner", {"pgpass": pgpass(OWNER, password), **owned})
    for each, user in ROLES.items():
        copy(parts / each, {"pgpass": pgpass(user, passwords[each]), **lists, **plain})
    token = kept(folder, "simulator_token", secrets.token_urlsafe(32))
    copy(parts / "simulator", {**plain, "simulator_token": token})
    operator = {"pgpass": pgpass(ROLES["operator"], passwords["operator"]), **lists, **plain}
    copy(parts / "rehearsal", {**operator, "simulator_token": token})


def copy(part: Path, files: Mapping[str, str], *, owner: int = SERVICE_UID) -> None:
    """Write the files of one container."""
    part.mkdir(exist_ok=True)
    part.chmod(0o755)
    for name, text in files.items():
        write(part / name, text, owner=owner)


def pgpass(user: str, password: str) -> str:
    """Write a password file. Like libpq, asyncpg ignores one that other users can read."""
    return f"*:*:*:{user}:{password}\n"


def first_of(name: str, listed: str) -> str:
    """Return the first of a JSON list of strings. Exits if the text is not such a list."""
    try:
        found = json.loads(listed)
    except ValueError:
        found = None
    if not (isinstance(found, list) and found and all(isinstance(each, str) for each in found)):
        sys.exit(f'{name} must be a JSON list of strings, for instance ["one", "two"]')
    return str(found[0])


if __name__ == "__main__":
    fill(Path(sys.argv[1]), Path(sys.argv[2]), os.environ)
    sys.stderr.write(
        "The secrets are in the volumes. The keys of the hashes are in hash_keys.json of the volume secrets: "
        "back it up, as docs/encryption.md says. Without it no stored hash can be read.\n"
    )
