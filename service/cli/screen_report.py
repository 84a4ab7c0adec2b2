"""What `screen` says of a request that it has tried: the rules, the decision and the answer. Decides nothing."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from service.actions.screen_registration import Screening
    from service.okta.registration import ScreeningRequest


def summary(request: "ScreeningRequest", screening: "Screening") -> dict[str, Any]:
    """Give it for a script."""
    return {
        "kind": request.kind,
        "decision": screening.decided,
        "rules": [
            {"rule": step.rule, "outcome": step.outcome, "reasons": step.reasons} for step in screening.judgement.steps
        ],
        "status": 200 if screening.answer else 204,
        "answer": json.loads(screening.answer) if screening.answer else None,
    }


def report_lines(request: "ScreeningRequest", screening: "Screening") -> Iterator[str]:
    """Tell it line by line, rule by rule."""
    engine = f" ({request.engine} engine)" if request.kind == "registration" else ""
    yield f"A request of the kind {request.kind}{engine}, with {', '.join(request.profile) or 'no attribute'}."
    for step in screening.judgement.steps:
        yield f"  {step.outcome.replace('_', ' '):12}  {step.rule}"
        yield from (f"  {'':12}    {reason}" for reason in step.reasons)
    yield f"The decision: {screening.decided}."
    if screening.answer is None:
        yield "The answer: 204, nothing to say."
    else:
        yield "The answer: 200\n" + json.dumps(json.loads(screening.answer), indent=2)
