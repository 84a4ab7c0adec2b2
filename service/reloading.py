"""What SIGHUP does: files are read again, and hold from the next call on. A faulty one is logged, not taken."""

from collections.abc import Callable

import structlog

from service.actions.code_policy import CodePolicy
from service.actions.load_policy import load_policy
from service.credentials import event_authenticator, hash_keys, inline_authenticator
from service.policies.registration.document import FaultyPolicy
from service.settings import BadSettings, require_authentication
from service.web.keys import Parts
from service.web.tls import BadCertificate, ServerTls

log = structlog.get_logger()


def reload(parts: Parts, tls: ServerTls | None) -> None:
    """Read secrets, certificate and policy again; what can't be used is logged, and what was before stays."""
    steps: dict[str, Callable[[], None]] = {
        "secrets": lambda: _reload_secrets(parts),
        "hash_keys": lambda: setattr(parts.opener, "keys", hash_keys(parts.settings)),
    }
    if tls is not None:
        steps["certificate"] = tls.reload
    named = parts.settings.registration_policy
    if named is not None and not isinstance(parts.screener.policy, CodePolicy):  # a policy in Python needs a restart
        steps["policy"] = lambda: parts.screener.replace_policy(load_policy(named))
    for name, step in steps.items():
        try:
            step()
        except (BadSettings, BadCertificate, FaultyPolicy) as error:
            parts.telemetry.reloads.labels(name, "failed").inc()
            log.error("reload_failed", name=name, fault=str(error))  # noqa: TRY400 (the message says it all)
        else:
            parts.telemetry.reloads.labels(name, "done").inc()
            log.info("reloaded", name=name)


def _reload_secrets(parts: Parts) -> None:
    require_authentication(parts.settings)
    inline = inline_authenticator(parts.settings, parts.issuer_keys)
    parts.inline_authenticator, parts.event_authenticator = inline, event_authenticator(parts.settings)
