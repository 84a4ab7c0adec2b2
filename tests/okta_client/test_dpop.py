"""DPoP: the proofs of a service app that requires them, against an org that verifies them as in the RFC."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from multidict import CIMultiDict, CIMultiDictProxy

from service.okta.errors import NoToken, Refused
from service.okta_client import OktaOrg, open_org, org_settings
from service.okta_client import dpop as service_dpop
from service.okta_client.credentials import PrivateKeyJwt, skew_texts
from service.okta_client.dpop import ProofKey, needs_nonce, without_query
from simulator import Org
from simulator.clients import Client
from simulator.dpop import BadProof, ProofVerifier, read_proof, thumbprint, token_hash
from tests.okta_client.test_org import SCOPES, oauth_settings, pem

# RFC 9449, figures 2 (a proof for the token endpoint) and 12 (one for a resource), and its access token.
KEY = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJo"
    "RjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19"
)
AT_TOKEN_ENDPOINT = (
    f"{KEY}.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuI"
    "iwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
)
AT_RESOURCE = (
    f"{KEY}.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90Z"
    "WN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9."
    "2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
)
TOKEN = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
TOKEN_HASH = "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"
THUMBPRINT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
RFC7638_KEY = {
    "kty": "RSA",
    "n": ""
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3ok"
    "njhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu"
    "6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8a"
    "wapJzKnqDKgw",
    "e": "AQAB",
    "alg": "RS256",
    "kid": "2011-04-29",
}


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def credentials(org: Org, key: rsa.RSAPrivateKey) -> PrivateKeyJwt:
    """Return credentials of an app that requires DPoP."""
    given = org_settings(oauth_settings(org, key, pem(key))).credentials
    assert isinstance(given, PrivateKeyJwt)
    org.clients["0oaservice"] = Client("0oaservice", frozenset(SCOPES.split()), public_key=key.public_key(), dpop=True)
    return given


@pytest.fixture
async def bound(org: Org, key: rsa.RSAPrivateKey, credentials: PrivateKeyJwt) -> AsyncIterator[OktaOrg]:
    settings = org_settings(oauth_settings(org, key, pem(key)))
    org.clients["0oaservice"] = Client("0oaservice", frozenset(SCOPES.split()), public_key=key.public_key(), dpop=True)
    async with open_org(type(settings)(settings.url, credentials, 10.0), share=1.0) as okta:
        yield okta


def claims_of(proof: str) -> dict[str, Any]:
    return read_proof(proof)[1]


# The RFCs' examples


def test_the_rfc_s_proof_for_the_token_endpoint_verifies() -> None:
    jwk, claims = read_proof(AT_TOKEN_ENDPOINT)
    assert thumbprint(jwk) == THUMBPRINT
    assert (claims["htm"], claims["htu"]) == ("POST", "https://server.example.com/token")


def test_the_rfc_s_proof_for_a_resource_verifies_and_has_the_hash_of_its_token() -> None:
    _, claims = read_proof(AT_RESOURCE)
    assert claims["ath"] == token_hash(TOKEN) == service_dpop.token_hash(TOKEN) == TOKEN_HASH


def test_the_thumbprint_of_rfc_7638_s_key_is_the_rfc_s() -> None:
    assert thumbprint(RFC7638_KEY) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_a_proof_whose_signature_is_changed_is_refused() -> None:
    with pytest.raises(BadProof):
        read_proof(AT_TOKEN_ENDPOINT[:-4] + "AAAA")


# The generated proofs


def test_a_proof_names_method_url_without_query_time_token_and_nonce() -> None:
    maker = ProofKey(clock=lambda: 1562262616.9)
    proof = maker.proof("GET", "https://example.okta.com/api/v1/users?limit=200#x", token=TOKEN, nonce="n1")
    header, claims = jwt.get_unverified_header(proof), claims_of(proof)
    assert (header["typ"], header["alg"], set(header["jwk"])) == ("dpop+jwt", "ES256", {"kty", "crv", "x", "y"})
    jti = claims.pop("jti")
    assert claims == {
        "htm": "GET",
        "htu": "https://example.okta.com/api/v1/users",
        "iat": 1562262616,
        "ath": TOKEN_HASH,
        "nonce": "n1",
    }
    assert claims_of(maker.proof("GET", "https://example.okta.com/"))["jti"] != jti


def test_the_url_of_a_proof_keeps_its_escapes() -> None:
    url = "https://example.okta.com/api/v1/users/a%40example.com"
    assert without_query(f"{url}?filter=x%2Fy") == url


def test_the_proof_key_is_not_the_client_s_and_no_key_is_shown(credentials: PrivateKeyJwt) -> None:
    assert isinstance(credentials.proof_key.key, ec.EllipticCurvePrivateKey)
    assert credentials.proof_key.key is not credentials.key
    assert "PrivateKey object" not in repr(credentials)


@pytest.mark.parametrize(
    "fault",
    [
        {"htm": "POST"},
        {"htu": "https://example.okta.com/other"},
        {"iat": 0},
        {"ath": "x"},
        {"jti": ""},
        {"nonce": "old"},
    ],
    ids=str,
)
def test_the_org_refuses_a_proof_of_another_request(fault: dict[str, object]) -> None:
    verifier, maker = ProofVerifier(), ProofKey()
    url = "https://example.okta.com/api/v1/users"
    good = maker.proof("GET", url, token=TOKEN, nonce=verifier.nonces.current)
    header = jwt.get_unverified_header(good)
    extra = {"typ": header["typ"], "jwk": header["jwk"]}
    bad = jwt.encode(claims_of(good) | fault, maker.key, algorithm="ES256", headers=extra)
    with pytest.raises(BadProof):
        verifier.verify([bad], "GET", url, token=TOKEN)
    assert verifier.verify([good], "GET", url, token=TOKEN)
    with pytest.raises(BadProof, match="used before"):
        verifier.verify([good], "GET", url, token=TOKEN)


# With an org


async def test_an_app_that_requires_proofs_is_served(org: Org, bound: OktaOrg) -> None:
    user = org.add_user("jessie@example.com")
    for _ in range(3):
        found = await bound.find_user("jessie@example.com")
        assert found is not None
        assert found.id == user.id
    assert len(org.bound_tokens) == 1


async def test_an_app_that_does_not_require_proofs_never_sends_one(org: Org, key: rsa.RSAPrivateKey) -> None:
    settings = org_settings(oauth_settings(org, key, pem(key)))
    async with open_org(settings) as okta:
        assert await okta.find_user("nobody@example.com") is None
        headers = await settings.credentials.headers(okta.calls._session, "GET", org.url)
    assert set(headers) == {"Authorization"}
    assert headers["Authorization"].startswith("Bearer ")
    assert isinstance(settings.credentials, PrivateKeyJwt)
    assert not settings.credentials._requires_proofs  # the request for the token had none either


async def test_a_nonce_that_expired_costs_one_more_call(org: Org, bound: OktaOrg) -> None:
    await bound.find_user("nobody@example.com")
    org.api_proofs.nonces.expire()
    assert await bound.find_user("nobody@example.com") is None


async def test_nonces_of_the_token_endpoint_and_of_the_api_are_two(
    org: Org, bound: OktaOrg, credentials: PrivateKeyJwt
) -> None:
    await bound.find_user("nobody@example.com")
    assert credentials._token_nonce == org.token_proofs.nonces.current
    assert credentials._api_nonce == org.api_proofs.nonces.current
    assert credentials._token_nonce != credentials._api_nonce


async def test_a_nonce_that_is_refused_again_and_again_ends_the_call(
    org: Org, bound: OktaOrg, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def refuse(_proofs: list[str], _method: str, _url: str, **_more: object) -> str:
        calls.append("call")
        raise BadProof("again", "n")

    await bound.find_user("nobody@example.com")
    monkeypatch.setattr(org.api_proofs, "verify", refuse)
    with pytest.raises(Refused, match="401"):
        await bound.find_user("nobody@example.com")
    assert len(calls) == 3  # the call, once more with a nonce, once more with a new token


async def test_a_token_endpoint_that_asks_for_a_nonce_twice_is_asked_no_more(
    org: Org, bound: OktaOrg, monkeypatch: pytest.MonkeyPatch
) -> None:
    proofs: list[str] = []

    def refuse(sent: list[str], *_: object, **_more: object) -> str:
        proofs.extend(sent)
        raise BadProof("a nonce is needed" if sent else "The DPoP proof JWT header is missing.", "n" if sent else None)

    monkeypatch.setattr(org.token_proofs, "verify", refuse)
    with pytest.raises(NoToken, match="Require Demonstrating Proof of Possession"):
        await bound.find_user("nobody@example.com")
    assert len({claims_of(proof)["jti"] for proof in proofs}) == len(proofs) == 2


async def test_a_clock_that_is_off_is_named_where_the_proof_is_refused(
    org: Org, bound: OktaOrg, monkeypatch: pytest.MonkeyPatch
) -> None:
    org.token_proofs.clock_ahead = 3600.0
    monkeypatch.setattr("service.okta_client.credentials.clock_ahead", lambda _at: 3600.0)
    with pytest.raises(NoToken, match="this machine's clock is 3600 s behind Okta's"):
        await bound.find_user("nobody@example.com")


async def test_a_proof_that_the_api_refuses_is_named_with_the_setting(
    org: Org, bound: OktaOrg, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **_more: object) -> str:
        raise BadProof("wrong")

    await bound.find_user("nobody@example.com")
    monkeypatch.setattr(org.api_proofs, "verify", refuse)
    with pytest.raises(Refused, match=r"invalid_dpop_proof.*Require Demonstrating Proof of Possession"):
        await bound.find_user("nobody@example.com")


def test_half_a_minute_of_skew_is_not_reported() -> None:
    assert skew_texts(CIMultiDictProxy(CIMultiDict())) == []
    assert skew_texts(SimpleNamespace(get=lambda _name: "no date")) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "status, headers, answer, expected",
    [
        (401, {"WWW-Authenticate": 'DPoP error="use_dpop_nonce"', "DPoP-Nonce": "n"}, None, True),
        (400, {"DPoP-Nonce": "n"}, {"error": "use_dpop_nonce"}, True),
        (401, {"WWW-Authenticate": 'DPoP error="use_dpop_nonce"'}, None, False),
        (401, {"WWW-Authenticate": 'Bearer error="use_dpop_nonce"', "DPoP-Nonce": "n"}, None, False),
        (200, {"DPoP-Nonce": "n"}, None, False),
    ],
)
def test_only_an_answer_that_brings_the_nonce_it_asks_for_is_tried_again(
    status: int, headers: dict[str, str], answer: object, expected: bool
) -> None:
    assert needs_nonce(status, CIMultiDictProxy(CIMultiDict(headers)), answer) is expected
