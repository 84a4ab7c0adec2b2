"""A parsed policy: rules, their effects, and the treatment of known accounts."""

import enum
from collections.abc import Iterator

from service.immutable import immutable
from service.okta.registration import Allow, Cause, Decision, Deny, Kind
from service.registration.code_policy import CodePolicy
from service.registration.predicates import AttributeName, Facts, Scope, ValueTest

# Conditions: tests of attributes, combined by all, any and not. Pure; each can be explained line by line.


@immutable
class AttributeTest:
    """A test of one attribute."""

    name: AttributeName
    test: ValueTest


@immutable
class KnownAccount:
    """Whether the legacy store has an account with the person's login or e-mail address."""

    expected: bool


@immutable
class AllOf:
    """Every one of these."""

    conditions: tuple["Condition", ...]


@immutable
class AnyOf:
    """At least one of these."""

    conditions: tuple["Condition", ...]


@immutable
class Not:
    """The negation."""

    condition: "Condition"


Condition = AttributeTest | KnownAccount | AllOf | AnyOf | Not


def holds(condition: Condition, facts: Facts, *, unclear: bool) -> bool | None:
    """Return whether a condition is true of a request, in the three-valued logic of SQL.

    A test may have no answer: the value is not an email address, or is a list instead of a string. `unclear` is then
    used as its answer, inverted inside `not`, so that the caller chooses whether a rule applies if unclear.
    None: it depends on an attribute that was deleted because the person migrated.
    """
    match condition:
        case AttributeTest(name, test):
            return None if facts.is_gone(name) else _decided(test.holds(facts.value(name)), unclear)
        case KnownAccount(expected):
            return _decided(None if facts.known is None else facts.known is expected, unclear)
        case AllOf(conditions):
            return _all({holds(inner, facts, unclear=unclear) for inner in conditions})
        case AnyOf(conditions):
            return _negated(_all({_negated(holds(inner, facts, unclear=unclear)) for inner in conditions}))
        case Not(inner):
            return _negated(holds(inner, facts, unclear=not unclear))


def _decided(answer: bool | None, unclear: bool) -> bool:  # noqa: FBT001 (the value that is decided)
    return unclear if answer is None else answer


def _all(answers: set[bool | None]) -> bool | None:
    return False if False in answers else None if None in answers else True


def _negated(answer: bool | None) -> bool | None:  # noqa: FBT001 (the value that is negated)
    return None if answer is None else not answer


_WORDS = {True: "yes", False: "no", None: "not known, since the person migrated"}


def explain(condition: Condition, facts: Facts, *, unclear: bool) -> Iterator[str]:
    """Return for each part of a condition whether it is true, without the values."""
    answer = _WORDS[holds(condition, facts, unclear=unclear)]
    match condition:
        case AttributeTest(name, test):
            doubt = (
                "cannot be told, counts as "
                if not facts.is_gone(name) and test.holds(facts.value(name)) is None
                else ""
            )
            yield f"{name} {test}: {doubt}{answer}"
        case KnownAccount(expected):
            doubt = "cannot be told, counts as " if facts.known is None else ""
            yield f"the legacy store {'knows' if expected else 'does not know'} the person: {doubt}{answer}"
        case AllOf(conditions) | AnyOf(conditions):
            if len(conditions) > 1:
                yield f"{'all' if isinstance(condition, AllOf) else 'any'} of these: {answer}"
            indent = "  " if len(conditions) > 1 else ""
            for inner in conditions:
                yield from (indent + line for line in explain(inner, facts, unclear=unclear))
        case Not(inner):
            yield f"not: {answer}"
            yield from ("  " + line for line in explain(inner, facts, unclear=not unclear))


def leaves(condition: Condition) -> Iterator[AttributeTest | KnownAccount]:
    """Yield every single test in a condition, in the order of the file."""
    match condition:
        case AttributeTest() | KnownAccount():
            yield condition
        case AllOf(conditions) | AnyOf(conditions):
            for inner in conditions:
                yield from leaves(inner)
        case Not(inner):
            yield from leaves(inner)


def asks_legacy_store(condition: Condition) -> bool:
    """Return whether evaluating a condition needs the legacy store."""
    return any(isinstance(leaf, KnownAccount) or leaf.name.scope is Scope.LEGACY for leaf in leaves(condition))


# The result of applying a policy: the decision, and the outcome of each rule.


class Outcome(enum.StrEnum):
    """The outcome of a rule; the value is the metric's label."""

    OTHER_KIND = "other_kind"
    """The rule is for requests of another kind."""
    NOT_MET = "not_met"
    """The request does not meet its condition."""
    NOT_REACHED = "not_reached"
    """An earlier rule has decided already."""
    NOTHING_SET = "nothing_set"
    """It had nothing to set, or its values are not sent because a rule denied."""
    DENIED = "denied"
    SET = "set"
    """The answer contains a command from it, whether or not the person had sent the same value."""
    ALLOWED = "allowed"


@immutable
class Step:
    """One rule's part in a judgement; `reasons` contain no attribute value."""

    rule: str
    outcome: Outcome
    reasons: tuple[str, ...] = ()


@immutable
class Judgement:
    """The decision, and the steps that led to it."""

    decision: Decision
    steps: tuple[Step, ...] = ()

    @property
    def decided_by(self) -> tuple[Step, ...]:
        """Return the steps that determined the decision."""
        idle = (Outcome.OTHER_KIND, Outcome.NOT_MET, Outcome.NOT_REACHED, Outcome.NOTHING_SET)
        return tuple(step for step in self.steps if step.outcome not in idle)


@immutable
class Constant:
    """A value that the policy itself contains."""

    value: object


@immutable
class Copy:
    """The value of another attribute, optionally in lower case."""

    name: AttributeName
    lower: bool = False


Source = Constant | Copy


@immutable
class Set:
    """Set these attributes, in this order."""

    attributes: tuple[tuple[str, Source], ...]


Effect = Deny | Set | Allow


@immutable
class Rule:
    """The effect on requests of certain kinds that meet a condition."""

    name: str
    line: int
    kinds: frozenset[Kind]
    when: Condition | None = None
    unless: Condition | None = None
    effects: tuple[Effect, ...] = ()

    @property
    def denies(self) -> bool:
        """Return whether the rule denies; such a rule also applies if its condition is unclear."""
        return any(isinstance(effect, Deny) for effect in self.effects)

    @property
    def asks_legacy_store(self) -> bool:
        """Return whether applying the rule needs the legacy store."""
        conditions = [condition for condition in (self.when, self.unless) if condition is not None]
        return any(map(asks_legacy_store, conditions)) or any(
            isinstance(source, Copy) and source.name.scope is Scope.LEGACY
            for effect in self.effects
            if isinstance(effect, Set)
            for _, source in effect.attributes
        )


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
"""The answer of `known_accounts = "deny"`, also to migrated persons, whose profile cannot complete theirs."""


class Everything(enum.Enum):
    """Every attribute that the legacy account has."""

    EVERYTHING = enum.auto()


@immutable
class Complete:
    """Complete the profile with values of the legacy account."""

    attributes: tuple[str, ...] | Everything


@immutable
class Policy:
    """A whole policy."""

    rules: tuple[Rule, ...] = ()
    known_accounts: Deny | Complete | None = None
    """The treatment of a registration by a person whom the legacy store knows; None: no special treatment."""
    deny_unknown_request_types: bool = True
    sensitive: frozenset[str] = frozenset()
    """Attributes that Okta never sends."""
    code: CodePolicy | None = None
    """Decides where the rules do not."""

    def asks_legacy_store(self, kind: Kind) -> bool:
        """Return whether requests of this kind need the legacy store."""
        if kind is Kind.REGISTRATION and self.known_accounts is not None:
            return True
        return any(rule.asks_legacy_store for rule in self.rules if kind in rule.kinds)
