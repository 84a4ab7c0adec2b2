"""Calls of hooks as reported by the System Log: log events to values.

`inline_hook.executed` reports a failed call, `inline_hook.response.processed` how Okta used an answer, and
`event_hook.delivery` an abandoned delivery. They include failures that only Okta sees: a call that timed out before it
arrived, and an answer that arrived too late. https://developer.okta.com/docs/reference/api/event-types/
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from service.immutable import immutable
from service.okta.events import MAX_TEXT
from service.okta.parsing import is_storable, member, text_member
from service.okta.password_import import trace
from service.okta.users import read_time

EXECUTED = "inline_hook.executed"
PROCESSED = "inline_hook.response.processed"
DELIVERY = "event_hook.delivery"
TYPES = (EXECUTED, PROCESSED, DELIVERY)
HOOK_CALLS = " or ".join(f'eventType eq "{each}"' for each in TYPES)
"""The System Log filter for these events."""
OUTCOMES = ("SUCCESS", "FAILURE", "SKIPPED", "ALLOW", "DENY", "CHALLENGE", "DEFERRED", "ABANDONED", "RATE_LIMIT")
"""A closed set, because it is a metric's label; any other value is UNKNOWN."""
CODE = re.compile(r"[0-9a-f]{16}")
"""The code of an answer, which identifies the audit record; Okta copies the answer's `debugContext` into the event."""
DEEPEST = 8


@immutable
class HookCall:
    """A call of a hook, as reported by Okta."""

    uuid: str
    event: str
    outcome: str
    reason: str | None
    hook_id: str | None
    code: str | None
    request_id: str | None
    published: datetime | None


def read_hook_calls(items: Iterable[object]) -> Iterator[HookCall]:
    """Parse log events; events of other types or without a uuid are skipped."""
    for item in items:
        event, uuid = text_member(item, "eventType"), text_member(item, "uuid")
        if event not in TYPES or not uuid or not is_storable(uuid) or len(uuid.encode()) > MAX_TEXT:
            continue
        yield HookCall(
            uuid=uuid,
            event=event,
            outcome=outcome if (outcome := text_member(item, "outcome", "result")) in OUTCOMES else "UNKNOWN",
            reason=_short(text_member(item, "outcome", "reason") or text_member(item, "displayMessage")),
            hook_id=_hook_of(item),
            code=_code_in(member(item, "debugContext")),
            request_id=trace(text_member(item, "transaction", "id")),
            published=read_time(text_member(item, "published")),
        )


def _hook_of(item: object) -> str | None:
    targets = member(item, "target")
    found = [text_member(each, "id") for each in targets] if isinstance(targets, list) else []
    return next((_short(each) for each in found if each and each.startswith(("cal", "who"))), None)


def _code_in(value: object, depth: int = 0) -> str | None:
    """Find the code at any depth of Okta's copy: its position is not documented."""
    if isinstance(value, str):
        found = CODE.search(value) if len(value) <= MAX_TEXT else None
        return found.group() if found else None
    if depth == DEEPEST or not isinstance(value, dict | list):
        return None
    inner = value.values() if isinstance(value, dict) else value
    return next((code for each in inner if (code := _code_in(each, depth + 1))), None)


def _short(text: str | None) -> str | None:
    return text[:255] if text and is_storable(text) else None
