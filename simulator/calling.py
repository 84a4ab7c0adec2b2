"""Calls of the org's hooks with the configured credentials."""

import time
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus

from simulator.answers import Answer, Call, Fault
from simulator.channel import JsonObject
from simulator.hook_tokens import hook_token
from simulator.hooks import EventHook, InlineHook
from simulator.log import SYSTEM
from simulator.payloads import Caused
from simulator.state import OrgState


async def call_inline(org: OrgState, hook: InlineHook, caused: Caused, payload: JsonObject) -> Answer:
    """Call an inline hook; a failure is an `inline_hook.executed` event in the System Log."""
    call = Call(
        kind=hook.type,
        hook_id=hook.id,
        channel=hook.channel,
        request_id=caused.request_id,
        payload=payload,
        retry_event_id=org.ids.inline_event if org.switches.fresh_event_id_on_retry else None,
    )
    answer = await _call(org, hook, call)
    if not answer.ok or answer.object() is None:
        _report(
            org,
            "inline_hook.executed",
            f'Hook "{hook.name}" execution failed',
            caused,
            hook,
            _failure(answer),
        )
    elif debug := (answer.object() or {}).get("debugContext"):
        target = {"id": hook.id, "type": "InlineHook", "alternateId": hook.name, "displayName": hook.name}
        processed, message = "inline_hook.response.processed", f'Hook "{hook.name}" response processed'
        org.log.add(processed, message, caused, actor=dict(SYSTEM), targets=[target], debug={"debugContext": debug})
    return answer


async def deliver(org: OrgState, hook: EventHook, payload: JsonObject) -> Answer:
    """Deliver events; a failure is an `event_hook.delivery` event in the System Log."""
    caused = org.caused("/system/event-hooks", "0.0.0.0")  # noqa: S104 - no socket; a job has no client address
    call = Call("com.okta.event_hook", hook.id, hook.channel, caused.request_id, payload)
    answer = await _call(org, hook, call)
    if not answer.ok:
        _report(org, "event_hook.delivery", f'Hook "{hook.name}" delivery failed', caused, hook, answer.failure)
    return answer


async def verify(org: OrgState, hook: EventHook) -> bool:
    """Ask an event hook to echo a challenge, with the secret and the custom headers; if it does, it is VERIFIED."""
    challenge = org.ids.token(40)
    caused = org.caused(f"/api/v1/eventHooks/{hook.id}/lifecycle/verify", "127.0.0.1")
    headers = {"X-Okta-Verification-Challenge": challenge}
    call = Call("event hook verification", hook.id, hook.channel, caused.request_id, headers=headers)
    answer = await _call(org, hook, call)
    echoed = answer.status == HTTPStatus.OK and (answer.object() or {}).get("verification") == challenge
    hook.verified = echoed
    hook.listens_from = org.clock.now() + timedelta(seconds=org.switches.warm_up)
    if echoed:
        _report(org, "event_hook.verified", f'Hook "{hook.name}" verified', caused, hook, None)
    return echoed


async def authorization(org: OrgState, hook: InlineHook | EventHook) -> Mapping[str, str] | None:
    """Return the header that authenticates Okta to the service; None if a token is needed and cannot be fetched."""
    channel = hook.channel
    if channel.oauth:
        token = await hook_token(org, hook.id, channel.oauth)
        return {"Authorization": f"Bearer {token}"} if token else None
    return {channel.secret.key: channel.secret.value} if channel.secret else {}


async def _call(org: OrgState, hook: InlineHook | EventHook, call: Call) -> Answer:
    # Fetching the token counts toward the call's three seconds (Okta's support page on token hook timeouts).
    start = time.monotonic()
    proof = await authorization(org, hook)
    if proof is None:
        return Answer(fault=Fault.NO_TOKEN)
    return await org.caller.call(call, proof, spent=time.monotonic() - start if hook.channel.oauth else 0.0)


def _failure(answer: Answer) -> str:
    if answer.ok:
        return "Could not deserialize response due to error at Line 1 Column 1"
    return answer.failure


def _report(
    org: OrgState,
    event_type: str,
    message: str,
    caused: Caused,
    hook: InlineHook | EventHook,
    reason: str | None,
) -> None:
    kind = "InlineHook" if isinstance(hook, InlineHook) else "EventHook"
    target = {"id": hook.id, "type": kind, "alternateId": hook.name, "displayName": hook.name}
    result = "FAILURE" if reason else "SUCCESS"
    org.log.add(event_type, message, caused, actor=dict(SYSTEM), targets=[target], result=result, reason=reason)
