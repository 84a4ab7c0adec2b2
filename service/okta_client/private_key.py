"""Read the private key of a service app: PEM, JWK or the path of a file, as Okta's SDK takes them. Shows none, ever."""

from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class BadKey(Exception):
    """OKTA_CLIENT_PRIVATEKEY is neither a private key as PEM or JWK, nor the path of a file with one."""


def read_key(given: str) -> tuple[PrivateKey, str | None]:
    """Read a private key and, from a JWK, its id. Raises `BadKey`."""
    text = given.strip()
    if not text.startswith(("{", "-----")):
        try:
            text = Path(text).read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            raise BadKey from None
    try:
        if text.startswith("{"):
            jwk = jwt.PyJWK.from_json(text)
            return _private(jwk.key), jwk.key_id
        # In a variable, the ends of lines are often written as \n.
        algorithm = jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256)
        return _private(algorithm.prepare_key(text.replace("\\n", "\n"))), None
    except (jwt.PyJWTError, ValueError, TypeError):
        raise BadKey from None


def _private(key: object) -> PrivateKey:
    if not isinstance(key, PrivateKey):
        raise BadKey
    return key
