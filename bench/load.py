r"""How fast `load` is, as a ratio to psql's `\copy` of the same contents, and how much memory it takes.

    python -m bench.load [--rows 1000000] [--rounds 3] [--memory 100000,1000000]

Each round loads a CSV of bcrypt and salted SHA-1 hashes into an empty store through the command line, and then lets
psql copy the contents of its tables into empty copies of them, with the same indexes and checks (but without the
foreign keys, which `LIKE` omits). Both are seconds of the whole process; the server has no other work meanwhile.
"""

import argparse
import asyncio
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from pathlib import Path
from statistics import median

import asyncpg

from service.embedded_postgres import embedded_sync
from service.embedded_postgres.binaries import find_binaries
from service.store.migrations import upgrade

COLUMNS = {
    "accounts": "login, login_key, okta_id, state, profile, loaded_at, verified_at, forgotten_at, proof",
    "hashes": "account_id, source_id, recipe_id, armed, hash, salt, username, key_id",
    "identifiers": "account_id, identifier_key",
}
"""The copied columns: those that are not generated."""


def write_export(path: Path, rows: int) -> None:
    """Write an export like a legacy system's: login, hash (alternately bcrypt and salted SHA-1), three attributes."""
    rng = random.Random(7)
    with path.open("w") as file:
        file.write("login,password_hash,firstName,lastName,email\n")
        for i in range(rows):
            name = f"user{rng.getrandbits(40):x}.{i}@example.com"
            file.write(f"{name},{_hash(rng, i)},First{i % 997},Last{i % 4999},{name}\n")


def _hash(rng: random.Random, number: int) -> str:
    if number % 2:
        return "{SSHA}" + b64encode(rng.randbytes(28)).decode()
    digits = b64encode(rng.randbytes(39)).decode().replace("+", ".")
    # The last digit of salt and of digest encodes only two bits.
    return f"$2b$10${digits[:21]}u{digits[21:51]}u"


def load(dsn: str, export: Path) -> tuple[float, int]:
    """Load it in a separate process; return the seconds, and the peak KiB of the process and its children."""
    command = [sys.executable, "-m", "service", "load", str(export), "--source", "bench"]
    started = time.perf_counter()
    process = subprocess.Popen(command, env={**os.environ, "DATABASE_URL": dsn}, stdout=subprocess.PIPE)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    assert os.waitstatus_to_exitcode(status) == 0, process.stdout and process.stdout.read()
    return seconds, usage.ru_maxrss


def copy(dsn: str, folder: Path) -> float:
    """Let psql copy the contents of the tables into empty copies; return the seconds of inserting them."""
    for table, columns in COLUMNS.items():
        _psql(dsn, f"CREATE TABLE copied_{table} (LIKE {table} INCLUDING ALL)")
        _psql(dsn, f"\\copy (SELECT {columns} FROM {table}) TO '{folder / table}'")  # noqa: S608 (constants)
    settle(dsn)
    started = time.perf_counter()
    for table, columns in COLUMNS.items():
        _psql(dsn, f"\\copy copied_{table} ({columns}) FROM '{folder / table}'")
    return time.perf_counter() - started


def settle(dsn: str) -> None:
    """Let the server do its background work now, so that it does not run during the next measurement."""
    _psql(dsn, f"VACUUM ANALYZE {', '.join(COLUMNS)}")


def _psql(dsn: str, command: str) -> None:
    psql = find_binaries().folder / "psql"
    subprocess.run([str(psql), "-q", "-v", "ON_ERROR_STOP=1", "-d", dsn, "-c", command], check=True)


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def fresh(administrator: str, name: str) -> str:
    """Create an empty, migrated store under a new name: autovacuum may still be busy in the previous one."""
    name = f"{name}_{time.monotonic_ns()}"
    asyncio.run(_execute(administrator, f"CREATE DATABASE {name}"))
    dsn = administrator.replace("@/app?", f"@/{name}?")
    upgrade(dsn)
    return dsn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", default="", help="row counts whose peak memory is measured, with commas between")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, embedded_sync(Path(name) / "pg") as administrator:
        speed(administrator, Path(name), given.rows, given.rounds)
        for rows in (int(number) for number in given.memory.split(",") if number):
            memory(administrator, Path(name), rows)


def speed(administrator: str, folder: Path, rows: int, rounds: int) -> None:
    export = folder / "export.csv"
    write_export(export, rows)
    ratios = []
    for number in range(rounds):
        dsn = fresh(administrator, "bench")
        settle(dsn)
        loaded, peak = load(dsn, export)
        again, _ = load(dsn, export)
        copied = copy(dsn, folder)
        ratios.append(copied / loaded)
        print(
            f"round {number + 1}: {rows:,} rows: load {loaded:.1f} s, again {again:.1f} s, \\copy {copied:.1f} s, "
            f"ratio {ratios[-1]:.2f}, peak {peak / 1024:.0f} MiB",
            flush=True,
        )
    print(f"load / \\copy: {median(ratios):.2f} of its speed (wanted: 0.5)")


def memory(administrator: str, folder: Path, rows: int) -> None:
    export = folder / "memory.csv"
    write_export(export, rows)
    seconds, peak = load(fresh(administrator, "bench"), export)
    print(f"{rows:>12,} rows: peak {peak / 1024:.1f} MiB, {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
