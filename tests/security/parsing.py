"""Mutated inputs for each parser: bodies, credentials, tokens, keys and stored hashes. Any exception is a fault."""

import contextlib
import json
import random
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import rsa

from service.auth.authenticator import Accepted, Authenticator
from service.auth.tokens import TokenFault, judge, read_keys
from service.hashing import registry
from service.hashing.format import UnusableHash
from service.okta.events import answer_challenge, read_events
from service.okta.parsing import MalformedCall, parse_object
from simulator.clients import Key
from tests.auth.forging import Issuer
from tests.hashing.test_hostile import VECTORS, corrupted
from tests.security.mutating import bent, mutant
from tests.security.test_hostile import parse_all

ISSUER = Issuer("https://example.okta.com/oauth2/default", rsa.generate_private_key(65537, 2048))
TOKEN = ISSUER.sign()
KEYS = {ISSUER.kid: ISSUER.key.public_key()}
JWKS = json.dumps({"keys": [Key(ISSUER.kid, ISSUER.key).public_jwk()]}).encode()
SECRET = b"a long enough secret of the hooks"
BASIC = b"Basic YWRtaW46c3VwZXJzZWNyZXQ="
GUARD = Authenticator(header="X-Hook", secrets=[SECRET], basic=b"admin:supersecret")


def parse_body(chance: random.Random) -> None:
    parse_all(mutant(chance))


def parse_log(chance: random.Random) -> None:
    """Parse the System Log's events, and the challenge of an event hook."""
    body = mutant(chance)
    with contextlib.suppress(MalformedCall):
        said = parse_object(body)
        events = said.get("data", said)
        read_events(events.get("events", [said]) if isinstance(events, dict) else [events])
    with contextlib.suppress(MalformedCall):
        answer_challenge([body[:200].decode("latin-1")])


def parse_token(chance: random.Random) -> None:
    token = bent(chance, TOKEN)
    assert isinstance(judge(token, KEYS, ISSUER.expected), TokenFault) or token == TOKEN


def parse_keys(chance: random.Random) -> None:
    with contextlib.suppress(MalformedCall):
        read_keys(parse_object(bent(chance, JWKS)))


def parse_credentials(chance: random.Random) -> None:
    header, good = chance.choice(((b"X-Hook", SECRET), (b"Authorization", BASIC)))
    tried = bent(chance, good)
    # The scheme may be written in any case, and spaces may follow it.
    assert not isinstance(GUARD([(header, tried)]), Accepted) or tried.split()[-1] == good.split()[-1]


def parse_hash(chance: random.Random) -> None:
    stored = corrupted(chance, chance.choice(VECTORS).stored)
    registry.candidates(stored.hash)
    with contextlib.suppress(UnusableHash):
        registry.check(stored)


Parser = Callable[[random.Random], None]
PARSERS: dict[Parser, int] = {
    parse_body: 68, parse_log: 10, parse_token: 8, parse_keys: 2, parse_credentials: 8, parse_hash: 4,
}  # fmt: skip
"""The parsers, and the share of inputs for each in per cent."""


def parse_any(chance: random.Random) -> None:
    (parse,) = chance.choices(list(PARSERS), list(PARSERS.values()))
    parse(chance)
