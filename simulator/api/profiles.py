"""Validation of a user's profile."""

import re

from simulator.api.errors import ApiError
from simulator.channel import JsonObject
from simulator.org import Org

LOGIN_LENGTH = range(5, 101)
NAME_LENGTH = range(1, 51)
EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


def check_profile(org: Org, profile: JsonObject) -> None:
    """Reject a profile that Okta rejects. Raises `ApiError` with a cause for each fault."""
    causes = [f"{name}: The field cannot be left blank" for name in ("login", "email") if not profile.get(name)]
    if not causes:
        causes += _login_faults(str(profile["login"])) + _email_faults(str(profile["email"]))
    causes += _name_faults(profile)
    known = org.attributes | org.attribute_types.keys()
    causes += [f"{name}: is not defined in the user schema" for name in profile if name not in known]
    causes += [f"{name}: must be a {kind}" for name, kind in _wrong_types(org, profile)]
    if causes:
        raise ApiError("E0000001", *causes, summary=f"Api validation failed: {causes[0].partition(':')[0]}")


def _wrong_types(org: Org, profile: JsonObject) -> list[tuple[str, str]]:
    types = {"number": (int, float), "integer": (int,), "boolean": (bool,), "array": (list,)}
    typed = [(name, org.attribute_types[name]["type"]) for name in profile if name in org.attribute_types]
    return [(name, kind) for name, kind in typed if not isinstance(profile[name], types.get(kind, (str,)))]


def _login_faults(login: str) -> list[str]:
    faults = [] if len(login) in LOGIN_LENGTH else ["login: must be from 5 to 100 characters"]
    return faults if EMAIL.fullmatch(login) else [*faults, "login: Username must be in the form of an email address"]


def _email_faults(email: str) -> list[str]:
    return [] if EMAIL.fullmatch(email) else ["email: Does not match required pattern"]


def _name_faults(profile: JsonObject) -> list[str]:
    return [
        f"{name}: must be from 1 to 50 characters"
        for name in ("firstName", "lastName")
        if name in profile and len(str(profile[name] or "")) not in NAME_LENGTH
    ]
