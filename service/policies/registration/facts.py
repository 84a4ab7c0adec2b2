"""What a rule can ask about: the attributes of a request and of the legacy account, by name. Pure; judges nothing."""

import enum
from collections.abc import Mapping
from dataclasses import field
from typing import Final

from service.immutable import immutable
from service.okta.registration import ScreeningRequest


class Scope(enum.StrEnum):
    """Where an attribute is looked up."""

    SUBMITTED = "submitted"
    """What the person sent with the form."""
    USER = "user"
    """The profile that Okta has of somebody who updates theirs."""
    LEGACY = "legacy"
    """The profile of the account in the legacy store."""


@immutable
class AttributeName:
    """An attribute as a policy names it: `email`, `user.email`, `legacy.email`."""

    scope: Scope
    attribute: str

    def __str__(self) -> str:
        """Give the name as it stands in a policy."""
        return self.attribute if self.scope is Scope.SUBMITTED else f"{self.scope}.{self.attribute}"


class Missing(enum.Enum):
    """The attribute was not sent; it may still have a value that Okta does not show."""

    MISSING = enum.auto()


MISSING: Final = Missing.MISSING


@immutable
class Facts:
    """A request, and what the legacy store knows of the person."""

    request: ScreeningRequest
    legacy: Mapping[str, object] | None = field(default=None, repr=False)
    """The profile of the account; None where nobody is known by the login or the e-mail address."""

    @property
    def known(self) -> bool:
        """Tell whether the legacy store has an account of the person."""
        return self.legacy is not None

    def value(self, name: AttributeName) -> object:
        """Give the attribute's value, or `MISSING`."""
        return self._scope(name.scope).get(name.attribute, MISSING)

    def _scope(self, scope: Scope) -> Mapping[str, object]:
        match scope:
            case Scope.SUBMITTED:
                return self.request.profile
            case Scope.USER:
                return self.request.user
            case Scope.LEGACY:
                return self.legacy or {}
