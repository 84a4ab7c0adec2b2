"""Bearer tokens that must be rejected: forged, expired, mis-issued, with confused algorithms, or not tokens at all."""

import base64
import hashlib
import hmac
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from service.auth.tokens import Expected, TokenFault

CLIENT, SCOPE, AUDIENCE, KID = "0oaclient", "hooks", "api://default", "the-issuer's-key"


@dataclass(frozen=True)
class Issuer:
    """An issuer, and what an attacker has: its public key, and a private key of his own."""

    url: str
    key: rsa.RSAPrivateKey = field(repr=False)
    kid: str = KID
    stranger: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048), repr=False)

    @property
    def expected(self) -> Expected:
        return Expected(self.url, AUDIENCE, (CLIENT,), SCOPE)

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        said = {"ver": 1, "jti": "AT.1", "iss": self.url, "aud": AUDIENCE, "iat": now, "exp": now + 3600}
        said |= {"cid": CLIENT, "scp": [SCOPE], "sub": CLIENT} | changes
        return {name: value for name, value in said.items() if value is not ...}

    def sign(self, header: dict[str, Any] | None = None, **changes: Any) -> bytes:
        """Return a token signed by the issuer, with valid claims except for `changes`."""
        return rs256(self.key, {"alg": "RS256", "kid": self.kid} | (header or {}), self.claims(**changes))

    def public_pem(self) -> bytes:
        return self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )


def b64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def unsigned(header: object, claims: object) -> bytes:
    return b64(json.dumps(header).encode()) + b"." + b64(json.dumps(claims).encode())


def rs256(key: rsa.RSAPrivateKey, header: object, claims: object) -> bytes:
    text = unsigned(header, claims)
    return text + b"." + b64(key.sign(text, padding.PKCS1v15(), SHA256()))


def hs256(secret: bytes, header: object, claims: object) -> bytes:
    text = unsigned(header, claims)
    return text + b"." + b64(hmac.digest(secret, text, hashlib.sha256))


def _other(issuer: Issuer, algorithm: str) -> bytes:
    """Return a token that is signed by another algorithm and names it."""
    header, claims = {"alg": algorithm, "kid": issuer.kid}, issuer.claims()
    text = unsigned(header, claims)
    match algorithm:
        case "ES256":
            signature = ec.generate_private_key(ec.SECP256R1()).sign(text, ec.ECDSA(SHA256()))
        case "EdDSA":
            signature = ed25519.Ed25519PrivateKey.generate().sign(text)
        case "PS256":
            pss = padding.PSS(padding.MGF1(SHA256()), padding.PSS.DIGEST_LENGTH)
            signature = issuer.key.sign(text, pss, SHA256())
        case _:
            signature = jwt.get_algorithm_by_name(algorithm).sign(text, issuer.key)
    return text + b"." + b64(signature)


def _sha1(issuer: Issuer) -> bytes:
    text = unsigned({"alg": "RS256", "kid": issuer.kid}, issuer.claims())
    return text + b"." + b64(issuer.key.sign(text, padding.PKCS1v15(), SHA1()))  # noqa: S303 (what must be refused)


def _swapped_claims(issuer: Issuer) -> bytes:
    header, _, signature = issuer.sign(cid="0oaother").split(b".")
    return b".".join([header, b64(json.dumps(issuer.claims()).encode()), signature])


def _respelled(token: bytes) -> bytes:
    """Return the same bytes in base64 with other spare bits in the last character, which decoders ignore."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + bytes([alphabet[alphabet.index(token[-1]) + 1]])


def _own_key_in_header(issuer: Issuer, **header: Any) -> bytes:
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(issuer.stranger.public_key(), as_dict=True)
    return rs256(issuer.stranger, {"alg": "RS256", "kid": issuer.kid, "jwk": jwk} | header, issuer.claims())


def _signed(issuer: Issuer, claims: bytes) -> bytes:
    """Return any bytes as claims, signed by the issuer."""
    text = b64(json.dumps({"alg": "RS256", "kid": issuer.kid}).encode()) + b"." + b64(claims)
    return text + b"." + b64(issuer.key.sign(text, padding.PKCS1v15(), SHA256()))


def _spelt(issuer: Issuer, members: bytes) -> bytes:
    """Return valid claims, followed by members in the given spelling."""
    return _signed(issuer, json.dumps(issuer.claims(exp=...)).encode()[:-1] + b", " + members + b"}")


def _now(seconds: int) -> int:
    return int(time.time()) + seconds


F = TokenFault
FORGED: dict[str, tuple[TokenFault, Callable[[Issuer], bytes]]] = {
    "alg none": (F.MALFORMED, lambda i: unsigned({"alg": "none", "kid": i.kid}, i.claims()) + b"."),
    "alg none with a signature": (F.ALGORITHM, lambda i: i.sign({"alg": "none"})),
    "alg None": (F.ALGORITHM, lambda i: i.sign({"alg": "None"})),
    "alg nOnE": (F.ALGORITHM, lambda i: i.sign({"alg": "nOnE"})),
    "no alg": (F.ALGORITHM, lambda i: rs256(i.key, {"kid": i.kid}, i.claims())),
    "alg rs256": (F.ALGORITHM, lambda i: i.sign({"alg": "rs256"})),
    "alg a list": (F.ALGORITHM, lambda i: i.sign({"alg": ["RS256"]})),
    "alg null": (F.ALGORITHM, lambda i: i.sign({"alg": None})),
    "HS256 by the public key": (
        F.ALGORITHM,
        lambda i: hs256(i.public_pem(), {"alg": "HS256", "kid": i.kid}, i.claims()),
    ),
    "HS256 said to be RS256": (
        F.SIGNATURE,
        lambda i: hs256(i.public_pem(), {"alg": "RS256", "kid": i.kid}, i.claims()),
    ),
    "HS256 by nothing": (F.ALGORITHM, lambda i: hs256(b"", {"alg": "HS256", "kid": i.kid}, i.claims())),
    "RS384": (F.ALGORITHM, lambda i: _other(i, "RS384")),
    "RS512": (F.ALGORITHM, lambda i: _other(i, "RS512")),
    "PS256": (F.ALGORITHM, lambda i: _other(i, "PS256")),
    "ES256": (F.ALGORITHM, lambda i: _other(i, "ES256")),
    "EdDSA": (F.ALGORITHM, lambda i: _other(i, "EdDSA")),
    "RSA over SHA-1": (F.SIGNATURE, _sha1),
    "a stranger's signature": (F.SIGNATURE, lambda i: rs256(i.stranger, {"alg": "RS256", "kid": i.kid}, i.claims())),
    "a stranger's key in jwk": (F.SIGNATURE, _own_key_in_header),
    "a stranger's key at jku": (
        F.SIGNATURE,
        lambda i: _own_key_in_header(i, jku="https://attacker.example/keys"),
    ),
    "a stranger's key at x5u": (
        F.SIGNATURE,
        lambda i: _own_key_in_header(i, x5u="https://attacker.example/cert"),
    ),
    "a stranger's key under its own id": (F.UNKNOWN_KEY, lambda i: _own_key_in_header(i, kid="stranger")),
    "kid a path": (F.UNKNOWN_KEY, lambda i: i.sign({"kid": "../../dev/null"})),
    "kid SQL": (F.UNKNOWN_KEY, lambda i: i.sign({"kid": "' OR 1=1 --"})),
    "kid a list": (F.MALFORMED, lambda i: i.sign({"kid": [i.kid]})),
    "no kid": (F.UNKNOWN_KEY, lambda i: rs256(i.key, {"alg": "RS256"}, i.claims())),
    "crit": (F.MALFORMED, lambda i: i.sign({"crit": ["exp"]})),
    "crit b64": (F.MALFORMED, lambda i: i.sign({"crit": ["b64"], "b64": False})),
    "b64": (F.MALFORMED, lambda i: i.sign({"b64": False})),
    "zip": (F.ALGORITHM, lambda i: i.sign({"zip": "DEF"})),
    "claims of another token": (F.SIGNATURE, _swapped_claims),
    "no signature": (F.MALFORMED, lambda i: i.sign().rpartition(b".")[0] + b"."),
    "two parts": (F.MALFORMED, lambda i: i.sign().rpartition(b".")[0]),
    "five parts, as JWE has": (F.MALFORMED, lambda i: i.sign() + b".YQ.YQ"),
    "half a signature": (F.SIGNATURE, lambda i: i.sign()[:-102]),
    "a bit of the signature flipped": (F.SIGNATURE, lambda i: i.sign()[:-5] + b"AAAAA"),
    "characters that base64 skips": (F.MALFORMED, lambda i: i.sign() + b"!"),
    "another spelling of the same signature": (F.MALFORMED, lambda i: _respelled(i.sign())),
    "padded base64": (F.MALFORMED, lambda i: i.sign() + b"=="),
    "expired": (F.EXPIRED, lambda i: i.sign(exp=_now(-121))),
    "expired for long": (F.EXPIRED, lambda i: i.sign(exp=1)),
    "without an end": (F.EXPIRED, lambda i: i.sign(exp=...)),
    "end null": (F.EXPIRED, lambda i: i.sign(exp=None)),
    "end a text": (F.EXPIRED, lambda i: i.sign(exp=str(_now(3600)))),
    "end in words that JSON lacks": (F.MALFORMED, lambda i: i.sign(exp=math.inf)),
    "end no number": (F.MALFORMED, lambda i: i.sign(exp=math.nan)),
    "end too large for a float": (F.EXPIRED, lambda i: _spelt(i, b'"exp": 1e999')),
    "end too large for anything": (F.EXPIRED, lambda i: _spelt(i, b'"exp": 1' + b"0" * 5000)),
    "end in a list": (F.EXPIRED, lambda i: i.sign(exp=[_now(3600)])),
    "end twice, the last one gone": (F.EXPIRED, lambda i: _spelt(i, b'"exp": 99999999999, "exp": 1')),
    "issuer twice, the last one another": (
        F.ISSUER,
        lambda i: _spelt(i, b'"exp": 99999999999, "iss": "https://attacker.example"'),
    ),
    "a byte order mark before the claims": (
        F.MALFORMED,
        lambda i: _signed(i, b"\xef\xbb\xbf" + json.dumps(i.claims()).encode()),
    ),
    "claims in UTF-16": (F.MALFORMED, lambda i: _signed(i, json.dumps(i.claims()).encode("utf-16"))),
    "claims and more": (F.MALFORMED, lambda i: _signed(i, json.dumps(i.claims()).encode() + b"{}")),
    "end true": (F.EXPIRED, lambda i: i.sign(exp=True)),
    "end negative": (F.EXPIRED, lambda i: i.sign(exp=-1)),
    "not yet valid": (F.NOT_YET, lambda i: i.sign(nbf=_now(180))),
    "valid from a text": (F.NOT_YET, lambda i: i.sign(nbf="0")),
    "another org's": (F.ISSUER, lambda i: i.sign(iss="https://attacker.okta.com/oauth2/default")),
    "the org server's": (F.ISSUER, lambda i: i.sign(iss=i.url.partition("/oauth2")[0])),
    "issuer with a slash": (F.ISSUER, lambda i: i.sign(iss=i.url + "/")),
    "issuer with a longer name": (F.ISSUER, lambda i: i.sign(iss=i.url + "2")),
    "issuer in capitals": (F.ISSUER, lambda i: i.sign(iss=i.url.upper())),
    "issuer a list": (F.ISSUER, lambda i: i.sign(iss=[i.url])),
    "no issuer": (F.ISSUER, lambda i: i.sign(iss=...)),
    "another audience": (F.AUDIENCE, lambda i: i.sign(aud="api://other")),
    "audience within a text": (F.AUDIENCE, lambda i: i.sign(aud="api://default2 api://default")),
    "audiences none": (F.AUDIENCE, lambda i: i.sign(aud=[])),
    "no audience": (F.AUDIENCE, lambda i: i.sign(aud=...)),
    "audience an object": (F.AUDIENCE, lambda i: i.sign(aud={AUDIENCE: True})),
    "another client": (F.CLIENT, lambda i: i.sign(cid="0oaother")),
    "no client": (F.CLIENT, lambda i: i.sign(cid=...)),
    "client a list": (F.CLIENT, lambda i: i.sign(cid=[CLIENT])),
    "the client in sub alone": (F.CLIENT, lambda i: i.sign(cid=None, sub=CLIENT)),
    "another scope": (F.SCOPE, lambda i: i.sign(scp=["hooks.read"])),
    "no scope": (F.SCOPE, lambda i: i.sign(scp=...)),
    "scope a text": (F.SCOPE, lambda i: i.sign(scp="hooks")),
    "scope within a text": (F.SCOPE, lambda i: i.sign(scp=["webhooks hooks"])),
    "scope in scope": (F.SCOPE, lambda i: i.sign(scp=..., scope="hooks")),
    "claims a list": (F.MALFORMED, lambda i: rs256(i.key, {"alg": "RS256", "kid": i.kid}, [i.claims()])),
    "claims no JSON": (
        F.MALFORMED,
        lambda i: (text := b64(b'{"alg":"RS256","kid":"' + i.kid.encode() + b'"}') + b"." + b64(b"{")) + b"."
        + b64(i.key.sign(text, padding.PKCS1v15(), SHA256())),
    ),
    "header deeply nested": (F.MALFORMED, lambda _: b64(b"[" * 2800 + b"]" * 2800) + b".e30.YQ"),
    "header a list": (F.MALFORMED, lambda _: b64(b"[]") + b".e30.YQ"),
    "header no UTF-8": (F.MALFORMED, lambda _: b64(b"\xff") + b".e30.YQ"),
    "nothing": (F.MALFORMED, lambda _: b""),
    "an opaque token": (F.MALFORMED, lambda _: b"eyJ.opaque"),
    "an API token": (F.MALFORMED, lambda _: b"00QCjAl4MlV-WPXM-ABCDEFGHIJKLMNO"),
}  # fmt: skip
