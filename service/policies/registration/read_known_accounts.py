"""Reading what a policy does with people whom the legacy store knows, with its faults. Knows no rule."""

from service.okta.registration_answer import Cause, Deny
from service.policies.registration.document import Node
from service.policies.registration.policy import Complete, Everything
from service.policies.registration.read_effects import read_denial, read_settable

ALREADY_KNOWN = Deny(
    "You already have an account.",
    (
        Cause(
            "You already have an account. Sign in with the password that you have always used.",
            "ACCOUNT_EXISTS",
            "email",
        ),
    ),
)
"""What `known_accounts = "deny"` answers."""


def read_known_accounts(node: Node, sensitive: frozenset[str]) -> Deny | Complete | None:
    """Read `known_accounts`: to deny them, or to complete their profile."""
    if isinstance(node.value, str):
        word = node.choice(("deny", "complete"))
        return ALREADY_KNOWN if word == "deny" else Complete(Everything.EVERYTHING)
    members = node.table(("deny", "complete"))
    if isinstance(node.value, dict) and len(members) != 1:
        node.fault("known_accounts needs deny or complete, and not both")
    if "deny" in members:
        return read_denial(members["deny"], "email", ALREADY_KNOWN)
    return _complete(members["complete"], sensitive) if "complete" in members else None


def _complete(node: Node, sensitive: frozenset[str]) -> Complete:
    if isinstance(node.value, bool):
        if not node.value:
            node.fault("complete = false does nothing: leave known_accounts out")
        return Complete(Everything.EVERYTHING)
    for item in node.items():
        if item.value in sensitive:
            item.fault(
                f"{item.value!r} is listed as sensitive: it never arrives, so what the person typed would be lost"
            )
    return Complete(tuple(read_settable(item, item.text()) for item in node.items()))
