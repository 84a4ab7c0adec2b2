"""Throttling of attempts: failure counts to a delay.

There are two rules, and the longer delay applies. Failures of one login from one address delay that pair, more with
each. Failures of one login over all addresses delay every address, but by at most a minute from that address's own last
failure (or, if it has none, from its first attempt): other addresses never postpone a person's next attempt, so nobody
can be locked out. An address alone is never delayed, since the people in an office share one.
"""

import asyncio
import ipaddress
import itertools
import math
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from types import TracebackType

import asyncpg

from service.immutable import immutable
from service.signin import queries
from service.signin.failures import FailureCount, Failures, ThrottleKey, call_tag, throttle_key
from service.signin.queries import Lookup
from service.store.accounts import name_digest
from service.store.database import DATABASE_UNAVAILABLE, Database

PAIR_FREE = 5
"""Failures of a login from one address before a delay: people try their three or four passwords."""
PAIR_LONGEST = 900.0
"""Seconds: about a hundred attempts a day."""

LOGIN_FREE = 20
"""Failures of a login over all addresses before a delay: phone, laptop and mail program may have old passwords."""
LOGIN_LONGEST = 60.0
"""Maximum seconds by which an attack on a login delays its owner."""

SITE_FREE = (10, 20)
"""Failures of a login from an IPv6 /56 and a /48 before a delay, which grows like that of a pair.

A home with a /56 has 256 networks of its own, a company with a /48 has 65,536."""

FORGET_AFTER = timedelta(hours=1)
"""Seconds without a failure after which a failure count expires; longer than any delay."""

ONE_AT_A_TIME = 1.0
"""Seconds to wait if an attempt beyond the free ones arrives while another is still being checked."""

LONGEST_READ = 3.0
"""Seconds after which no call waits for a read any more: `REQUEST_TIMEOUT` is shorter."""

IPV6_SITE = 64
"""Bits: the smallest network that a provider assigns to one customer (RFC 6177), who may use all its addresses."""


@immutable
class Throttled:
    """No check now, and no verdict."""

    retry_after: float
    """Seconds."""
    first_attempt: bool
    """Whether the store must record this address's attempt, since the delay counts from now."""


def throttle(
    failures: Failures, *, in_flight: int = 0, login_in_flight: int = 0, sites_in_flight: Sequence[int] = ()
) -> Throttled | None:
    """Return whether an attempt must wait, given the failures and the checks in progress.

    `in_flight` is the number of checks of the same pair, `login_in_flight` of the login over all addresses, and
    `sites_in_flight` from each wider network.
    """
    if not (failures.pair or failures.login or login_in_flight or in_flight or any(failures.sites)):  # the common case
        return None
    pair, login = _unexpired(failures.pair, failures.now), _unexpired(failures.login, failures.now)
    tried = (pair.failures if pair else 0) + in_flight
    if in_flight and tried >= PAIR_FREE:
        return Throttled(ONE_AT_A_TIME, first_attempt=False)
    login_delay = _login_delay((login.failures if login else 0) + login_in_flight)
    delay = max(_pair_delay(tried, known=failures.address_known), login_delay)
    waited = (failures.now - pair.since).total_seconds() if pair else 0.0
    wait = max(delay - waited, _site_wait(failures, sites_in_flight))
    return Throttled(wait, first_attempt=pair is None) if wait > 0 else None


def _site_wait(failures: Failures, in_flight: Sequence[int]) -> float:
    """Return the seconds that the wider networks around an IPv6 address must wait."""
    waits = [0.0]
    for free, streak, checks in zip(SITE_FREE, failures.sites, in_flight, strict=False):
        living = _unexpired(streak, failures.now)
        beyond = (living.failures if living else 0) + checks - free
        waited = (failures.now - living.since).total_seconds() if living else 0.0
        waits.append(ONE_AT_A_TIME if checks and beyond >= 0 else _doubling(beyond, PAIR_LONGEST) - waited)
    return max(waits)


def client_network(address: str | None) -> str | None:
    """Return the network under which a client's failures are counted; None if the address is missing or unusable."""
    text = (address or "").strip()
    if _is_ipv4(text):
        return text
    try:
        client = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(client, ipaddress.IPv6Address):
        if client.ipv4_mapped is None:
            return str(ipaddress.ip_network((int(client), IPV6_SITE), strict=False))
        client = client.ipv4_mapped
    return str(client)


def _is_ipv4(text: str) -> bool:
    # Takes a tenth of the time of `ipaddress`, and nearly all calls have an IPv4 address.
    try:
        socket.inet_pton(socket.AF_INET, text)
    except (OSError, ValueError):
        return False
    return True


def _unexpired(streak: FailureCount | None, now: datetime) -> FailureCount | None:
    return streak if streak is not None and now - streak.since <= FORGET_AFTER else None


def _pair_delay(failures: int, *, known: bool) -> float:
    # Calls without an address are treated as one pair, so the owner's limit applies.
    return _doubling(failures - PAIR_FREE, PAIR_LONGEST if known else LOGIN_LONGEST)


def _login_delay(failures: int) -> float:
    return _doubling(failures - LOGIN_FREE, LOGIN_LONGEST)


def _doubling(beyond: int, longest: float) -> float:
    """Return a second for the first failure beyond the free ones, doubled with each further one."""
    return 0.0 if beyond < 0 else min(2.0 ** min(beyond, 30), longest)


# First attempts of addresses at a login under attack. Their delay counts from then, so that others never postpone it.

MAX_UNWRITTEN = 50_000
"""First attempts that wait to be written; the delay of further addresses begins with a later attempt."""
WRITE_EVERY = 0.5
"""Seconds until first attempts are written; a process that is killed loses those, and the address starts again."""
PIECE = 1_000
"""First attempts per statement: they are encoded together, which must not stall the loop."""


class FirstAttempts:
    """First attempts that wait to be written, so that an attack from many addresses does not cost a write for each."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._unwritten: dict[bytes, float] = {}
        """The time of each first attempt."""

    def note(self, who: ThrottleKey) -> None:
        """Remember the first attempt of a login and address."""
        if len(self._unwritten) < MAX_UNWRITTEN:
            self._unwritten.setdefault(who.pair, self._clock())

    async def keep_writing(self, database: Database) -> None:
        """Write first attempts as long as the service runs."""
        while True:
            await asyncio.sleep(WRITE_EVERY)
            await self.write(database)

    async def write(self, database: Database) -> None:
        """Write the waiting first attempts. They are kept if the database is unavailable."""
        while self._unwritten:
            now, piece = self._clock(), itertools.islice(self._unwritten.items(), PIECE)
            asks = [(pair, timedelta(seconds=now - asked)) for pair, asked in piece]
            try:
                async with database.connection() as connection:
                    await queries.record_first_attempts(connection, asks, forget_after=FORGET_AFTER)
            except (*DATABASE_UNAVAILABLE, TimeoutError):
                return
            for pair, _ in asks:
                self._unwritten.pop(pair, None)


# Throttling in one process: the caller, the delay, and what is counted.

MAX_FAILURE_ROWS = 1_000_000
"""Maximum rows, about 150 MB: more than a botnet that tries one login each from a million addresses."""


class TooManyFailures(Exception):
    """The login has failed too often recently, so no password is checked for it now."""

    def __init__(self, retry_after: float, account_id: int | None = None) -> None:
        super().__init__(str(self.__doc__))
        self.retry_after = retry_after
        """Seconds."""
        self.account_id = account_id
        """The account that the login means, where that is known."""


class AttemptsInFlight:
    """The attempts that this process is checking, in addition to the failures that all replicas share."""

    def __init__(self, digest_key: bytes) -> None:
        self._digest_key = digest_key
        self._in_flight: dict[bytes, int] = {}
        self._ended: dict[bytes, deque[float]] = {}
        """When checks ended, for reads that started before and may lack their failures."""
        self._order: deque[tuple[float, bytes]] = deque()

    def lookup(self, key: str, client_address: str | None) -> Lookup:
        """Return the look-up of a call, by the key of the typed name and the caller's address."""
        network = client_network(client_address)

        def who_of(login_key: str) -> ThrottleKey:
            return throttle_key(self._digest_key, login_key, network)

        return Lookup(key, name_digest(self._digest_key, key), who_of(key), who_of)

    def call_tag(self, event_id: str | None, password: str) -> bytes | None:
        """Return the tag of a call, which identifies its repetition."""
        return call_tag(self._digest_key, event_id, password)

    def judge(self, who: ThrottleKey, known: Failures, *, read_at: float = math.inf) -> Throttled | None:
        """Return whether `who` must wait, counting attempts that are still being checked.

        `read_at` is when the read of the failures started, on the clock of `time.monotonic`. Checks that ended since
        then count as running, since the read may lack them.
        """
        pair, login, *sites = (self._in_flight.get(each, 0) + self._since(each, read_at) for each in who.subjects)
        return throttle(known, in_flight=pair, login_in_flight=login, sites_in_flight=sites)

    def checking(self, who: ThrottleKey) -> "_Checking":
        """Return a context manager that counts a check until its failure is recorded, so that bursts do not pass."""
        return _Checking(self, who.subjects)

    def begin(self, subjects: Sequence[bytes]) -> None:
        """Count a running check for each subject."""
        for subject in subjects:
            self._in_flight[subject] = self._in_flight.get(subject, 0) + 1

    def end(self, subjects: Sequence[bytes]) -> None:
        """Count a check as ended, except for reads that started before now."""
        now = time.monotonic()
        while self._order and now - self._order[0][0] > LONGEST_READ:
            _, subject = self._order.popleft()
            self._ended[subject].popleft()
            if not self._ended[subject]:
                del self._ended[subject]
        for subject in subjects:
            left = self._in_flight.pop(subject) - 1
            if left:
                self._in_flight[subject] = left
            self._ended.setdefault(subject, deque()).append(now)
            self._order.append((now, subject))

    def _since(self, subject: bytes, read_at: float) -> int:
        ended = self._ended.get(subject)
        return 0 if ended is None else sum(each >= read_at for each in ended)


class _Checking:
    """Counts a check while it runs. A generator would take several times as long."""

    __slots__ = ("_attempts", "_subjects")

    def __init__(self, attempts: AttemptsInFlight, subjects: Sequence[bytes]) -> None:
        self._attempts = attempts
        self._subjects = subjects

    def __enter__(self) -> None:
        self._attempts.begin(self._subjects)

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._attempts.end(self._subjects)


async def count_wrong_password(connection: asyncpg.Connection, who: ThrottleKey, call: bytes | None) -> None:
    """Count a failure once, even if Okta repeats the call, which its tag identifies."""
    await queries.count_failure(connection, who, call=call, forget_after=FORGET_AFTER)


async def prune(connection: asyncpg.Connection) -> int:
    """Bound the table: to be run every minute or so, by any replica. Returns the number of deleted rows."""
    return await queries.prune_failures(connection, forget_after=FORGET_AFTER, keep=MAX_FAILURE_ROWS)
