"""Parsing of the verdict in an answer to the password import hook."""

from simulator.answers import Answer

UPDATE_ACTION = "com.okta.action.update"


def verdict_of(answer: Answer) -> str | None:
    """Return `VERIFIED` or `UNVERIFIED` from an answer; no command means the default, None an unreadable answer."""
    members = answer.object() if answer.ok else None
    if members is None:
        return None
    verdict = "UNVERIFIED"
    for command in members.get("commands") or []:
        if isinstance(command, dict) and command.get("type") == UPDATE_ACTION:
            verdict = str((command.get("value") or {}).get("credential", verdict))
    return verdict
