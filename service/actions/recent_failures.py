"""Look for failed calls of our hooks in the System Log of the last day. Knows no HTTP, and no settings of a hook."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from service.actions.hook_org import HookOrg
from service.okta.body import member, text_member
from service.okta.faults import Refused
from service.okta.hook_settings import Hook, HookKind
from service.okta.log_queries import bounded, failures_of
from service.policies.hook_faults import Fault, Finding

RECENT = timedelta(hours=24)


async def recent_failures(org: HookOrg, kind: HookKind, hooks: Sequence[Hook]) -> list[Finding]:
    """Say how often Okta failed to call these hooks, and why the last time. Raises `OktaFault`."""
    try:
        events, _ = await org.log_page(_question(kind))
    except Refused as refused:
        if not refused.is_about_us:
            raise
        return [Finding(Fault.FORBIDDEN, kind, f"the System Log: {refused}")]
    own = {hook.id for hook in hooks}
    failed = [each for each in events if own & set(_targets(each)) and not _is_success(each)]
    return [Finding(Fault.RECENT_FAILURES, kind, _summary(failed))] if failed else []


def _question(kind: HookKind) -> Mapping[str, str]:
    event = "inline_hook.executed" if kind.is_inline else "event_hook.delivery"
    until = datetime.now(UTC)
    # The newest first: other hooks of the org may have failed more often than there is room on a page.
    return bounded(until - RECENT, until, failures_of(event)) | {"sortOrder": "DESCENDING"}


def _summary(failed: Sequence[object]) -> str:
    last = failed[0]
    reason = text_member(last, "outcome", "reason") or text_member(last, "displayMessage")
    return f"{len(failed)} in 24 hours, the last at {text_member(last, 'published')}: {reason}"


def _targets(event: object) -> list[str]:
    targets = member(event, "target")
    return [text_member(each, "id") or "" for each in targets] if isinstance(targets, list) else []


def _is_success(event: object) -> bool:
    return text_member(event, "outcome", "result") == "SUCCESS"
