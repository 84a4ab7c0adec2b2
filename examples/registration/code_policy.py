"""A registration policy in Python: REGISTRATION_POLICY=examples.registration.code_policy:screen.

For rules that TOML cannot express; here, invitations that expire. docs/registration.md describes the values.
"""

from datetime import UTC, datetime

from service.registration import Allow, Cause, Decision, Deny, Kind, ScreeningRequest

INVITATIONS = {"A7K2": datetime(2099, 12, 31, tzinfo=UTC), "B3M9": datetime(2020, 1, 31, tzinfo=UTC)}
"""Codes with their expiry dates. A real policy would query a database, with a client created at the first call."""


async def screen(request: ScreeningRequest) -> Decision:
    """Allow people to register with a valid invitation."""
    if request.kind is not Kind.REGISTRATION:
        return Allow()
    expires = INVITATIONS.get(str(request.profile.get("invitation")))
    if expires is None:
        return _denied("We don't know this invitation.", "UNKNOWN_INVITATION")
    if expires < datetime.now(UTC):
        return _denied("This invitation has run out. Ask for another.", "EXPIRED_INVITATION")
    return Allow(updates=({"userType": "invited"},))


def _denied(message: str, reason: str) -> Deny:
    return Deny("The invitation is not good.", (Cause(message, reason, attribute="invitation"),))
