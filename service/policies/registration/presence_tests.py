"""The tests of whether an attribute was sent, and with anything in it. Pure; looks no further into the value."""

from service.immutable import immutable
from service.policies.registration.facts import MISSING
from service.policies.registration.values import is_empty


@immutable
class Sent:
    """Whether Okta sent the attribute, with whatever value."""

    expected: bool

    def __str__(self) -> str:
        return "was sent" if self.expected else "was not sent"

    def holds(self, value: object) -> bool:
        """Tell whether it is so."""
        return (value is not MISSING) is self.expected


@immutable
class Present:
    """Whether Okta sent the attribute with something in it."""

    expected: bool

    def __str__(self) -> str:
        return "is present" if self.expected else "is missing or empty"

    def holds(self, value: object) -> bool:
        """Tell whether it is so."""
        return (value is not MISSING and not is_empty(value)) is self.expected


@immutable
class Empty:
    """Whether Okta sent the attribute with nothing in it."""

    def __str__(self) -> str:
        return "was sent empty"

    def holds(self, value: object) -> bool:
        """Tell whether it is so."""
        return value is not MISSING and is_empty(value)
