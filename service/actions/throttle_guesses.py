"""Throttle guesses: who asks, whether they have to wait, what is counted. Knows store and rule; checks nothing."""

from types import TracebackType

import asyncpg

from service.accounts import failures
from service.accounts.failures import Failures, ThrottleKey
from service.policies.throttling import FORGET_AFTER, Throttled, client_network, throttle

MAX_FAILURE_ROWS = 1_000_000
"""Rows, about 150 MB: a botnet trying a login each from a million addresses, and still a bound."""


class TooManyFailures(Exception):
    """The login failed too often lately, so no password is checked for it now."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(str(self.__doc__))
        self.retry_after = retry_after
        """Seconds."""


class AttemptsInFlight:
    """The guesses that one process checks now, over the failures that all replicas share."""

    def __init__(self, digest_key: bytes) -> None:
        self._digest_key = digest_key
        self._in_flight: dict[bytes, int] = {}

    def throttle_key(self, login_key: str, client_address: str | None) -> ThrottleKey:
        """Name who asks."""
        return failures.throttle_key(self._digest_key, login_key, client_network(client_address))

    def judge(self, who: ThrottleKey, known: Failures) -> Throttled | None:
        """Tell whether `who` has to wait, also for those of their guesses that are still being checked."""
        return throttle(known, in_flight=self._in_flight.get(who.pair, 0))

    def checking(self, who: ThrottleKey) -> "_Checking":
        """Hold this around a check: a burst of guesses must not pass before the first of them is counted."""
        return _Checking(self._in_flight, who.pair)


class _Checking:
    """Counts a check of a pair while it lasts. A generator would take several times as long."""

    __slots__ = ("_in_flight", "_pair")

    def __init__(self, in_flight: dict[bytes, int], pair: bytes) -> None:
        self._in_flight = in_flight
        self._pair = pair

    def __enter__(self) -> None:
        self._in_flight[self._pair] = self._in_flight.get(self._pair, 0) + 1

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        left = self._in_flight.pop(self._pair) - 1
        if left:
            self._in_flight[self._pair] = left


async def count_wrong_password(connection: asyncpg.Connection, who: ThrottleKey, event_id: str | None) -> None:
    """Count a failure once, however often Okta sends the call."""
    await failures.count_failure(connection, who, event_id=event_id, forget_after=FORGET_AFTER)


async def prune(connection: asyncpg.Connection) -> int:
    """Keep the table small: to be run every minute or so, by any replica. Tells how many rows it deleted."""
    return await failures.prune_failures(connection, forget_after=FORGET_AFTER, keep=MAX_FAILURE_ROWS)
