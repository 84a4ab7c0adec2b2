"""Floods of guesses: what the store has just refused is refused again from memory. Knows no rule and no password.

It only refuses, and believes for a second what the store said: whoever may try by then is judged by the store, as
ever. A flood then costs neither a read nor a write for each guess, which would be taken from other people's sign-ins.
"""

import asyncio
import itertools
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import timedelta

from service.accounts import failures
from service.accounts.database import DATABASE_UNAVAILABLE, Database
from service.accounts.failures import ThrottleKey
from service.immutable import immutable
from service.policies.throttling import FORGET_AFTER, Throttled

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


class ThrottleCache:
    """What this process knows of guesses that the store refused."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._logins: OrderedDict[bytes, _Login] = OrderedDict()
        self._pairs: OrderedDict[bytes, float] = OrderedDict()
        """Until when each has to wait."""
        self._unwritten: dict[bytes, float] = {}
        """When each asked first."""

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
                    await failures.record_first_attempts(connection, asks, forget_after=FORGET_AFTER)
            except (*DATABASE_UNAVAILABLE, TimeoutError):
                return
            for pair, _ in asks:
                self._unwritten.pop(pair, None)

    def _wait(self, who: ThrottleKey, until: float) -> None:
        self._pairs[who.pair] = until
        self._pairs.move_to_end(who.pair)
        if len(self._pairs) > ADDRESSES:
            self._pairs.popitem(last=False)
