"""Failed sign-ins, counted for each login and for each pair of login and address.

A row is named by a keyed digest, so that the table tells neither whom somebody tried to be (people type passwords into
the field for the name) nor from where, and each row is as short as any other. Logins without an account are counted
like the others.
"""

import hashlib
from dataclasses import field
from datetime import datetime

import asyncpg

from service.immutable import immutable

DIGEST = 16
"""Bytes of a row's name: among a million rows two meet with a chance of 1 in 10²⁶."""


@immutable
class FailureCount:
    """Failures without a long pause between them."""

    failures: int
    since: datetime
    """When the last one was; where there is none, when the first refused call asked."""


@immutable
class Failures:
    """What is known about a login and an address when they ask."""

    pair: FailureCount | None
    login: FailureCount | None
    now: datetime
    """The database's clock, by which all replicas agree."""
    address_known: bool = True


@immutable
class ThrottleKey:
    """Who is counted: a login, and the network from which it is tried."""

    pair: bytes = field(repr=False)
    login: bytes = field(repr=False)
    address_known: bool


def throttle_key(digest_key: bytes, login_key: str, network: str | None) -> ThrottleKey:
    """Name the rows of a login and a network."""
    login = login_key.encode("utf-8", "surrogatepass")
    place = (network or "").encode()
    pair = b"pair" + len(login).to_bytes(4, "big") + login + place
    return ThrottleKey(_digest(digest_key, pair), _digest(digest_key, b"login" + login), network is not None)


def failures_of(row: asyncpg.Record, who: ThrottleKey) -> Failures:
    """Read both streaks from a row with the columns of FAILURES, whichever query it came with."""
    return Failures(
        _failure_count(row["pair_failures"], row["pair_since"]),
        _failure_count(row["login_failures"], row["login_since"]),
        row["now"],
        who.address_known,
    )


def _failure_count(failures: int | None, since: datetime | None) -> FailureCount | None:
    return None if failures is None or since is None else FailureCount(failures, since)


def _digest(key: bytes, text: bytes) -> bytes:
    # A keyed hash (RFC 7693), as good as an HMAC here; OpenSSL's is slow to begin, and a sign-in needs two.
    return hashlib.blake2b(text, key=key[:64], digest_size=DIGEST).digest()
