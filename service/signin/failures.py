"""Failed sign-ins, counted for each login and for each pair of login and address.

A row is named by a keyed digest, so that the table reveals neither the logins (people type passwords into the name
field) nor the addresses, and all rows have the same length. Logins without an account are counted like the others.
"""

import hashlib
import ipaddress
from dataclasses import field
from datetime import datetime

import asyncpg

from service.immutable import immutable

SITES = (56, 48)
"""Bits of the wider networks around an IPv6 /64: those of a home and of a company (RFC 6177)."""
DIGEST = 16
"""Bytes of a row's name: among a million rows, a collision has a probability of 1 in 10²⁶."""


@immutable
class FailureCount:
    """A number of failures without a long pause between them."""

    failures: int
    since: datetime
    """The time of the last failure; if there is none, of the first rejected attempt."""


@immutable
class Failures:
    """The failures of a login and an address at the time of an attempt."""

    pair: FailureCount | None
    login: FailureCount | None
    now: datetime
    """The database's clock, which all replicas share."""
    address_known: bool = True
    sites: tuple[FailureCount | None, ...] = ()
    """Failures of the login from each wider network of `SITES` around an IPv6 address; read only for those."""


@immutable
class ThrottleKey:
    """The subjects that are counted: a login, and the network of the attempt."""

    pair: bytes = field(repr=False)
    login: bytes = field(repr=False)
    address_known: bool
    sites: tuple[bytes, ...] = field(default=(), repr=False)
    """The login with each network of `SITES` around an IPv6 address."""

    @property
    def subjects(self) -> tuple[bytes, ...]:
        """All rows in which a failure is counted, the pair's first."""
        return self.pair, self.login, *self.sites


def throttle_key(digest_key: bytes, login_key: str, network: str | None) -> ThrottleKey:
    """Return the row names of a login and a network."""
    login = login_key.encode("utf-8", "surrogatepass")
    pair, *sites = (
        _digest(digest_key, b"pair" + len(login).to_bytes(4, "big") + login + place.encode())
        for place in (network or "", *_sites_around(network or ""))
    )
    return ThrottleKey(pair, _digest(digest_key, b"login" + login), network is not None, tuple(sites))


def _sites_around(network: str) -> tuple[str, ...]:
    if "/" not in network:  # the common case: an IPv4 address
        return ()
    inner = ipaddress.IPv6Network(network)
    return tuple(str(inner.supernet(new_prefix=bits)) for bits in SITES)


def call_tag(digest_key: bytes, event_id: str | None, password: str) -> bytes | None:
    """Return a tag of a call that identifies Okta's retry of it: the same event id and the same password.

    None if there is no event id.

    Only two bytes depend on the password: they identify a retry, and reveal next to nothing of the password.
    """
    if event_id is None:
        return None
    event = event_id.encode()
    secret = len(event).to_bytes(4, "big") + event + password.encode("utf-8", "surrogatepass")
    return _digest(digest_key, b"event" + event)[:6] + _digest(digest_key, b"call" + secret)[:2]


def failures_of(row: asyncpg.Record, who: ThrottleKey) -> Failures:
    """Return both failure counts from a row with the columns of FAILURES."""
    return Failures(
        failure_count(row["pair_failures"], row["pair_since"]),
        failure_count(row["login_failures"], row["login_since"]),
        row["now"],
        who.address_known,
    )


def failure_count(failures: int | None, since: datetime | None) -> FailureCount | None:
    """Return the count in a row's columns; None if there is no row."""
    return None if failures is None or since is None else FailureCount(failures, since)


def _digest(key: bytes, text: bytes) -> bytes:
    # A keyed hash (RFC 7693), as good as an HMAC here; OpenSSL's HMAC is slow to initialise, and a sign-in needs two.
    return hashlib.blake2b(text, key=key[:64], digest_size=DIGEST).digest()
