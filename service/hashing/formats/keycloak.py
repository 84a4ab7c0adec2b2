"""Keycloak's credentials: JSON with `secretData` and `credentialData`, each an object or the text of one.

Source: keycloak, CredentialRepresentation and Pbkdf2PasswordHashProvider, Argon2PasswordHashProvider. The length of the
digest is the length of the key: older releases use 64 bytes for pbkdf2-sha256.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace

from service.hashing import limits
from service.hashing.encodings import unbase64
from service.hashing.format import Check, MalformedHash, StoredHash
from service.hashing.formats.argon2 import argon2_check
from service.hashing.formats.pbkdf2 import pbkdf2_check
from service.hashing.shape import BLANK, LONGEST, scramble

PRFS = {"pbkdf2": "sha1", "pbkdf2-sha256": "sha256", "pbkdf2-sha512": "sha512"}
VERSIONS = {"1.0": 16, "1.3": 19}
"""Argon2's versions as Keycloak writes them."""
SHAPE = re.compile(r"\{.*\}", re.DOTALL)
Data = Mapping[str, object]


class Keycloak:
    """The format; the keys of its JSON have no fixed order, so it is not a `Shape`."""

    name = "keycloak"
    aliases = (
        "keycloak_pbkdf2",
        "keycloak_pbkdf2_sha256",
        "keycloak_pbkdf2_sha512",
        "keycloak_argon2",
        "keycloak_json",
    )

    def recognises(self, text: str) -> bool:
        """Return whether the text is JSON with a digest and its parameters."""
        try:
            _read(text)
        except MalformedHash:
            return False
        return True

    def parse(self, stored: StoredHash) -> Check:
        """Parse PBKDF2 or argon2."""
        secret, credential = _read(stored.hash)
        algorithm = str(credential.get("algorithm"))
        salt, key = unbase64(_text(secret, "salt")), unbase64(_text(secret, "value"))
        if algorithm in PRFS:
            return pbkdf2_check(stored, PRFS[algorithm], _number(credential, "hashIterations"), salt, key)
        if algorithm == "argon2":
            return _argon2(stored, credential, salt, key)
        raise MalformedHash("Keycloak's hash names an algorithm that is not known")

    def dummy_hash(self, stored: StoredHash) -> StoredHash:
        """Scramble salt and value."""
        secret, credential = _read(stored.hash)
        made = {name: scramble(_text(secret, name)) for name in ("value", "salt")}
        return replace(stored, hash=json.dumps({"secretData": made, "credentialData": credential}))


def _argon2(stored: StoredHash, credential: Data, salt: bytes, key: bytes) -> Check:
    more = _object(credential.get("additionalParameters"))
    cost = (_first(more, "memory"), _number(credential, "hashIterations"), _first(more, "parallelism"))
    version, kind = VERSIONS.get(_first_text(more, "version")), _first_text(more, "type")
    if version is None or kind not in ("i", "d", "id"):
        raise MalformedHash("Keycloak's hash names an argon2 that is not known")
    return argon2_check(stored, kind, version, cost, salt, key)


def _read(text: str) -> tuple[Data, Data]:
    if len(text) > LONGEST or not SHAPE.fullmatch(text.strip(BLANK)):
        raise MalformedHash("not Keycloak's JSON")
    whole = _object(text)
    if whole.get("type", "password") != "password":
        raise MalformedHash("Keycloak's credential is not a password")
    if "hashedSaltedValue" in whole:  # up to Keycloak 7
        whole = {
            "secretData": {"value": whole["hashedSaltedValue"], "salt": whole.get("salt")},
            "credentialData": {name: whole.get(name) for name in ("algorithm", "hashIterations")},
        }
    secret, credential = _object(whole.get("secretData")), _object(whole.get("credentialData"))
    _text(secret, "value")
    _text(secret, "salt")
    _text(credential, "algorithm")
    return secret, credential


def _object(value: object) -> Data:
    """Return an object, or parse the text of one: exports have both."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise MalformedHash("not Keycloak's JSON") from None
    if not isinstance(value, dict):
        raise MalformedHash("not Keycloak's JSON")
    return value


def _text(data: Data, name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str):
        raise MalformedHash(f"Keycloak's JSON lacks {name}")
    return value


def _number(data: Data, name: str) -> int:
    return limits.number(str(data.get(name)))


def _first_text(data: Data, name: str) -> str:
    """Return the single text of an additional parameter, which is a list."""
    value = data.get(name)
    return str(value[0]) if isinstance(value, list) and value else ""


def _first(data: Data, name: str) -> int:
    return limits.number(_first_text(data, name))


FORMATS = (Keycloak(),)
