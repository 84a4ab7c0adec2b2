"""The state of an org in one value."""

import random
import ssl

from simulator.caller import Caller
from simulator.channel import JsonObject
from simulator.clients import AuthorizationServer, Client, Key, make_key
from simulator.dpop import ProofVerifier
from simulator.hooks import EventHook, HookType, InlineHook
from simulator.ids import Clock, Ids
from simulator.limits import Limits
from simulator.log import SystemLog
from simulator.payloads import Caused
from simulator.switches import Switches
from simulator.transcript import Transcript
from simulator.user import BASE_ATTRIBUTES
from simulator.users import Users


class OrgState:
    """An org's users, hooks, log and switches. `url` is the org's own address, as it appears in links and bodies."""

    def __init__(
        self,
        *,
        seed: int = 0,
        url: str = "https://org.okta.example",
        hook_timeout: float = 3.0,
        trust: ssl.SSLContext | bool = True,
        reveal: bool = False,
    ) -> None:
        self.url = url
        self.ids = Ids(seed)
        self.chance = random.Random(seed + 1)
        self.clock = Clock()
        self.users = Users()
        self.inline_hooks: dict[str, InlineHook] = {}
        self.event_hooks: dict[str, EventHook] = {}
        self.log = SystemLog(self.ids, self.clock)
        self.switches = Switches()
        self.transcript = Transcript(reveal=reveal)
        self.caller = Caller(self.clock, self.transcript, timeout=hook_timeout, trust=trust)
        self.limits = Limits()
        self.groups: dict[str, JsonObject] = {}
        self.api_token = self.ids.token(42)
        self.access_tokens: dict[str, frozenset[str]] = {}
        self.bound_tokens: dict[str, str] = {}
        """The thumbprints of the keys that access tokens are bound to."""
        self.token_proofs, self.api_proofs = ProofVerifier(), ProofVerifier()
        self.clients: dict[str, Client] = {}
        self.authorization_server = AuthorizationServer(self.ids)
        self.hook_keys: dict[str, Key] = {}
        self.hook_tokens: dict[str, tuple[str, float]] = {}
        self.https_only = False
        self.admin_id = self.ids.okta("00u")
        self.registration_policy_id = self.ids.okta("reg")
        self.attributes = set(BASE_ATTRIBUTES)
        self.attribute_types: dict[str, JsonObject] = {}
        """The schema of custom attributes that are not plain strings: `{"level": {"type": "number"}}`."""
        self.user_types: dict[str, dict[str, JsonObject]] = {"default": {}}
        """The user types with their own attributes."""
        self.sensitive_attributes: set[str] = set()

    def hook_key(self) -> str:
        """Create a key for `private_key_jwt` on hooks; return its id."""
        own = self.ids.okta("HKY")
        self.hook_keys[own] = make_key(self.ids)
        return own

    @property
    def issuer(self) -> str:
        """The custom authorization server's issuer."""
        return f"{self.url}/oauth2/default"

    def hook(self, kind: HookType) -> InlineHook | None:
        """Return the active inline hook of this type."""
        return next((hook for hook in self.inline_hooks.values() if hook.active and hook.type == kind), None)

    def caused(self, path: str, ip: str) -> Caused:
        """Return a new request of a person at the org."""
        return Caused(self.ids.request(), path, ip)

    def drawn(self, rate: float) -> bool:
        """Draw whether a fault of this rate happens now. Consumes no randomness if the fault is off."""
        return rate > 0 and self.chance.random() < rate
