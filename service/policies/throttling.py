"""How long somebody who guesses has to wait. Pure: streaks of failures in, a delay out; knows no store and no HTTP.

Two rules, and the longer delay counts. Failures of one login from one address delay that pair, more with each. Failures
of one login over all addresses delay every address, but by a minute at most, counted from that address's own last
failure (or, where it has none, from when it first asked): what others do never moves the moment at which a person may
try, so nobody can lock anybody out. An address alone is never delayed: an office shares one.
"""

import ipaddress
import socket
from datetime import datetime, timedelta

from service.accounts.failures import FailureCount, Failures
from service.immutable import immutable

PAIR_FREE = 5
"""Failures of a login from one address before a delay: a person tries their three or four passwords."""
PAIR_LONGEST = 900.0
"""Seconds: about a hundred guesses a day."""

LOGIN_FREE = 20
"""Failures of a login over all addresses before a delay: phone, laptop, mail program, each with its old password."""
LOGIN_LONGEST = 60.0
"""Seconds that an attack on a login may cost its owner."""

FORGET_AFTER = timedelta(hours=1)
"""A streak ends when nothing was added to it for so long; longer than any delay."""

ONE_AT_A_TIME = 1.0
"""Seconds to wait where a guess beyond the free ones is asked for while another is still being checked."""

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


def throttle(failures: Failures, *, in_flight: int = 0) -> Throttled | None:
    """Tell whether a guess has to wait, given the failures and the checks of the same pair that have no verdict yet."""
    if not (failures.pair or failures.login or in_flight):  # nearly everybody
        return None
    pair, login = _living(failures.pair, failures.now), _living(failures.login, failures.now)
    tried = (pair.failures if pair else 0) + in_flight
    if in_flight and tried >= PAIR_FREE:
        return Throttled(ONE_AT_A_TIME, first_attempt=False)
    login_delay = _login_delay(login.failures if login else 0)
    delay = max(_pair_delay(tried, known=failures.address_known), login_delay)
    waited = (failures.now - pair.since).total_seconds() if pair else 0.0
    return Throttled(delay - waited, first_attempt=pair is None, login_delay=login_delay) if delay > waited else None


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
