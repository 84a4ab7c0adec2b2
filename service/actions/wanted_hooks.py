"""What the org's hooks must be, and which of them are ours. Asks nobody."""

from collections.abc import Sequence
from dataclasses import field

from service.immutable import immutable
from service.okta.hook_settings import HeaderChannel, Hook, HookKind, Proof


@immutable
class DesiredHooks:
    """What the hooks must be."""

    base_url: str
    inline_proof: Proof = field(repr=False)
    event_proof: HeaderChannel = field(repr=False)
    registration: bool = True
    accepts_oauth: bool = False
    """The service takes tokens too, so an inline hook may prove itself by OAuth."""

    @property
    def kinds(self) -> Sequence[HookKind]:
        """Which hooks there must be."""
        return [kind for kind in HookKind if self.registration or kind is not HookKind.REGISTRATION]

    def uri(self, kind: HookKind) -> str:
        """Give a hook's URL."""
        return self.base_url.rstrip("/") + kind.path

    def proof(self, kind: HookKind) -> Proof:
        """Give how Okta proves itself to a hook."""
        return self.inline_proof if kind.is_inline else self.event_proof

    def takes_tokens_of(self, kind: HookKind, hook: Hook) -> bool:
        """Tell whether a hook proves itself by OAuth, and may."""
        return kind.is_inline and hook.oauth and self.accepts_oauth


def find_ours(kind: HookKind, hooks: Sequence[Hook], desired: DesiredHooks) -> list[Hook]:
    """Find which of the org's hooks are ours, the best first: those of our URL, else those that do the same."""
    hooks = sorted(hooks, key=lambda hook: (hook.uri != desired.uri(kind), not hook.active, not hook.verified))
    if kind is HookKind.PASSWORD_IMPORT:
        return hooks  # an org has one
    here = [hook for hook in hooks if hook.uri == desired.uri(kind)]
    return here or [hook for hook in hooks if hook.uri.endswith(kind.path) or hook.name == kind.label]
