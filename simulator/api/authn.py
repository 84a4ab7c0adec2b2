"""`POST /api/v1/authn`, the sign-in of Okta's Classic Engine, and the simulator's own sign-in for scripts."""

import json

from aiohttp import web

from simulator.answers import Fault
from simulator.api.errors import ApiError
from simulator.channel import JsonObject
from simulator.ids import okta_time
from simulator.keys import ORG
from simulator.org import PERSONS_ADDRESS
from simulator.sign_in import Outcome, SignIn
from simulator.user import User


async def authenticate(request: web.Request) -> web.Response:
    """Sign in and answer as Okta does: a session token, or an error without the reason."""
    org = request.app[ORG]
    members = await read_json(request)
    name, password = str(members.get("username", "")), str(members.get("password", ""))
    ip = request.headers.get("X-Forwarded-For", PERSONS_ADDRESS).partition(",")[0].strip()
    result = await org.sign_in(name, password, ip=ip, path="/api/v1/authn")
    if not result.signed_in or result.user is None:
        raise _refusal(result)
    token = {"status": "SUCCESS", "sessionToken": org.ids.token(28)}
    return web.json_response(token | {"_embedded": {"user": _summary(result.user)}})


async def sign_in(request: web.Request) -> web.Response:
    """Sign in and return everything that happened (`POST /simulator/sign-in`, JSON)."""
    members = await read_json(request)
    ip = str(members.get("ip", PERSONS_ADDRESS))
    name, password = str(members.get("username", "")), str(members.get("password", ""))
    result = await request.app[ORG].sign_in(name, password, ip=ip)
    return web.json_response(sign_in_result(result))


async def read_json(request: web.Request) -> JsonObject:
    """Parse the body as a JSON object. Raises `ApiError`."""
    try:
        members = json.loads(await request.read())
    except ValueError:
        raise ApiError("E0000003") from None
    if not isinstance(members, dict):
        raise ApiError("E0000003")
    return members


def sign_in_result(result: SignIn) -> JsonObject:
    """Return the result of a sign-in as plain members."""
    answer = result.answer
    return {
        "signedIn": result.signed_in,
        "outcome": result.outcome,
        "userId": result.user.id if result.user else None,
        "login": result.user.login if result.user else None,
        "provider": result.user.provider if result.user else None,
        "hookCalled": result.hook_called,
        "hookStatus": answer.status if answer else None,
        "hookAttempts": answer.attempts if answer else 0,
        "hookFault": answer.fault if answer else None,
        "verdict": result.verdict,
        "imported": result.imported,
        "requestId": result.request_id,
    }


def _refusal(result: SignIn) -> ApiError:
    # Okta's catalogue lists these for failed inline hooks; whether /authn returns them is not documented.
    if result.outcome is Outcome.HOOK_FAILED and result.answer:
        return ApiError("E0000137" if result.answer.fault is Fault.TIMEOUT else "E0000134")
    return ApiError("E0000004")


def _summary(user: User) -> JsonObject:
    changed = okta_time(user.password_changed) if user.password_changed else None
    names = {name: user.profile.get(name) for name in ("login", "firstName", "lastName")}
    return {
        "id": user.id,
        "passwordChanged": changed,
        "profile": names | {"locale": "en_US", "timeZone": "UTC"},
    }
