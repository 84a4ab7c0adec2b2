"""SCRAM's keys (RFC 5802, RFC 7677) as mail, chat and MongoDB servers keep them. Knows no SASLprep and no exchange.

Dovecot: `{SCRAM-SHA-256}iterations,salt,stored key,server key`, base64. XMPP servers (ejabberd, Prosody, Openfire), as
crackers write their columns: `$xmpp-scram$0$iterations$length$salt$stored key`, hex. MongoDB: `$mongodb-scram$*0*user*
iterations*salt*server key`, base64, whose SHA-1 variant hashes the MD5 of `user:mongo:password`.
"""

import hmac
import re
from functools import partial

from service.passwords import limits
from service.passwords.comparison import Comparison
from service.passwords.digests import SIZES, digest
from service.passwords.encodings import unbase64, unhex
from service.passwords.format import Check, Executor, MalformedHash, StoredHash
from service.passwords.pbkdf2 import pbkdf2
from service.passwords.scram import Prepared
from service.passwords.shape import Shape

Scram = tuple[str, bytes, int]
"""The digest, the salt, the iterations."""


def stored_key(parameters: Scram, secret: bytes) -> bytes:
    """The digest of the client's key."""
    name, salt, iterations = parameters
    salted = pbkdf2(name, salt, iterations, SIZES[name], secret)
    return digest(name, hmac.digest(salted, b"Client Key", name))


def server_key(parameters: Scram, secret: bytes) -> bytes:
    """The server's key."""
    name, salt, iterations = parameters
    return hmac.digest(pbkdf2(name, salt, iterations, SIZES[name], secret), b"Server Key", name)


def mongodb_sha1(parameters: Scram, user: bytes, secret: bytes) -> bytes:
    """The server's key of what MongoDB made of name and password before."""
    return server_key(parameters, digest("md5", user + b":mongo:" + secret).hex().encode("ascii"))


def _checked(name: str, salt: bytes, match: re.Match[str], key: bytes) -> Scram:
    iterations = limits.number(match["iterations"])
    limits.check_pbkdf2(iterations, SIZES[name], SIZES[name])
    if len(key) != SIZES[name]:
        raise MalformedHash("the key has the wrong length")
    return name, salt, iterations


def read_stored(_stored: StoredHash, match: re.Match[str]) -> Check:
    """Dovecot's and the XMPP servers'."""
    groups = match.groupdict()
    decode = unhex if "length" in groups else unbase64
    name, key = f"sha{groups.get('prf') or '1'}", decode(match["digest"])
    derive = partial(stored_key, _checked(name, decode(match["salt"]), match, key))
    return Prepared(Comparison(derive, key, f"pbkdf2-{name} {int(match['iterations'])}", Executor.THREAD, padded=True))


def read_mongodb(_stored: StoredHash, match: re.Match[str]) -> Check:
    """Variant 0 is SHA-1, 1 is SHA-256."""
    name, key = ("sha256" if match["variant"] == "1" else "sha1"), unbase64(match["digest"])
    parameters = _checked(name, unbase64(match["salt"]), match, key)
    cost = f"pbkdf2-{name} {parameters[2]}"
    if name == "sha256":
        return Prepared(Comparison(partial(server_key, parameters), key, cost, Executor.THREAD, padded=True))
    return Comparison(partial(mongodb_sha1, parameters, unbase64(match["user"])), key, cost, Executor.THREAD)


_B64 = r"[A-Za-z0-9+/]+={0,2}"
_DOVECOT = (
    rf"(?i)\{{SCRAM-SHA-(?P<prf>1|256|512)\}}(?P<iterations>[0-9]+),(?P<salt>{_B64}),(?P<digest>{_B64}),"
    rf"(?P<digest_of_server>{_B64})"
)
_XMPP = (
    r"\$xmpp-scram\$0\$(?P<iterations>[0-9]+)\$(?P<length>[0-9]+)\$(?P<salt>(?:[0-9a-f]{2})+)\$(?P<digest>[0-9a-f]{40})"
)
_MONGODB = (
    rf"\$mongodb-scram\$\*(?P<variant>[01])\*(?P<user>{_B64})\*(?P<iterations>[0-9]+)"
    rf"\*(?P<salt>{_B64})\*(?P<digest>{_B64})"
)
FORMATS = (
    Shape("dovecot_scram", re.compile(_DOVECOT), read_stored),
    Shape("xmpp_scram", re.compile(_XMPP), read_stored, ("ejabberd", "prosody", "openfire")),
    Shape("mongodb_scram", re.compile(_MONGODB), read_mongodb, ("mongodb",)),
)
