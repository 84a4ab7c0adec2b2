"""The log events of a sign-in: the import of a password, and the start of a session."""

from simulator.hooks import IMPORT_EVENT
from simulator.log import user_block
from simulator.payloads import Caused
from simulator.state import OrgState
from simulator.user import User

OTHER_TARGET = {"type": "AuthenticatorEnrollment", "alternateId": "unknown", "displayName": "Password"}
DASHBOARD = {
    "id": "0oa0dashboard0000000",
    "type": "AppInstance",
    "alternateId": "Okta Dashboard",
    "displayName": "Okta Dashboard",
}


def log_import(org: OrgState, user: User, caused: Caused, failure: str | None = None) -> None:
    """Log an import: SUCCESS, or FAILURE with its reason. Okta does not document the reasons' texts."""
    own = user_block(user) | {"detailEntry": {"import_type": "Incremental"}}
    other = {"id": org.ids.okta("lae")} | OTHER_TARGET
    org.log.add(
        IMPORT_EVENT,
        "Imported user password",
        caused,
        actor=user_block(user),
        # "Target types aren't always in the same array location" (Okta's LogEvent schema).
        targets=org.chance.choice(([own], [other, own], [own, other])),
        result="FAILURE" if failure else "SUCCESS",
        reason=failure,
        delay=org.switches.log_delay,
    )


def log_session(org: OrgState, user: User | None, caused: Caused, username: str, *, signed_in: bool) -> None:
    """Log that a session started, or that none did."""
    unknown = {"id": "unknown", "type": "User", "alternateId": username, "displayName": "unknown"}
    failure = None if signed_in else "INVALID_CREDENTIALS" if user else "VERIFICATION_ERROR"
    org.log.add(
        "user.session.start",
        "User login to Okta",
        caused,
        actor=user_block(user) if user else unknown,
        targets=[dict(DASHBOARD)] if signed_in else [],
        result="FAILURE" if failure else "SUCCESS",
        reason=failure,
    )
