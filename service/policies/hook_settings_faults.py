"""What is wrong with a hook as the org has it: its settings held against what they must be. Pure; calls nothing."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from service.okta.hook_settings import HeaderChannel, Hook, HookKind, Proof
from service.okta.import_event import IMPORT_EVENT
from service.policies.hook_faults import Fault, Finding

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def settings_faults(kind: HookKind, hook: Hook, uri: str, proof: Proof | None) -> Iterator[Finding]:
    """Compare a hook's settings with what they must be; without `proof`, how Okta proves itself is right as it is."""
    if not hook.active:
        yield Finding(Fault.INACTIVE, kind)
    if not is_https(hook.uri):
        yield Finding(Fault.NOT_HTTPS, kind, hook.uri)
    if hook.uri != uri:
        yield Finding(Fault.OTHER_URL, kind, f"{hook.uri} instead of {uri}")
    if proof is not None:
        yield from _proof_faults(kind, hook, proof)
    if kind.is_inline:
        return
    if IMPORT_EVENT not in hook.events:
        yield Finding(Fault.WRONG_EVENTS, kind, ", ".join(hook.events) or "none")
    elif extra := sorted({*hook.events} - {IMPORT_EVENT}):
        yield Finding(Fault.EXTRA_EVENTS, kind, ", ".join(extra))
    if hook.filtered:
        yield Finding(Fault.FILTERED, kind)
    if not hook.verified:
        yield Finding(Fault.UNVERIFIED, kind)


def _proof_faults(kind: HookKind, hook: Hook, proof: Proof) -> Iterator[Finding]:
    is_header = isinstance(proof, HeaderChannel)
    if hook.oauth is is_header:
        yield Finding(Fault.OTHER_PROOF, kind, "OAuth" if hook.oauth else "a header secret")
    elif is_header and hook.header is None:
        yield Finding(Fault.NO_SECRET, kind)
    elif isinstance(proof, HeaderChannel) and (hook.header or "").lower() != proof.name.lower():
        yield Finding(Fault.OTHER_HEADER, kind, f"{hook.header} instead of {proof.name}")


def is_https(url: str) -> bool:
    """Tell whether Okta would call it; on loopback, where tests are, http is let pass."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
