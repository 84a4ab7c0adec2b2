"""Requests as Okta sends them, and a policy's answers to them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from service.okta.registration import ScreeningRequest, parse_request, write_answer
from service.registration.evaluate import judge
from service.registration.parse import read_policy
from service.registration.policy import Policy

ROOT = Path(__file__).parent.parent.parent
SAMPLES = ROOT / "tests" / "okta" / "samples" / "registration"
EXAMPLES = ROOT / "examples" / "registration"

NOTHING: dict[str, Any] = {}
EMAIL = "jo@example.com"
JO: dict[str, object] = {"login": EMAIL, "email": EMAIL, "firstName": "Jo", "lastName": "Doe"}


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def example(name: str) -> Policy:
    return read_policy((EXAMPLES / name).read_text(encoding="utf-8"), name)


def call(request_type: object = "self.service.registration", **data: object) -> bytes:
    """Return the body of a call whose `data` is this."""
    envelope = {
        "eventId": "04Dmt8BcT_aEgM",
        "eventType": "com.okta.user.pre-registration",
        "requestType": request_type,
        "data": {"action": "ALLOW", **data},
    }
    return json.dumps(envelope).encode()


def registration(profile: object) -> bytes:
    """Return the body of a call for a person who registers with this profile."""
    return call(userProfile=profile)


def update(changed: object, user: object = None) -> bytes:
    """Return the body of a call for a person who adds this to the existing profile."""
    context = {"user": {"id": "00u48gwcu01WxvNo", "profile": user or {"login": "jo@example.com"}}}
    return call("progressive.profile", userProfileUpdate=changed, context=context)


def answer(policy: Policy | str, body: bytes, legacy: Mapping[str, object] | None = None) -> dict[str, Any]:
    """Return the answer to Okta, parsed; `NOTHING` for 204."""
    request: ScreeningRequest = parse_request(body)
    policy = read_policy(policy) if isinstance(policy, str) else policy
    written = write_answer(request.kind, judge(policy, request, legacy).decision)
    return NOTHING if written is None else dict(json.loads(written))


def is_denied(answered: Mapping[str, Any]) -> bool:
    """Return whether Okta would deny the registration."""
    denying = {"type": "com.okta.action.update", "value": {"registration": "DENY"}}
    return "error" in answered or denying in answered.get("commands", ())
