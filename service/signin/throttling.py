"""Throttling of attempts: failure counts in, a delay out.

Two rules, and the longer delay counts. Failures of one login from one address delay that pair, more with each. Failures
of one login over all addresses delay every address, but by a minute at most, counted from that address's own last
failure (or, where it has none, from when it first asked): what others do never moves the moment at which a person may
try, so nobody can lock anybody out. An address alone is never delayed: an office shares one.
"""

import asyncio
import ipaddress
import itertools
import math
import socket
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from types import TracebackType

import asyncpg

from service.immutable import immutable
from service.signin import queries
from service.signin.failures import FailureCount, Failures, ThrottleKey, call_tag, throttle_key
from service.signin.queries import Lookup
from service.store.database import DATABASE_UNAVAILABLE, Database
from service.store.deleted_logins import name_digest

PAIR_FREE = 5
"""Failures of a login from one address before a delay: a person tries their three or four passwords."""
PAIR_LONGEST = 900.0
"""Seconds: about a hundred guesses a day."""

LOGIN_FREE = 20
"""Failures of a login over all addresses before a delay: phone, laptop, mail program, each with its old password."""
LOGIN_LONGEST = 60.0
"""Seconds that an attack on a login may cost its owner."""

SITE_FREE = (10, 20)
"""Failures of a login from an IPv6 /56 and a /48 before a delay, which grows as a pair's does.

A home with a /56 has 256 networks of its own, a company with a /48 has 65,536."""

FORGET_AFTER = timedelta(hours=1)
"""A streak ends when nothing was added to it for so long; longer than any delay."""

ONE_AT_A_TIME = 1.0
"""Seconds to wait where a guess beyond the free ones is asked for while another is still being checked."""

LONGEST_READ = 3.0
"""Seconds after which no call waits for a read any more: `REQUEST_TIMEOUT` is below."""

IPV6_SITE = 64
"""Bits: the smallest network that one customer of a provider gets (RFC 6177), who may use every address in it."""


@immutable
class Throttled:
    """No check now, and no verdict."""

    retry_after: float
    """Seconds."""
    first_attempt: bool
    """The store has to remember that this address asked, since the delay counts from now."""
    login_delay: float = 0.0
    """Seconds that an address waits which asks for this login for the first time."""


def throttle(
    failures: Failures, *, in_flight: int = 0, login_in_flight: int = 0, sites_in_flight: Sequence[int] = ()
) -> Throttled | None:
    """Tell whether a guess has to wait, given the failures and the checks that have no verdict yet.

    `in_flight` are those of the same pair, `login_in_flight` those of the login over all addresses, and
    `sites_in_flight` those from each wider network.
    """
    if not (failures.pair or failures.login or login_in_flight or in_flight or any(failures.sites)):  # nearly everybody
        return None
    pair, login = _living(failures.pair, failures.now), _living(failures.login, failures.now)
    tried = (pair.failures if pair else 0) + in_flight
    if in_flight and tried >= PAIR_FREE:
        return Throttled(ONE_AT_A_TIME, first_attempt=False)
    login_delay = _login_delay((login.failures if login else 0) + login_in_flight)
    delay = max(_pair_delay(tried, known=failures.address_known), login_delay)
    waited = (failures.now - pair.since).total_seconds() if pair else 0.0
    wait = max(delay - waited, _site_wait(failures, sites_in_flight))
    return Throttled(wait, first_attempt=pair is None, login_delay=login_delay) if wait > 0 else None


def _site_wait(failures: Failures, in_flight: Sequence[int]) -> float:
    """Give the seconds for which the wider networks around an IPv6 address have to wait."""
    waits = [0.0]
    for free, streak, checks in zip(SITE_FREE, failures.sites, in_flight, strict=False):
        living = _living(streak, failures.now)
        beyond = (living.failures if living else 0) + checks - free
        waited = (failures.now - living.since).total_seconds() if living else 0.0
        waits.append(ONE_AT_A_TIME if checks and beyond >= 0 else _doubling(beyond, PAIR_LONGEST) - waited)
    return max(waits)


def client_network(address: str | None) -> str | None:
    """Give the network that a client's failures are counted for; None where there is no address that means one."""
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
    # Takes a tenth of the time of `ipaddress`, and is what nearly all calls bring.
    try:
        socket.inet_pton(socket.AF_INET, text)
    except (OSError, ValueError):
        return False
    return True


def _living(streak: FailureCount | None, now: datetime) -> FailureCount | None:
    return streak if streak is not None and now - streak.since <= FORGET_AFTER else None


def _pair_delay(failures: int, *, known: bool) -> float:
    # Calls without an address are one pair, whoever makes them: there the owner's limit holds.
    return _doubling(failures - PAIR_FREE, PAIR_LONGEST if known else LOGIN_LONGEST)


def _login_delay(failures: int) -> float:
    return _doubling(failures - LOGIN_FREE, LOGIN_LONGEST)


def _doubling(beyond: int, longest: float) -> float:
    """A second for the first failure beyond the free ones, and twice as long for each more."""
    return 0.0 if beyond < 0 else min(2.0 ** min(beyond, 30), longest)


# The throttle cache: attempts that the store has just rejected are rejected again from memory.
#
# It only refuses, and believes for a second what the store said: whoever may try by then is judged by the store, as
# ever. A flood then costs neither a read nor a write for each guess, which would be taken from other people's
# sign-ins.

BELIEVED = 1.0
"""Seconds for which an answer of the store is repeated."""
LOGINS = 1_000
"""Logins remembered, the latest ones: who attacks more of them at once is refused by the store."""
ADDRESSES = 50_000
"""Addresses remembered with a login, and first asks that wait to be written."""
WRITE_EVERY = 0.5
"""Seconds until first asks are written; a process that is killed loses those, and the address asks anew."""
PIECE = 1_000
"""First asks in one statement: all of one are encoded in one go, and the loop must not stall over it."""


@immutable
class ThrottledAttempt:
    """A guess that is refused."""

    retry_after: float
    """Seconds."""
    account_id: int | None


@immutable
class _Login:
    delay: float
    account_id: int | None
    believed_until: float


@immutable
class _Named:
    """What a typed name means that is not the account's login."""

    login_key: str
    believed_until: float


class ThrottleCache:
    """What this process knows of guesses that the store refused."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._logins: OrderedDict[bytes, _Login] = OrderedDict()
        self._pairs: OrderedDict[bytes, float] = OrderedDict()
        """Until when each has to wait."""
        self._unwritten: dict[bytes, float] = {}
        """When each asked first."""
        self._named: OrderedDict[bytes, _Named] = OrderedDict()
        """By the digests of typed names."""

    def counted(self, lookup: Lookup) -> ThrottleKey:
        """Give who is counted for a typed name, as far as that is known without a read."""
        named = self._named.get(lookup.who.login)
        return lookup.who if named is None or self._clock() >= named.believed_until else lookup.who_of(named.login_key)

    def note_name(self, lookup: Lookup, login_key: str) -> None:
        """Remember which login's account a typed name means, for as long as the store's answer is believed."""
        self._named[lookup.who.login] = _Named(login_key, self._clock() + BELIEVED)
        self._named.move_to_end(lookup.who.login)
        if len(self._named) > LOGINS:
            self._named.popitem(last=False)

    def note(self, who: ThrottleKey, throttled: Throttled, account_id: int | None) -> None:
        """Remember what the store's failures led to."""
        now = self._clock()
        self._logins[who.login] = _Login(throttled.login_delay, account_id, now + BELIEVED)
        self._logins.move_to_end(who.login)
        self._wait(who, now + throttled.retry_after)
        if throttled.first_attempt:
            self._unwritten[who.pair] = now
        if len(self._logins) > LOGINS:
            self._logins.popitem(last=False)

    def judge(self, who: ThrottleKey) -> ThrottledAttempt | None:
        """Tell whether `who` has to wait by what the store said a moment ago; None where the store must be asked."""
        login, now = self._logins.get(who.login), self._clock()
        if login is None or now >= login.believed_until:
            return None
        until = self._pairs.get(who.pair)
        if until is None:
            if not login.delay or len(self._unwritten) >= ADDRESSES:
                return None
            until = now + login.delay
            self._wait(who, until)
            self._unwritten[who.pair] = now
        return ThrottledAttempt(until - now, login.account_id) if until > now else None

    async def keep_writing(self, database: Database) -> None:
        """Write first asks, for as long as the service runs."""
        while True:
            await asyncio.sleep(WRITE_EVERY)
            await self.write(database)

    async def write(self, database: Database) -> None:
        """Write the first asks that wait. They stay where the database is away."""
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

    def _wait(self, who: ThrottleKey, until: float) -> None:
        self._pairs[who.pair] = until
        self._pairs.move_to_end(who.pair)
        if len(self._pairs) > ADDRESSES:
            self._pairs.popitem(last=False)


# Throttle guesses: who asks, whether they have to wait, what is counted.

MAX_FAILURE_ROWS = 1_000_000
"""Rows, about 150 MB: a botnet trying a login each from a million addresses, and still a bound."""


class TooManyFailures(Exception):
    """The login failed too often lately, so no password is checked for it now."""

    def __init__(self, retry_after: float, account_id: int | None = None) -> None:
        super().__init__(str(self.__doc__))
        self.retry_after = retry_after
        """Seconds."""
        self.account_id = account_id
        """The account that the login means, where that is known."""


class AttemptsInFlight:
    """The guesses that one process checks now, over the failures that all replicas share."""

    def __init__(self, digest_key: bytes) -> None:
        self._digest_key = digest_key
        self._in_flight: dict[bytes, int] = {}
        self._ended: dict[bytes, deque[float]] = {}
        """When checks ended, so that a read which began before, and may lack their failures, does not let more pass."""
        self._order: deque[tuple[float, bytes]] = deque()

    def lookup(self, key: str, client_address: str | None) -> Lookup:
        """Name what a call asks for, by the key of the typed name, and who asks."""
        network = client_network(client_address)

        def who_of(login_key: str) -> ThrottleKey:
            return throttle_key(self._digest_key, login_key, network)

        return Lookup(key, name_digest(self._digest_key, key), who_of(key), who_of)

    def call_tag(self, event_id: str | None, password: str) -> bytes | None:
        """Name a call, so that its repetition is known."""
        return call_tag(self._digest_key, event_id, password)

    def judge(self, who: ThrottleKey, known: Failures, *, read_at: float = math.inf) -> Throttled | None:
        """Tell whether `who` has to wait, also for guesses that are still being checked.

        `read_at` is when the read of the failures began, on the clock of `time.monotonic`: checks that ended since then
        count as being checked, since the read may lack them.
        """
        pair, login, *sites = (self._in_flight.get(each, 0) + self._since(each, read_at) for each in who.subjects)
        return throttle(known, in_flight=pair, login_in_flight=login, sites_in_flight=sites)

    def checking(self, who: ThrottleKey) -> "_Checking":
        """Hold this around a check until its failure is counted: a burst of guesses must not pass before that."""
        return _Checking(self, who.subjects)

    def begin(self, subjects: Sequence[bytes]) -> None:
        """Count a check for each subject."""
        for subject in subjects:
            self._in_flight[subject] = self._in_flight.get(subject, 0) + 1

    def end(self, subjects: Sequence[bytes]) -> None:
        """Count a check no more, except for reads that began before now."""
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
    """Counts a check while it lasts. A generator would take several times as long."""

    __slots__ = ("_attempts", "_subjects")

    def __init__(self, attempts: AttemptsInFlight, subjects: Sequence[bytes]) -> None:
        self._attempts = attempts
        self._subjects = subjects

    def __enter__(self) -> None:
        self._attempts.begin(self._subjects)

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._attempts.end(self._subjects)


async def count_wrong_password(connection: asyncpg.Connection, who: ThrottleKey, call: bytes | None) -> None:
    """Count a failure once, however often Okta sends the call, which is known by its tag."""
    await queries.count_failure(connection, who, call=call, forget_after=FORGET_AFTER)


async def prune(connection: asyncpg.Connection) -> int:
    """Keep the table small: to be run every minute or so, by any replica. Tells how many rows it deleted."""
    return await queries.prune_failures(connection, forget_after=FORGET_AFTER, keep=MAX_FAILURE_ROWS)
