"""The folder of the embedded server under DATA_DIR: its contents, owner and locks.

Everything in it belongs to the user that the server runs as. PostgreSQL refuses to run as root, so root changes the
owner to another user: the owner of DATA_DIR, or else `postgres`, or else `nobody`.
"""

import contextlib
import fcntl
import os
import pwd
import secrets
from collections.abc import Iterator
from pathlib import Path

from service.immutable import immutable


class PostgresDidNotStart(Exception):
    """The embedded PostgreSQL could not be started."""


@immutable
class Home:
    """`DATA_DIR/postgres`."""

    path: Path

    @property
    def data(self) -> Path:
        """The cluster: complete or absent."""
        return self.path / "data"

    @property
    def log(self) -> Path:
        """The log of the server since its last start."""
        return self.path / "server.log"

    @property
    def owner(self) -> tuple[int, int]:
        """The user and group of the server."""
        status = self.path.stat()
        return status.st_uid, status.st_gid

    @contextlib.contextmanager
    def opened(self, name: str, flags: int = os.O_RDWR) -> Iterator[int]:
        """Open or create a file of the folder (mode 0600, its owner). Fails for (possibly hostile) symbolic links."""
        path, new = self.path / name, flags | os.O_CREAT | os.O_EXCL
        try:
            descriptor = os.open(path, new | os.O_NOFOLLOW, 0o600)
            if os.geteuid() == 0:
                os.fchown(descriptor, *self.owner)
        except FileExistsError:
            descriptor = os.open(path, flags | os.O_NOFOLLOW)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def locked(self, name: str, how: int) -> Iterator[int]:
        """Hold a lock on a file of the folder. The kernel releases it when the process ends: no lock is stale."""
        with self.opened(name) as descriptor:
            fcntl.flock(descriptor, how)
            yield descriptor

    def make_password(self) -> Path:
        """Write a new random password, for a cluster that is about to be created."""
        with self.opened("password", os.O_WRONLY | os.O_TRUNC) as descriptor:
            os.write(descriptor, secrets.token_urlsafe(24).encode())
            os.fsync(descriptor)
        return self.path / "password"

    def password(self) -> str:
        """Return the password of the database's roles."""
        return (self.path / "password").read_text()


def find_home(data_dir: Path) -> Home | None:
    """Return `DATA_DIR/postgres` where a cluster is in it, else None; makes nothing. Raises `PostgresDidNotStart`."""
    home = Home(data_dir.absolute() / "postgres")
    try:
        _require_owner(home.path)
        return home if home.data.exists() else None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(error, home.path) from None


def open_home(data_dir: Path) -> Home:
    """Create `DATA_DIR/postgres` if it is missing. Raises `PostgresDidNotStart` if that can't be done or used."""
    path = data_dir.absolute() / "postgres"
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        if os.geteuid() == 0 and path.stat().st_uid == 0:
            os.chown(path, *_server_user(data_dir))
        _require_owner(path)
    except OSError as error:
        raise _unusable(error, path) from None
    return Home(path)


def _require_owner(path: Path) -> None:
    owner = path.stat().st_uid
    if os.geteuid() not in (0, owner):
        raise PostgresDidNotStart(
            f"{path} belongs to user {owner}: run as that user or as root, or set DATA_DIR to another folder"
        )


def _unusable(error: OSError, path: Path) -> PostgresDidNotStart:
    where = error.filename or path
    return PostgresDidNotStart(f"DATA_DIR: {where}: {error.strerror}: set DATA_DIR to a folder that you may write to")


def _server_user(data_dir: Path) -> tuple[int, int]:
    status = data_dir.stat()
    if status.st_uid:
        return status.st_uid, status.st_gid
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            return user.pw_uid, user.pw_gid
    raise PostgresDidNotStart(
        "PostgreSQL does not run as root, and this machine has neither a user postgres nor a user nobody"
    )
