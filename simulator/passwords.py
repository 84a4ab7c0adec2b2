"""The org's stored passwords: its own digests, and imported hashes."""

import base64
import binascii
import hashlib
import hmac
import os
from dataclasses import dataclass, field

import bcrypt

from simulator.channel import JsonObject

LEAST_ROUNDS = 4096
"""The fewest PBKDF2 rounds that Okta imports."""
WORK_FACTORS = range(1, 21)
DIGESTS = {"SHA-512": "sha512", "SHA-256": "sha256", "SHA-1": "sha1", "MD5": "md5"}


@dataclass(frozen=True)
class OwnPassword:
    """A password that the org stored itself, as one SHA-256: it protects nothing real, and demos are fast."""

    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)

    @classmethod
    def of(cls, password: str) -> "OwnPassword":
        """Store this password with a salt."""
        salt = os.urandom(16)
        return cls(salt, _digest(salt, password))

    def matches(self, password: str) -> bool:
        """Return whether this is the password."""
        return hmac.compare_digest(self.digest, _digest(self.salt, password))


@dataclass(frozen=True)
class ImportedHash:
    """A `credentials.password.hash` object as it was sent, checked at sign-in as Okta does."""

    members: JsonObject = field(repr=False)

    def matches(self, password: str) -> bool:
        """Return whether this is the password; False for an algorithm that Okta does not support."""
        algorithm = self.members.get("algorithm")
        if algorithm == "BCRYPT":
            return self._bcrypt(password)
        if algorithm == "PBKDF2":
            return self._pbkdf2(password)
        return algorithm in DIGESTS and self._plain(DIGESTS[algorithm], password)

    def _bcrypt(self, password: str) -> bool:
        settings = f"$2a${int(self.members['workFactor']):02d}$".encode()
        stored = settings + str(self.members["salt"]).encode() + str(self.members["value"]).encode()
        # bcrypt uses 72 bytes; the package rejects more, where legacy stores truncated.
        return bcrypt.checkpw(password.encode()[:72], stored)

    def _pbkdf2(self, password: str) -> bool:
        name = {"SHA256_HMAC": "sha256", "SHA512_HMAC": "sha512"}[str(self.members["digestAlgorithm"])]
        salt = base64.b64decode(self.members["salt"])
        rounds, size = int(self.members["iterationCount"]), int(self.members["keySize"])
        return self._equals(hashlib.pbkdf2_hmac(name, password.encode(), salt, rounds, size))

    def _plain(self, name: str, password: str) -> bool:
        salt = base64.b64decode(self.members.get("salt") or "")
        parts = (salt, password.encode()) if self.members.get("saltOrder") == "PREFIX" else (password.encode(), salt)
        return self._equals(hashlib.new(name, b"".join(parts)).digest())

    def _equals(self, computed: bytes) -> bool:
        return hmac.compare_digest(base64.b64decode(self.members["value"]), computed)


def hash_fault(members: JsonObject) -> str | None:
    """Return why Okta would reject this imported hash; None if it would accept it."""
    algorithm = members.get("algorithm")
    try:
        if algorithm == "BCRYPT":
            return _bcrypt_fault(members)
        base64.b64decode(members.get("salt") or "", validate=True)
        base64.b64decode(members["value"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error):
        return "credentials.password.hash: salt and value must be Base64"
    if algorithm == "PBKDF2":
        known = members.get("digestAlgorithm") in ("SHA256_HMAC", "SHA512_HMAC") and members.get("keySize")
        enough = int(members.get("iterationCount") or 0) >= LEAST_ROUNDS
        return None if known and enough else "iterationCount: must be at least 4096 with a known digestAlgorithm"
    return None if algorithm in DIGESTS else "algorithm: not a supported hash algorithm"


def _bcrypt_fault(members: JsonObject) -> str | None:
    if int(members.get("workFactor") or 0) not in WORK_FACTORS:
        return "workFactor: must be from 1 to 20"
    right = (len(str(members["salt"])), len(str(members["value"]))) == (22, 31)
    return None if right else "credentials.password.hash: the salt has 22 characters, the value 31"


def _digest(salt: bytes, password: str) -> bytes:
    return hashlib.sha256(salt + password.encode("utf-8", "surrogatepass")).digest()
