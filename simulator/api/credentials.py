"""The effect of the `credentials` member of a create or update request on a user."""

from simulator.api.errors import ApiError
from simulator.channel import JsonObject
from simulator.org import Org
from simulator.passwords import ImportedHash, OwnPassword, hash_fault
from simulator.user import Status, User

LONGEST_PASSWORD = 72


def apply_credentials(org: Org, user: User, credentials: JsonObject | None, *, creating: bool) -> None:
    """Set a user's password from a hook, a hash or a value. Raises `ApiError` without changing anything."""
    password = (credentials or {}).get("password")
    if not isinstance(password, dict) or not password:
        return
    if "hook" in password:
        _hook(user, password["hook"], creating=creating)
    elif "hash" in password:
        _hash(user, password["hash"], creating=creating)
    elif "value" in password:
        _value(user, str(password["value"]))
    user.password_changed = org.clock.now()
    if not creating:
        org.log_about(user, "user.account.update_password", "User update password for Okta")


def _hook(user: User, hook: object, *, creating: bool) -> None:
    if not isinstance(hook, dict) or hook.get("type") != "default":
        raise _refused("password.hook.type: must be default")
    # Since 2023 Okta accepts a hook for users of any status, and arms them again even if Okta has their password.
    user.rearmed += not creating
    user.password_hook, user.password = True, None


def _hash(user: User, members: object, *, creating: bool) -> None:
    if not creating and user.status is not Status.STAGED:
        raise _refused("password.hash: can be set only for a new or STAGED user")
    fault = hash_fault(members) if isinstance(members, dict) else "password.hash: must be an object"
    if fault or not isinstance(members, dict):
        raise _refused(str(fault))
    user.password_hook, user.password = False, ImportedHash(members)


def _value(user: User, value: str) -> None:
    if not value or len(value) > LONGEST_PASSWORD:
        raise _refused("password: Password requirements were not met.")
    user.password_hook, user.password = False, OwnPassword.of(value)


def _refused(cause: str) -> ApiError:
    return ApiError("E0000001", cause, summary="Api validation failed: password")
