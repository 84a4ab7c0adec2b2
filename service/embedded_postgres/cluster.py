"""Creation of a cluster, and running PostgreSQL's programs as the server's user.

`initdb` works in `data.new`, which is renamed once it is whole: after a crash at any point there is a whole cluster or
none.
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
"""The service's own environment holds secrets and could hold PGPORT and the like: none of it reaches the server."""

ROLES = """CREATE ROLE app LOGIN CREATEDB CREATEROLE
UPDATE pg_authid SET rolpassword = (SELECT rolpassword FROM pg_authid WHERE rolname = 'postgres') WHERE rolname = 'app'
CREATE DATABASE app OWNER app
"""
"""`app` is no superuser: it can't read or write files as the server's user. Its verifier is copied, so that no
statement holds the password."""

BECOME = """import os, sys
os.setgroups([])
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[1]))
os.execv(sys.argv[3], sys.argv[3:])"""
"""Root becomes the server's user in a new process: among threads, code between fork and exec is unsafe."""


def find_binaries_for(home: Home) -> Binaries:
    """Return the programs for the cluster, of its own major version, or the best for a new one. Raises `NoPostgres`."""
    version = home.data / "PG_VERSION"
    return find_binaries(int(version.read_text()) if version.exists() else None)


def make_cluster(home: Home, binaries: Binaries, start_lock: int, *, durable: bool) -> None:
    """Make the cluster and its role and database `app`, synced to disk where durable. Raises `PostgresDidNotStart`."""
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
    """Return what to put before a command so that it runs as the server's user; nothing unless we are root.

    Where that user may not enter the folders above (a checkout in /root), it is given the capability to read any file,
    rather than the folders being opened to everyone. Raises `PostgresDidNotStart` where that cannot be done.
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
    """Return the least capability that root has here by which every folder can be entered: containers withhold some."""
    status = Path("/proc/self/status")
    permitted = re.search(r"CapPrm:\s*(\w+)", status.read_text()) if status.exists() else None
    bits = int(permitted[1], 16) if permitted else 0
    return next((name for bit, name in ((2, "dac_read_search"), (1, "dac_override")) if bits >> bit & 1), None)


def _run(home: Home, command: list[str], script: str, start_lock: int) -> None:
    """Run a program to its end. It holds the start lock even if we are killed: nobody may begin anew beside it."""
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
