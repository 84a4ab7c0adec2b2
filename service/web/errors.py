"""Error responses as JSON, and the mapping of exceptions to HTTP statuses. To Okta a status is a retry instruction.

Okta never retries a 4xx, and retries a 5xx once. So errors of the caller are 4xx, our own errors are 503, and a full
queue is 429, because a retry would find it as full.
"""

import json
import math
from collections.abc import Mapping

from aiohttp import web
from aiohttp.web_protocol import RequestPayloadError

from service.auth.issuer_keys import IssuerUnreachable
from service.hashing.pool import CheckFailed, Overloaded
from service.okta.parsing import MalformedCall
from service.registration.code_policy import PolicyFailed
from service.signin.throttling import TooManyFailures
from service.signin.verify import NoAccounts, UnusableStoredHash
from service.store.database import DATABASE_UNAVAILABLE


def error_response(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return an error response, which names the fault and quotes nothing of the call."""
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    answer = web.Response(status=status, body=body, content_type="application/json", headers=headers)
    answer[ERROR_CODE] = code
    return answer


ERROR_CODE = web.ResponseKey("refusal_code", str)


def error_response_for(error: Exception) -> web.Response:
    """Return the response to Okta for an exception of a handler."""
    if isinstance(error, MalformedCall):
        return error_response(400, error.code, error.message)
    if isinstance(error, RequestPayloadError):
        return error_response(400, "body_broken", "the body does not have the length that its headers state")
    if isinstance(error, Overloaded | TooManyFailures):
        seconds = str(max(1, math.ceil(error.retry_after)))
        return error_response(429, *_LATER[type(error)], {"Retry-After": seconds})
    return error_response(503, fault_code(error), "internal error; no verdict was reached")


def error_code(error: Exception) -> str:
    """Return the code of the error response to `error`."""
    answer = http_error_response(error) if isinstance(error, web.HTTPException) else error_response_for(error)
    return answer[ERROR_CODE]


def fault_code(error: BaseException) -> str:
    """Return the code of an internal error."""
    for kinds, code in _FAULTS:
        if isinstance(error, kinds):
            return code
    return "fault"


OVERLOADED = "overloaded"

_LATER = {
    Overloaded: (OVERLOADED, "the check could not end in time"),
    TooManyFailures: ("throttled", "this login failed too often recently"),
}

# The order matters: TimeoutError is an OSError, and `DATABASE_UNAVAILABLE` is the broadest.
_FAULTS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    (TimeoutError, "out_of_time"),
    (NoAccounts, "no_accounts"),
    (UnusableStoredHash, "unusable_hash"),
    (CheckFailed, "check_failed"),
    (PolicyFailed, "policy_failed"),
    (IssuerUnreachable, "issuer_keys_away"),
    (DATABASE_UNAVAILABLE, "database_away"),
)

FAULT_CODES = (*(code for _, code in _FAULTS), "fault", "failure_uncounted")
"""Every label of the metric `faults`; the last one is from `SignInRecorder` and is not part of a response."""

HTTP_CODES = {
    404: ("no_such_path", "there is nothing at this path"),
    405: ("method_not_allowed", "this path does not support this method"),
    413: ("too_large", "the body is larger than any call that Okta makes"),
    415: ("not_json_media_type", "the Content-Type must be application/json"),
}


def http_error_response(error: web.HTTPException) -> web.Response:
    """Convert aiohttp's own error responses to ours."""
    code, message = HTTP_CODES.get(error.status, ("refused", "the call was rejected"))
    allow = error.headers.get("Allow")
    return error_response(error.status, code, message, {"Allow": allow} if allow else None)
