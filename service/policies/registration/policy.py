"""What a policy is, once it is read: rules, what they do, and what is done with people we know. Knows no TOML."""

import enum

from service.immutable import immutable
from service.okta.registration import Kind
from service.okta.registration_answer import Allow, Deny
from service.policies.registration.conditions import Condition, asks_legacy_store
from service.policies.registration.facts import AttributeName, Scope


@immutable
class Constant:
    """A value that the policy itself gives."""

    value: object


@immutable
class Copy:
    """The value of another attribute, in lower case where that is asked."""

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
    """What is done with the requests of some kinds that meet a condition."""

    name: str
    line: int
    kinds: frozenset[Kind]
    when: Condition | None = None
    unless: Condition | None = None
    effects: tuple[Effect, ...] = ()

    @property
    def asks_legacy_store(self) -> bool:
        """Tell whether the rule can't be applied without the legacy store."""
        conditions = [condition for condition in (self.when, self.unless) if condition is not None]
        return any(map(asks_legacy_store, conditions)) or any(
            isinstance(source, Copy) and source.name.scope is Scope.LEGACY
            for effect in self.effects
            if isinstance(effect, Set)
            for _, source in effect.attributes
        )


class Everything(enum.Enum):
    """Every attribute that the legacy account has."""

    EVERYTHING = enum.auto()


@immutable
class Complete:
    """Fill in what the person did not send, from the legacy account."""

    attributes: tuple[str, ...] | Everything


@immutable
class Policy:
    """A whole policy."""

    rules: tuple[Rule, ...] = ()
    known_accounts: Deny | Complete | None = None
    """What is done with the registration of a person whom the legacy store knows; None: nothing."""
    deny_unknown_request_types: bool = False
    sensitive: frozenset[str] = frozenset()
    """Attributes that Okta never sends."""

    def asks_legacy_store(self, kind: Kind) -> bool:
        """Tell whether requests of this kind can't be judged without the legacy store."""
        if kind is Kind.REGISTRATION and self.known_accounts is not None:
            return True
        return any(rule.asks_legacy_store for rule in self.rules if kind in rule.kinds)
