"""Invariants that no history may violate, whatever the model allows. Pure: compares two worlds."""

from collections.abc import Iterable, Iterator

from tests.histories.model import Account, World, meant_by_event

TOMBSTONES = {"migrated", "retired"}
OTHER_PROOFS = {"password_in_okta", "deactivated_in_okta", "deleted_in_okta", "end_of_programme"}


def breaches(before: World, after: World, acknowledged: Iterable[str]) -> Iterator[str]:
    """Yield the violations of a step from one world to the other."""
    for login, account in after.accounts.items():
        known = before.accounts.get(login, Account())
        if account.state in TOMBSTONES and account.hashes:
            yield f"{login} is a tombstone and has a hash"
        if known.state in TOMBSTONES and account.state not in TOMBSTONES:
            yield f"{login} was a tombstone"
        if known.hashes and not account.hashes and not _is_proven(after, account):
            yield f"the hash of {login} is gone without its proof"
    if not before.accounts.keys() <= after.accounts.keys():
        yield "an account is gone"
    if not {*acknowledged, *before.events} <= after.events.keys():
        yield "an event is lost"
    for event, effect in after.events.values():
        selected = after.accounts.get(meant_by_event(after, event) or "")
        # Under another Okta id it would be a mismatch, and nothing would be deleted.
        is_missed = selected is not None and selected.okta_id in {None, event.okta_id}
        if event.outcome == "SUCCESS" and effect == "unmatched" and is_missed:
            yield f"the SUCCESS {event} is unmatched although its account exists"


def _is_proven(world: World, account: Account) -> bool:
    event, effect = world.events.get(account.proof or "", (None, ""))
    by_success = event is not None and event.outcome == "SUCCESS" and effect == "migrated"
    return by_success if account.state == "migrated" else account.proof in OTHER_PROOFS
