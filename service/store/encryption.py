"""Encryption of stored hashes: AES-256-GCM, several keys, each hash bound to its account.

An encrypted hash can be decrypted only for the login, source and recipe that it was encrypted for, so it is useless in
another account's row. Destroying a key makes every hash under it unreadable, in every backup too.
"""

import hmac
import json
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY = 32
"""Bytes of a key."""
NONCE = 12
"""Bytes of a nonce (NIST SP 800-38D)."""


BOUND_NAMES = {"multiple": "several"}
"""Formats that were renamed: stored hashes stay bound to the name that they were encrypted with (revision 0008)."""


class DecryptionFailed(Exception):
    """A stored hash cannot be decrypted: its key is missing, or it belongs to another account or was modified."""


class HashKeys:
    """The keys by their ids; the first encrypts, all decrypt. Without keys, hashes are stored unencrypted."""

    def __init__(self, keys: Mapping[str, bytes], *, require_encrypted: bool = False) -> None:
        self.active = next(iter(keys), None)
        self._keys = {key_id: _Key(key) for key_id, key in keys.items()}
        self._require_encrypted = require_encrypted

    def __contains__(self, key_id: object) -> bool:
        return key_id in self._keys

    def encrypt(self, text: bytes, bound_to: bytes) -> tuple[bytes, str | None]:
        """Return the stored form of a hash, and the id of its key (None: unencrypted).

        Encrypting the same hash of the same account under the same key returns the same bytes: a load compares them.
        """
        if self.active is None:
            return text, None
        return self._keys[self.active].encrypt(text, bound_to), self.active

    def decrypt(self, kept: bytes, key_id: str | None, bound_to: bytes) -> bytes:
        """Return the decrypted hash. Raises `DecryptionFailed`."""
        if key_id is None:
            if self._require_encrypted:
                raise DecryptionFailed("the hash is not encrypted, and REQUIRE_ENCRYPTED_HASHES is set")
            return kept
        if key_id not in self._keys:
            raise DecryptionFailed("its key is not in HASH_KEYS")
        return self._keys[key_id].decrypt(kept, bound_to)


class _Key:
    """One key. It encrypts the same text to the same bytes: the nonce is a keyed digest of text and binding.

    Such a nonce repeats only if text and binding repeat (a random one could, after 2⁴⁸ hashes). A reader of the table
    learns that an account's hash is unchanged, and nothing about two accounts.
    """

    __slots__ = ("_cipher", "_nonce_key")

    def __init__(self, key: bytes) -> None:
        # The purpose is an input of every stored hash, so the old term remains.
        self._cipher = AESGCM(_derive(key, b"seal"))
        self._nonce_key = _derive(key, b"nonce")

    def encrypt(self, text: bytes, bound_to: bytes) -> bytes:
        material = len(bound_to).to_bytes(8, "big") + bound_to + text
        nonce = hmac.digest(self._nonce_key, material, "sha256")[:NONCE]
        return nonce + self._cipher.encrypt(nonce, text, bound_to)

    def decrypt(self, kept: bytes, bound_to: bytes) -> bytes:
        try:
            return self._cipher.decrypt(kept[:NONCE], kept[NONCE:], bound_to)
        except (InvalidTag, ValueError):
            raise DecryptionFailed("it belongs to another key or account, or was modified") from None


NO_KEYS = HashKeys({})


def binding(login_key: str, source: str, format_name: str, parameters: Mapping[str, Any]) -> bytes:
    """Return the binding of a hash: its login, its source, and the recipe that checks it."""
    return bound_to(login_key, recipe_context(source, format_name, parameters))


def recipe_context(source: str, format_name: str, parameters: Mapping[str, Any]) -> bytes:
    """Return the part of a binding that many hashes share."""
    return json.dumps([source, BOUND_NAMES.get(format_name, format_name), parameters], sort_keys=True).encode()


def bound_to(login_key: str, context: bytes) -> bytes:
    """Combine the parts of a binding; a login key never contains a NUL."""
    return login_key.encode() + b"\0" + context


def _derive(key: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), KEY, salt=None, info=b"password-import hash " + purpose).derive(key)
