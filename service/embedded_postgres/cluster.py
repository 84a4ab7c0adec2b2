"""Creation of a cluster, and execution of PostgreSQL's programs as the server's user.

`initdb` works in `data.new`, which is renamed when it is complete: after a crash at any point there is either a
complete cluster or none.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from service.embedded_postgres.binaries import Binaries, find_binaries
from service.embedded_postgres.home import Home, PostgresDidNotStart

ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}
"""The service's own environment contains secrets and may contain PGPORT and similar; the server gets none of it."""

ROLES = """CREATE ROLE app LOGIN CREATEDB CREATEROLE
UPDATE pg_authid SET rolpassword = (SELECT rolpassword FROM pg_authid WHERE rolname = 'postgres') WHERE rolname = 'app'
CREATE DATABASE app OWNER app
"""
"""`app` is not a superuser: it cannot read or write files as the server's user. Its verifier is copied, so that no
statement contains the password."""

BECOME = """import os, sys
os.setgroups([])
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[1]))
os.execv(sys.argv[3], sys.argv[3:])"""
"""Root becomes the server's user in a new process: in a threaded process, code between fork and exec is unsafe."""


def find_binaries_for(home: Home) -> Binaries:
    """Return the programs of the cluster's own major version, or the best for a new one. Raises `NoPostgres`."""
    version = home.data / "PG_VERSION"
    return find_binaries(int(version.read_text()) if version.exists() else None)


def make_cluster(home: Home, binaries: Binaries, start_lock: int, *, durable: bool) -> None:
    """Create the cluster, its role and database `app`; sync to disk if `durable`. Raises `PostgresDidNotStart`."""
    new = home.path / "data.new"
    shutil.rmtree(new, ignore_errors=True)
    options = ["--username=postgres", f"--pwfile={home.make_password()}", "--auth=scram-sha-256"]
    options += ["--encoding=UTF8", "--locale=C", "--data-checksums", *([] if durable else ["--no-sync"])]
    _run(home, [str(binaries.folder / "initdb"), f"--pgdata={new}", *options], "", start_lock)
    single = ["--single", "-D", str(new), "-c", "log_timezone=UTC", "postgres"]
    _run(home, [str(binaries.folder / "postgres"), *single], ROLES, start_lock)
    new.rename(home.data)
    _sync(home.path)


def as_owner(home: Home, program: str) -> list[str]:
    """Return the prefix of a command that runs it as the server's user; empty unless we are root.

    If that user cannot enter the parent folders (a checkout in /root), the process gets the capability to read any
    file, so that the folders need not be opened to everyone. Raises `PostgresDidNotStart` if that is impossible.
    """
    if os.geteuid() != 0:
        return []
    user, group = home.owner
    if _may_enter(home.path, user, group) and _may_enter(Path(program), user, group):
        return [sys.executable, "-I", "-S", "-c", BECOME, str(user), str(group)]
    setpriv, capability = shutil.which("setpriv"), _capability_to_read()
    if setpriv is None or capability is None:
        raise PostgresDidNotStart(
            f"user {user}, whom the server runs as, may not enter {home.path} or {Path(program).parent}: set DATA_DIR "
            "and EMBEDDED_PG_BIN to folders that every user may enter, or run as another user than root"
        )
    capabilities = [f"--inh-caps=-all,+{capability}", f"--ambient-caps=-all,+{capability}"]
    return [setpriv, f"--reuid={user}", f"--regid={group}", "--clear-groups", *capabilities, "--"]


def _may_enter(path: Path, user: int, group: int) -> bool:
    test = ["/bin/sh", "-c", 'test -x "$0"', str(path)]
    return subprocess.run(test, user=user, group=group, extra_groups=[], cwd="/", check=False).returncode == 0


def _capability_to_read() -> str | None:
    """Return root's weakest capability here that allows entering every folder: containers withhold some."""
    status = Path("/proc/self/status")
    permitted = re.search(r"CapPrm:\s*(\w+)", status.read_text()) if status.exists() else None
    bits = int(permitted[1], 16) if permitted else 0
    return next((name for bit, name in ((2, "dac_read_search"), (1, "dac_override")) if bits >> bit & 1), None)


def _run(home: Home, command: list[str], script: str, start_lock: int) -> None:
    """Run a program to its end. It inherits the start lock, so that no other process starts if this one is killed."""
    done = subprocess.run(
        [*as_owner(home, command[0]), *command],
        cwd=home.path,
        env=ENVIRONMENT,
        pass_fds=(start_lock,),
        input=script,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode or "FATAL:" in done.stdout or "ERROR:" in done.stdout:
        raise PostgresDidNotStart(f"{Path(command[0]).name} failed:\n{done.stdout[-2000:]}")


def _sync(folder: Path) -> None:
    """Make a rename in the folder survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
