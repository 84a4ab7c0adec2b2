"""The token endpoints: the org's own (opaque tokens for its API) and the custom server's (JWTs for hooks)."""

import hmac
from collections.abc import Mapping

import jwt
from aiohttp import web

from simulator.channel import JsonObject
from simulator.clients import TOKEN_LIFE, Client, assertion_fault
from simulator.dpop import BadProof
from simulator.keys import ORG
from simulator.org import Org

SERVER = "/oauth2/default"


class TokenRefused(Exception):
    """No token is issued, for a reason with OAuth's error code (RFC 6749, 5.2)."""

    def __init__(
        self, error: str, description: str, status: int = 400, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(error)
        self.error, self.description, self.status, self.headers = error, description, status, headers


async def org_token(request: web.Request) -> web.Response:
    """Issue a token for the management API: only `private_key_jwt`, as Okta requires for `okta.*` scopes."""
    org = request.app[ORG]
    form = await _form(request)
    try:
        client, scopes = _grant(org, form, f"{org.url}/oauth2/v1/token", secret_allowed=False)
        bound_to = _proof_key(org, request) if client.dpop else None
    except TokenRefused as refused:
        return _refusal(refused)
    token = f"eyJ.{org.ids.token(60)}"
    org.access_tokens[token] = frozenset(scopes)
    if bound_to is not None:
        org.bound_tokens[token] = bound_to
    return _granted(token, scopes, "Bearer" if bound_to is None else "DPoP")


def _proof_key(org: Org, request: web.Request) -> str:
    """Verify the proof of a token request; return the thumbprint of its key."""
    try:
        return org.token_proofs.verify(request.headers.getall("DPoP", []), "POST", f"{org.url}{request.path}")
    except BadProof as bad:
        error = "use_dpop_nonce" if bad.nonce else "invalid_dpop_proof"
        raise TokenRefused(error, str(bad), headers={"DPoP-Nonce": bad.nonce} if bad.nonce else None) from None


async def server_token(request: web.Request) -> web.Response:
    """Issue a JWT that a hook's service can validate."""
    org = request.app[ORG]
    form = await _form(request)
    try:
        client, scopes = _grant(org, form, f"{org.url}{SERVER}/v1/token", secret_allowed=True)
    except TokenRefused as refused:
        return _refusal(refused)
    return _granted(org.authorization_server.issue(org.issuer, client.id, scopes), scopes)


async def metadata(request: web.Request) -> web.Response:
    """Return the custom server's metadata (RFC 8414)."""
    issuer = request.app[ORG].issuer
    return web.json_response(
        {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/v1/authorize",
            "token_endpoint": f"{issuer}/v1/token",
            "jwks_uri": f"{issuer}/v1/keys",
            "response_types_supported": ["code"],
            "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
            "subject_types_supported": ["public"],
        }
    )


async def keys(request: web.Request) -> web.Response:
    """Return the published keys; Okta allows caching for two months, unless it rotates them."""
    jwks = request.app[ORG].authorization_server.jwks()
    return web.json_response(jwks, headers={"Cache-Control": "max-age=5184000, must-revalidate"})


async def _form(request: web.Request) -> dict[str, str]:
    return {name: str(value) for name, value in (await request.post()).items()}


def _grant(org: Org, form: Mapping[str, str], audience: str, *, secret_allowed: bool) -> tuple[Client, list[str]]:
    if form.get("grant_type") != "client_credentials":
        raise TokenRefused("unsupported_grant_type", "Only client_credentials is simulated.")
    client = org.clients.get(form.get("client_id") or _subject(form.get("client_assertion", "")))
    if client is None:
        raise TokenRefused("invalid_client", "Invalid value for 'client_id' parameter.", 401)
    secret = form.get("client_secret")
    if secret_allowed and secret and client.secret:
        if not hmac.compare_digest(secret.encode(), client.secret.encode()):
            raise TokenRefused("invalid_client", "The client secret is invalid.", 401)
    elif fault := assertion_fault(client, form.get("client_assertion", ""), audience):
        raise TokenRefused("invalid_client", fault, 401)
    scopes = form.get("scope", "").split()
    if not scopes or not client.scopes.issuperset(scopes):
        raise TokenRefused("invalid_scope", "One or more scopes are not configured for the client.")
    return client, scopes


def _subject(assertion: str) -> str:
    # Only to find the client; the signature is verified with that client's key afterwards.
    try:
        return str(jwt.decode(assertion, options={"verify_signature": False}).get("sub", ""))
    except jwt.InvalidTokenError:
        return ""


def _granted(token: str, scopes: list[str], token_type: str = "Bearer") -> web.Response:  # noqa: S107 (a type)
    members: JsonObject = {"token_type": token_type, "expires_in": TOKEN_LIFE, "access_token": token}
    return web.json_response(members | {"scope": " ".join(scopes)})


def _refusal(refused: TokenRefused) -> web.Response:
    members = {"error": refused.error, "error_description": refused.description}
    return web.json_response(members, status=refused.status, headers=refused.headers)
