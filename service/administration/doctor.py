"""Findings of `doctor`, and the checks of this machine: settings, secret files, disk, cores, copies of keys.

Checks only read. A check that cannot be made results in `unknown`, never in `ok`.
"""

import enum
import os
import shutil
import ssl
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from cryptography import x509

from service.immutable import immutable
from service.okta.hooks import HookKind
from service.settings import (
    ENV_FILE,
    BadSettings,
    Settings,
    is_readable_by_all,
    parse_hash_keys,
    require_authentication,
    require_unwritable,
)
from service.store.database import Database


class Status(enum.StrEnum):
    """The result of a finding, in increasing order of severity."""

    OK = "ok"
    UNKNOWN = "unknown"
    WARNING = "warning"
    FAILURE = "failure"


class Area(enum.StrEnum):
    """The areas that are examined."""

    SETTINGS = "settings"
    SECRET_FILES = "secret files"  # noqa: S105 (the name of an area)
    DATABASE = "database"
    ROLE = "role"
    SCHEMA = "schema"
    CLOCK = "clock"
    DISK = "disk"
    KEYS = "keys"
    HASHES = "hashes"
    PEPPERS = "peppers"
    CORES = "cores"
    ATTRIBUTES = "attributes"
    NAMES = "names"
    TLS = "tls"
    OKTA = "okta"
    RATE_LIMITS = "rate limits"
    HOOKS = "hooks"
    RECONCILE = "reconcile"


@immutable
class Finding:
    """One line of the result. Names settings, keys, roles and counts, but no person and no secret."""

    area: Area
    status: Status
    message: str
    fix: str | None = None


def sentence(text: str) -> str:
    """Format the message of another component as a sentence."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def ok(area: Area, message: str) -> Finding:
    """Return a finding that needs no action."""
    return Finding(area, Status.OK, message)


def unknown(area: Area, message: str, fix: str) -> Finding:
    """Return a finding that cannot be determined here, with a way to determine it."""
    return Finding(area, Status.UNKNOWN, message, fix)


def warning(area: Area, message: str, fix: str) -> Finding:
    """Return a finding that should be corrected, although people can sign in."""
    return Finding(area, Status.WARNING, message, fix)


def failure(area: Area, message: str, fix: str) -> Finding:
    """Return a finding because of which people cannot sign in or hashes are at risk, now or soon."""
    return Finding(area, Status.FAILURE, message, fix)


class RecipeCost(Protocol):
    """One way of checking hashes, measured on this machine."""

    @property
    def format(self) -> str:
        """The format of the hashes."""
        ...

    @property
    def hashes(self) -> int:
        """Return the number of stored hashes of this kind."""
        ...

    @property
    def milliseconds(self) -> float | None:
        """Return the duration of one check; None if it was not measured."""
        ...

    @property
    def fault(self) -> str | None:
        """The reason why such hashes cannot be checked."""
        ...


@immutable
class HashCosts:
    """The cost of checking the stored hashes on this machine."""

    cores: int
    """Cores that this process may use."""
    recipes: Sequence[RecipeCost]
    """The recipes of the stored hashes, each measured separately."""
    sign_ins_per_second: float | None
    """Sign-ins per second that all cores can verify; None if nothing was measured."""


class ExaminedOrg(Protocol):
    """The calls of Okta's API that the checks make; all of them read. Each raises `OktaFault`."""

    clock_ahead: float | None

    @property
    def host(self) -> str:
        """The org's host name."""
        ...

    def list_users(self) -> AsyncIterator[Sequence[object]]:
        """List users page by page."""
        ...

    async def find_group(self, name: str) -> str | None:
        """Find a group by its name."""
        ...

    async def user_schema(self) -> object:
        """Read the user schema."""
        ...

    async def list_hooks(self, kind: HookKind) -> Sequence[object]:
        """List the org's hooks of one kind."""
        ...

    async def log_page(self, query: Mapping[str, str]) -> object:
        """Read a page of the System Log."""
        ...

    def rate_limits(self) -> Mapping[str, tuple[int, int]]:
        """Return the limit of each kind of call made so far, and what remains of it."""
        ...


def free_space(folder: Path) -> int:
    """Return the free bytes of a folder's file system. Raises `OSError`."""
    return shutil.disk_usage(folder).free


def system_authorities() -> frozenset[bytes]:
    """Return the subjects of the certificate authorities that this machine trusts, DER-encoded."""
    certificates = ssl.create_default_context().get_ca_certs(binary_form=True)
    subjects = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cryptography warns about old root certificates that RFC 5280 does not allow
        for each in certificates:
            with suppress(ValueError):
                subjects.add(x509.load_der_x509_certificate(each).subject.public_bytes())
    return frozenset(subjects)


async def _nothing() -> HashCosts | None:
    return None


@immutable
class Surroundings:
    """The environment to examine. The command fills it in; tests inject faults here."""

    settings: Settings
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    database: Database | None = None
    no_database: Finding | None = None
    """Why there is no database."""
    org: ExaminedOrg | None = None
    no_org: Sequence[Finding] = ()
    """Why there is no org."""
    base_url: str | None = None
    """The service's registered public address."""
    check_hooks: Callable[[], Awaitable[Sequence[Finding]]] | None = None
    measure_costs: Callable[[], Awaitable[HashCosts | None]] = _nothing
    peak: float | None = None
    """Expected maximum of sign-ins per second; None to estimate it as docs/capacity.md does."""
    key_backup: Path | None = None
    free_space: Callable[[Path], int] = free_space
    authorities: Callable[[], frozenset[bytes]] = system_authorities
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


# Settings, and files that contain secrets.


def check_settings(around: Surroundings) -> Iterator[Finding]:
    """Check that the settings are consistent: authentication, open ports, plain HTTP."""
    settings, area = around.settings, Area.SETTINGS
    try:
        require_authentication(settings)
    except BadSettings as bad:
        yield from (failure(area, sentence(each), CORRECT) for each in str(bad).splitlines())
    else:
        yield ok(area, "The settings are valid, and Okta's calls are authenticated.")
        yield from _event_secrets(settings)
    if settings.allow_insecure_http:
        yield warning(
            area,
            "ALLOW_INSECURE_HTTP is set: tokens and secrets may travel unencrypted.",
            "unset it; it is for rehearsals against the simulator",
        )
    if settings.admin_host not in LOOPBACK:
        yield warning(
            area,
            f"The admin port listens on {settings.admin_host}, and anybody may read /metrics and /status.json there.",
            "let only Prometheus and operators reach the port, as docker-compose.yml does, or set ADMIN_HOST=127.0.0.1",
        )


def _event_secrets(settings: Settings) -> Iterator[Finding]:
    if not settings.has_event_secrets():
        yield warning(
            Area.SETTINGS,
            "The secrets of the inline hooks are also accepted by /okta/events, the route that deletes hashes.",
            "set EVENT_HOOK_SECRETS or EVENT_HOOK_SECRETS_FILE, then run `password-import hooks register URL`",
        )


CORRECT = "correct the setting (docs/settings.md)"
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def check_secret_files(around: Surroundings) -> Iterator[Finding]:
    """Check who can read and write the files that contain secrets."""
    files = dict(around.settings.secret_files())
    if Path(ENV_FILE).exists():
        files[ENV_FILE] = Path(ENV_FILE)
    if (key := _okta_key_file(around.settings)) is not None:
        files["OKTA_CLIENT_PRIVATEKEY"] = key
    faults = [fault for name, file in files.items() if (fault := _file_fault(name, file)) is not None]
    yield from faults
    if not faults:
        named = f"Secret files are private: {', '.join(files)}." if files else "No secret is stored in a file."
        yield ok(Area.SECRET_FILES, named)


def _file_fault(name: str, file: Path) -> Finding | None:
    try:
        require_unwritable(name, file)
    except BadSettings as bad:
        return failure(Area.SECRET_FILES, f"{bad} ({file})", "correct the file's owner, mode or path, then restart")
    if not os.access(file, os.R_OK):
        return failure(
            Area.SECRET_FILES, f"{name}: {file} can't be read.", "give it to the service's user: chown, chmod 0400"
        )
    if is_readable_by_all(file):
        where = f"{name}: every" if name != str(file) else "Every"
        return warning(Area.SECRET_FILES, f"{where} user of this machine can read {file}.", f"chmod o-r {file}")
    return None


def _okta_key_file(settings: Settings) -> Path | None:
    given = settings.okta_client_privatekey
    text = given.get_secret_value().strip() if given else ""
    if not text or "\n" in text or text.startswith(("{", "-----")):
        return None
    return Path(text) if len(text) < MAX_PATH and Path(text).is_file() else None


MAX_PATH = 4096

# The disk of the embedded server, or of a server on this machine.

LEAST_FREE = 256 * 2**20
"""Bytes: PostgreSQL stops if it cannot write its WAL, and a checkpoint may need some segments of 16 MiB."""
COMFORTABLE = 2**30


def is_folder(path: str) -> bool:
    """Return whether a folder named by the server exists on this machine."""
    return Path(path).is_dir()


def disk_finding(around: Surroundings, folder: Path, size: int) -> Finding:
    """Compare free space with the size of the database: a load or VACUUM FULL writes all hashes again."""
    try:
        free = around.free_space(folder)
    except OSError as error:
        return unknown(Area.DISK, f"The free space of {folder} is unknown: {error.strerror}.", "check it with df")
    said = f"{as_bytes(free)} are free in {folder}; the database has {as_bytes(size)}."
    if free < LEAST_FREE:
        return failure(Area.DISK, said, "free some space or enlarge the disk now: PostgreSQL stops when it is full")
    if free < max(COMFORTABLE, size):
        return warning(Area.DISK, said, "enlarge the disk: a load, or VACUUM FULL at the end, may need that much again")
    return ok(Area.DISK, said)


def as_bytes(number: float) -> str:
    """Format a number of bytes."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if number < 1024:  # noqa: PLR2004 (the next unit)
            return f"{number:,.0f} {unit}" if unit == "bytes" else f"{number:,.1f} {unit}"
        number /= 1024
    return f"{number:,.1f} TiB"


# Cores compared with the cost of the loaded hashes (docs/capacity.md).

FIRST_MORNING, BUSIEST_HOUR, BURST = 0.15, 0.2, 2.0
"""Share of the people who sign in on the first morning, share of these in the busiest hour; and its busiest minute."""
WRONG = 0.3
"""Wrong passwords for each correct one."""
USABLE = 0.9
"""The share of the cores' time that the service can spend on answers."""


async def check_cores(around: Surroundings) -> AsyncIterator[Finding]:
    """Compare the cores of this machine with what the stored hashes cost."""
    try:
        costs = await around.measure_costs()
    except BadSettings as bad:
        yield failure(Area.CORES, sentence(str(bad)), CORRECT)
        return
    if costs is None or not costs.recipes:
        yield unknown(Area.CORES, "No hash is stored, so there is no cost to measure.", "run `password-import load …`")
        return
    for recipe in costs.recipes:
        if recipe.fault is not None and not recipe.fault.startswith("MissingPepper"):
            yield failure(
                Area.CORES,
                f"Hashes of the format {recipe.format} that can't be checked: {recipe.hashes:,} ({recipe.fault}).",
                "reset these people's passwords in Okta; `password-import accounts list --format …` lists them",
            )
    slowest = max(costs.recipes, key=lambda each: each.milliseconds or 0.0)
    seconds, limit = (slowest.milliseconds or 0.0) / 1000, around.settings.request_timeout
    if seconds > limit:
        yield failure(
            Area.CORES,
            f"One check of {slowest.format} takes {seconds:.2g} s here, and a call is answered within {limit:g} s.",
            "use faster cores; or reset these people's passwords in Okta",
        )
    yield _cores_for_peak(around, costs)


def _cores_for_peak(around: Surroundings, costs: HashCosts) -> Finding:
    speed = costs.sign_ins_per_second
    if not speed:
        return unknown(Area.CORES, "No check could be measured here.", "see the findings on peppers and keys")
    hashes = sum(each.hashes for each in costs.recipes)
    peak = around.peak or hashes * FIRST_MORNING * BUSIEST_HOUR / 3600 * BURST
    needed = peak * (costs.cores / speed) * (1 + WRONG) / USABLE
    source = "--peak" if around.peak else "estimated for the first morning as in docs/capacity.md"
    said = (
        f"{costs.cores} cores here verify {speed:,.0f} sign-ins/s; {peak:,.1f}/s ({source}) need {needed:,.1f} cores, "
        "wrong passwords included."
    )
    if needed <= costs.cores:
        return ok(Area.CORES, said)
    fix = "add cores or replicas, then run `password-import rehearse URL` (run doctor where the service runs)"
    return failure(Area.CORES, said, fix) if around.peak else warning(Area.CORES, said, fix)


# Backup of the keys: without one, the loss of the disk makes the stored hashes useless.


def check_key_backup(around: Surroundings, needed: Sequence[str], held: Mapping[str, bytes]) -> Iterator[Finding]:
    """Compare a backup of HASH_KEYS with the configured keys; `needed` are the keys that stored hashes need."""
    file, area = around.key_backup, Area.KEYS
    if file is None:
        yield unknown(
            area,
            f"Whether {_listed(needed)} has a backup is unknown here; if the key is lost, so are the hashes.",
            "restore the backup to a file and run `password-import doctor --key-backup FILE`",
        )
        return
    try:
        copied = parse_hash_keys("the backup", file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, BadSettings) as error:
        why = str(error) if isinstance(error, BadSettings) else f"{file} can't be read"
        yield failure(area, f"The backup of the keys is unusable: {why}.", "make a new backup of HASH_KEYS")
        return
    if lacking := [key for key in needed if key not in copied]:
        yield failure(area, f"The backup lacks {_listed(lacking)}, which stored hashes need.", "copy HASH_KEYS again")
    elif other := [key for key in needed if key in held and held[key] != copied[key]]:
        yield failure(area, f"The backup has a different value for {_listed(other)}.", "copy HASH_KEYS again")
    else:
        yield ok(area, f"The backup contains {_listed(needed)}, with the same value as HASH_KEYS.")
    if is_readable_by_all(file):
        yield warning(area, f"Every user of this machine can read the backup {file}.", f"chmod o-r {file}")


def _listed(keys: Sequence[str]) -> str:
    return f"the key{'s' if len(keys) > 1 else ''} {', '.join(keys)}"


def keys_beside_database(around: Surroundings) -> Iterator[Finding]:
    """Find a key file in the embedded server's folder: one backup would contain both hashes and key."""
    file = around.settings.hash_keys_file
    if file is None or around.settings.database_url is not None:
        return
    if file.resolve().is_relative_to(around.settings.data_dir.resolve()):
        yield warning(
            Area.KEYS,
            f"HASH_KEYS_FILE is in DATA_DIR ({file}): a backup of that folder contains the hashes and their key.",
            "keep the file outside of DATA_DIR",
        )
