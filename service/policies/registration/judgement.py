"""What a judgement says: the decision, and what became of each rule. Judges nothing."""

import enum

from service.immutable import immutable
from service.okta.registration_answer import Decision


class Outcome(enum.StrEnum):
    """What became of a rule; the value is the metric's label."""

    OTHER_KIND = "other_kind"
    """The rule is for requests of another kind."""
    NOT_MET = "not_met"
    """The request does not meet its condition."""
    NOT_REACHED = "not_reached"
    """What came before has decided already."""
    NOTHING_SET = "nothing_set"
    """It had nothing to set, or what it set is not sent because a rule denied."""
    DENIED = "denied"
    SET = "set"
    """The answer has a command of it, whether or not the person had sent the same value."""
    ALLOWED = "allowed"


@immutable
class Step:
    """One rule's part in a judgement; `reasons` hold no value of an attribute."""

    rule: str
    outcome: Outcome
    reasons: tuple[str, ...] = ()


@immutable
class Judgement:
    """The decision, and how the rules came to it, one by one."""

    decision: Decision
    steps: tuple[Step, ...] = ()

    @property
    def decided_by(self) -> tuple[Step, ...]:
        """Give the steps that had a part in the decision."""
        idle = (Outcome.OTHER_KIND, Outcome.NOT_MET, Outcome.NOT_REACHED, Outcome.NOTHING_SET)
        return tuple(step for step in self.steps if step.outcome not in idle)
