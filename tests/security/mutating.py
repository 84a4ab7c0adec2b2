"""Hostile inputs derived from valid ones: altered bytes, and JSON that is difficult to decode."""

import gzip
import random
import re
from collections.abc import Callable

from service.store.migrations import ROOT

PASSWORD = "m4rked-pa55word-of-the-samples"
"""Part of every sample call; nothing that is sent or written may contain it."""
SAMPLES = [
    re.sub(rb'("password" *: *)"[^"]*"', rb'\1"' + PASSWORD.encode() + b'"', path.read_bytes())
    for folder in ("password-import", "registration", "event-hook", "constructed")
    for path in sorted((ROOT / "tests" / "okta" / "samples" / folder).glob("*.json"))
]
HOSTILE_VALUES = (
    b"1e999", b"-1e999", b"-0", b"1" * 5000, b"0." + b"0" * 3000 + b"1", b"NaN", b"Infinity", b"01", b"1e", b"+1",
    b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u0000"', b'"\x00"', b'"\xff\xfe"', b'"\xc0\x80"', b'"\xed\xa0\x80"',
    b'"' + b"a" * 20_000 + b'"', b"[" * 50 + b"]" * 50, b"[" * 5000, b'{"a":' * 200, b"null", b"true", b"{}", b"[]",
    b'{"__proto__": 1}', b'"\xe2\x80\xae"', b'"\xef\xbb\xbf"', b'"${jndi:ldap://x}"', b'"\'; DROP TABLE accounts; --"',
)  # fmt: skip

Mutation = Callable[[random.Random, bytes], bytes]


def _flip(chance: random.Random, body: bytes) -> bytes:
    at = chance.randrange(len(body) or 1)
    return body[:at] + bytes([chance.randrange(256)]) + body[at + 1 :]


def _insert(chance: random.Random, body: bytes) -> bytes:
    at = chance.randrange(len(body) + 1)
    return body[:at] + chance.randbytes(chance.randrange(1, 9)) + body[at:]


def _cut(chance: random.Random, body: bytes) -> bytes:
    start, end = sorted(chance.randrange(len(body) + 1) for _ in range(2))
    return body[:start] + body[end:]


def _repeat(chance: random.Random, body: bytes) -> bytes:
    start, end = sorted(chance.randrange(len(body) + 1) for _ in range(2))
    return body[:end] + body[start:end] * chance.randrange(1, 4) + body[end:]


def _replace_value(chance: random.Random, body: bytes) -> bytes:
    """Replace a member's value by a hostile one."""
    at = body.find(b":", chance.randrange(len(body) or 1)) + 1
    if not at:
        return chance.choice(HOSTILE_VALUES)
    end = min((found for mark in (b",", b"}", b"]") if (found := body.find(mark, at)) >= 0), default=len(body))
    return body[:at] + chance.choice(HOSTILE_VALUES) + body[end:]


def _double_member(chance: random.Random, body: bytes) -> bytes:
    return body.replace(b"{", b'{"data": 7, "eventId": [], "username": null, "password": 1, ', chance.randrange(1, 4))


def _wrap(chance: random.Random, body: bytes) -> bytes:
    depth = chance.choice((1, 70, 900))
    return b"[" * depth + body + b"]" * depth


def _recode(chance: random.Random, body: bytes) -> bytes:
    text = body.decode("utf-8", "replace")
    return chance.choice(
        (
            text.encode("utf-16"),
            text.encode("utf-32-be"),
            b"\xef\xbb\xbf" + body,
            gzip.compress(body, 1),
            body + body,
            text.encode("utf-7"),
        )
    )


MUTATIONS: tuple[Mutation, ...] = (
    _flip, _flip, _insert, _cut, _repeat, _replace_value, _replace_value, _replace_value, _double_member, _wrap,
    _recode,
)  # fmt: skip


def mutant(chance: random.Random) -> bytes:
    """Return a valid call with one to four alterations."""
    return bent(chance, chance.choice(SAMPLES))


def bent(chance: random.Random, good: bytes) -> bytes:
    """Return a valid input with one to four alterations."""
    for _ in range(chance.randrange(1, 5)):
        good = chance.choice(MUTATIONS)(chance, good)
    return good[:200_000]
