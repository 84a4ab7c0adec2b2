"""What comparing accounts with the org's users found and did, in numbers. Compares nothing, and prints nothing."""

from collections import Counter
from dataclasses import dataclass, field

from service.policies.retiring import Proof


@dataclass
class UsersReport:
    """What the comparison found and did."""

    users: int = 0
    compared: int = 0
    bound: int = 0
    missing: int = 0
    own_password_unbound: int = 0
    """Users with a password of their own and the login of an account that nobody created there: left alone."""
    other_providers: Counter[str] = field(default_factory=Counter)
    retired: Counter[Proof] = field(default_factory=Counter)

    def count_provider(self, provider: str | None) -> None:
        """Count a user who signs in by somebody else than Okta."""
        self.other_providers[provider or "none"] += 1
