"""The examination of an installation: the checks of Okta and TLS, and the run of all checks."""

import itertools
import os
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import ExtensionOID

from service.administration import doctor_store as store
from service.administration.doctor import (
    Area,
    ExaminedOrg,
    Finding,
    Status,
    Surroundings,
    check_cores,
    check_secret_files,
    check_settings,
    failure,
    ok,
    unknown,
    warning,
)
from service.administration.doctor_store import NoDatabase, clock_finding
from service.okta.errors import PROOF_REMEDY, NoToken, OktaFault, ProofRefused, Refused
from service.okta.hooks import HookKind
from service.store.database import DATABASE_UNAVAILABLE
from service.telemetry import describe

# Okta: whether it accepts the credentials, what they may read, and what other clients leave of the rate limits.

RIGHTS = {
    "users": ("okta.users.read", "reconcile and provision"),
    "groups": ("okta.groups.read", "provision --group"),
    "the user schema": ("okta.schemas.read", "provision --dry-run"),
    "inline hooks": ("okta.inlineHooks.manage", "hooks register and hooks check"),
    "event hooks": ("okta.eventHooks.manage", "hooks register and hooks check"),
    "the System Log": ("okta.logs.read", "reconcile"),
}
"""What each read call needs, and which commands make it (docs/okta-api.md)."""
OPTIONAL = frozenset({"groups", "the user schema"})
LITTLE = 0.2
"""The remaining share of a rate limit below which provisioning and reconciliation pause until the next window."""


async def check_okta(around: Surroundings) -> AsyncIterator[Finding]:
    """Make one read call of each kind, and compare Okta's clock."""
    for finding in around.no_org:
        yield finding
    if around.org is None:
        return
    refused = False
    for name, call in _calls(around.org).items():
        fault = await _fault_of(call)
        if fault is None:
            continue
        refused = True
        yield _access_finding(name, fault)
        if isinstance(fault, NoToken) or not isinstance(fault, Refused) or fault.status == UNAUTHORIZED:
            return
    if not refused:
        yield ok(
            Area.OKTA,
            f"{around.org.host} accepts the credentials for reading; provision shows whether they may create users.",
        )
    if around.org.clock_ahead is not None:
        yield clock_finding("Okta", timedelta(seconds=around.org.clock_ahead))


UNAUTHORIZED = 401


def _calls(org: ExaminedOrg) -> Mapping[str, Callable[[], Awaitable[object]]]:
    async def first_users() -> object:
        async for page in org.list_users():
            return page
        return None

    return {
        "users": first_users,
        "groups": lambda: org.find_group("password-import"),
        "the user schema": org.user_schema,
        "inline hooks": lambda: org.list_hooks(HookKind.PASSWORD_IMPORT),
        "event hooks": lambda: org.list_hooks(HookKind.EVENTS),
        "the System Log": lambda: org.log_page({"limit": "1"}),
    }


async def _fault_of(call: Callable[[], Awaitable[object]]) -> OktaFault | None:
    try:
        await call()
    except OktaFault as fault:
        return fault
    return None


def _access_finding(name: str, fault: OktaFault) -> Finding:
    scope, commands = RIGHTS[name]
    if isinstance(fault, ProofRefused):
        return failure(Area.OKTA, f"Okta rejects the DPoP proofs: {fault}.", PROOF_REMEDY)
    if isinstance(fault, NoToken):
        return failure(Area.OKTA, f"{fault}.", "correct OKTA_CLIENT_* or the app's scopes (docs/okta-api.md)")
    if isinstance(fault, Refused) and fault.status == UNAUTHORIZED:
        return failure(Area.OKTA, f"Okta rejects the credentials: {fault}.", "make a new token, set OKTA_CLIENT_TOKEN")
    if isinstance(fault, Refused) and fault.is_about_us:
        said = f"The credentials may not read {name}, needed by {commands}: {fault}."
        fix = f"grant {scope}, and an admin role that has it (docs/okta-api.md)"
        return warning(Area.OKTA, said, fix) if name in OPTIONAL else failure(Area.OKTA, said, fix)
    return failure(Area.OKTA, f"Okta did not answer as expected: {fault}.", "check OKTA_CLIENT_ORGURL and the network")


async def check_rate_limits(around: Surroundings) -> AsyncIterator[Finding]:
    """Check what other clients leave of the rate limits, as seen in the calls of `check_okta`."""
    limits = around.org.rate_limits() if around.org is not None else {}
    if not limits:
        if around.org is None or around.check_hooks is None:
            said, fix = "The rate limits were not read.", "see the lines on okta"
        else:
            said, fix = (
                "Okta's answers contained no rate limits.",
                "check whether a proxy removes the headers X-Rate-Limit-*",
            )
        yield unknown(Area.RATE_LIMITS, said, fix)
        return
    short = {name: each for name, each in limits.items() if each[1] < LITTLE * each[0]}
    for name, (limit, left) in short.items():
        yield warning(
            Area.RATE_LIMITS,
            f"{left} of {limit} calls a minute are left for {name}: other clients, or --share 100%, use the rest.",
            "find the other clients in the Admin Console (Reports > Rate Limits), or lower --share",
        )
    if not short:
        told = ", ".join(f"{name} {left} of {limit}" for name, (limit, left) in sorted(limits.items()))
        yield ok(Area.RATE_LIMITS, f"Calls left in this minute: {told}.")


async def check_hooks(around: Surroundings) -> AsyncIterator[Finding]:
    """Check the hooks in the same way as `hooks check --no-verify`."""
    if around.check_hooks is None:
        yield unknown(Area.HOOKS, "The hooks were not checked: Okta can't be reached.", "see the lines on okta")
        return
    findings = await around.check_hooks()
    for finding in findings:
        yield finding
    if not findings:
        yield ok(Area.HOOKS, "The hooks point to the service, and it answers them.")


# The certificate, its key and its chain, if no proxy terminates TLS.

RENEW_WITHIN = timedelta(days=21)


def check_tls(around: Surroundings) -> Iterator[Finding]:
    """Check the files of TLS_CERT and TLS_KEY as Okta would: dates, names, key, and the whole chain."""
    certificate, key = around.settings.tls_cert, around.settings.tls_key
    if certificate is None or key is None:
        yield unknown(
            Area.TLS,
            "TLS_CERT is unset, so a proxy in front of the service terminates TLS.",
            "`password-import hooks check` checks the certificate that it presents",
        )
        return
    try:
        chain = x509.load_pem_x509_certificates(certificate.read_bytes())
        private = load_pem_private_key(key.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        why = error.strerror or "" if isinstance(error, OSError) else "it is not PEM, or has a passphrase"
        yield failure(Area.TLS, f"TLS_CERT or TLS_KEY can't be used: {why}.", "use PEM files without a passphrase")
        return
    faults = [*_leaf_faults(around, chain[0], private), *_chain_faults(around, chain)]
    yield from faults
    if not faults:
        yield ok(Area.TLS, f"The certificate is valid until {chain[0].not_valid_after_utc:%Y-%m-%d}, with its chain.")


def _leaf_faults(around: Surroundings, leaf: x509.Certificate, private: Any) -> Iterator[Finding]:  # noqa: ANN401 (any kind of key)
    if _public(leaf.public_key()) != _public(private.public_key()):
        yield failure(Area.TLS, "TLS_KEY is not the key of the certificate in TLS_CERT.", "install a matching pair")
    now, end = around.now(), leaf.not_valid_after_utc
    if end <= now:
        yield failure(
            Area.TLS, f"The certificate expired on {end:%Y-%m-%d}: Okta does not call.", "renew it, then send SIGHUP"
        )
    elif end < now + RENEW_WITHIN:
        yield warning(Area.TLS, f"The certificate expires on {end:%Y-%m-%d}.", "renew it, then send SIGHUP")
    if leaf.not_valid_before_utc > now:
        begin = leaf.not_valid_before_utc
        yield failure(
            Area.TLS, f"The certificate is not valid before {begin:%Y-%m-%d}.", "correct the clock, or renew it"
        )
    host = _host(around.base_url)
    if host is not None and not any(_covers(name, host) for name in _names(leaf)):
        yield failure(
            Area.TLS, f"The certificate is not for {host}, the address of the hooks.", "get one with that name"
        )


def _chain_faults(around: Surroundings, chain: Sequence[x509.Certificate]) -> Iterator[Finding]:
    leaf, last = chain[0], chain[-1]
    fix = "put the authority's intermediate certificates into TLS_CERT, after the certificate, in order"
    if leaf.issuer == leaf.subject:
        yield failure(Area.TLS, "The certificate is self-signed; Okta rejects it.", "get one from a public authority")
        return
    for child, parent in itertools.pairwise(chain):
        try:
            child.verify_directly_issued_by(parent)
        except (ValueError, TypeError, InvalidSignature):
            yield failure(
                Area.TLS, "The certificates in TLS_CERT are not a chain: one did not issue the one before it.", fix
            )
            return
    known = around.authorities()
    if last.issuer.public_bytes() in known or last.subject.public_bytes() in known:
        return
    if len(chain) == 1:
        yield failure(Area.TLS, "TLS_CERT contains the certificate without its chain: Okta may reject it.", fix)
    else:
        yield warning(
            Area.TLS,
            "The chain leads to an authority that this machine does not trust.",
            "get a certificate from a public authority: Okta does not trust private ones",
        )


def _public(key: Any) -> bytes:  # noqa: ANN401 (any kind of key)
    encoded: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return encoded


def _names(leaf: x509.Certificate) -> list[str]:
    try:
        found = leaf.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    except x509.ExtensionNotFound:
        return []
    assert isinstance(found, x509.SubjectAlternativeName)  # noqa: S101 (by its id)
    addresses = [str(each) for each in found.get_values_for_type(x509.IPAddress)]
    return [*found.get_values_for_type(x509.DNSName), *addresses]


def _host(base_url: str | None) -> str | None:
    return urlsplit(base_url).hostname if base_url else None


def _covers(name: str, host: str) -> bool:
    """Return whether a certificate's name matches a host; a wildcard matches one label (RFC 9525)."""
    if name.startswith("*."):
        return host.partition(".")[2].lower() == name[2:].lower()
    return name.lower() == host.lower()


# All checks. A failing check is one finding, and the others still run.

Check = Callable[[Surroundings], AsyncIterator[Finding]]


def _at_once(check: Callable[[Surroundings], Iterator[Finding]]) -> Check:
    async def run(around: Surroundings) -> AsyncIterator[Finding]:
        for finding in check(around):
            yield finding

    return run


CHECKS: tuple[tuple[Area, Check], ...] = (
    (Area.SETTINGS, _at_once(check_settings)),
    (Area.SECRET_FILES, _at_once(check_secret_files)),
    (Area.DATABASE, store.check_database),
    (Area.SCHEMA, store.check_schema),
    (Area.ROLE, store.check_role),
    (Area.CLOCK, store.check_database_clock),
    (Area.DISK, store.check_disk),
    (Area.KEYS, store.check_keys),
    (Area.HASHES, store.check_hashes),
    (Area.PEPPERS, store.check_peppers),
    (Area.CORES, check_cores),
    (Area.ATTRIBUTES, store.check_attributes),
    (Area.NAMES, store.check_names),
    (Area.TLS, _at_once(check_tls)),
    (Area.OKTA, check_okta),
    (Area.RATE_LIMITS, check_rate_limits),
    (Area.HOOKS, check_hooks),
    (Area.RECONCILE, store.check_reconcile),
)


async def examine(around: Surroundings, checks: Sequence[tuple[Area, Check]] = CHECKS) -> AsyncIterator[Finding]:
    """Run the checks and return the findings. No exception of a check is raised."""
    for area, check in checks:
        async for finding in _guarded(around, area, check):
            if finding.area in (Area.DATABASE, Area.OKTA) and finding.status is Status.FAILURE:
                around = _without(around, finding)
            yield finding


def _without(around: Surroundings, finding: Finding) -> Surroundings:
    """Remove what did not respond, so that later checks do not wait for it again."""
    if finding.area is Area.DATABASE and finding.message.startswith(UNREACHABLE):
        return replace(around, database=None)
    if finding.area is Area.OKTA and around.org is not None:
        return replace(around, check_hooks=None)
    return around


UNREACHABLE = "The database can't be reached"


async def _guarded(around: Surroundings, area: Area, check: Check) -> AsyncIterator[Finding]:
    try:
        async for finding in check(around):
            yield finding
    except NoDatabase:
        yield unknown(area, "This cannot be checked without the database.", "see the lines on the database")
    except asyncpg.InsufficientPrivilegeError as error:
        said = f"The role of DATABASE_URL has no privilege for this: {error.args[0]}."
        yield unknown(area, said, "run doctor as the operator's role (docs/database-roles.md)")
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError, asyncpg.UndefinedFunctionError):
        yield unknown(area, "This cannot be checked, because the schema is missing or older.", store.MIGRATE)
    except TimeoutError as error:
        if area is Area.DATABASE:
            yield _away(area, error)
        else:
            yield unknown(area, "This took longer than the time limit of a statement.", "run doctor at a quiet time")
    except DATABASE_UNAVAILABLE as error:
        yield _away(area, error)
    except Exception as error:  # noqa: BLE001 (one failing check must not hide the findings of the others)
        found = describe(error)
        said = f"This check failed with an internal error: {found['exception']} at {found['trace'][-1]}."
        yield unknown(area, said, "report the bug")


def _away(area: Area, error: BaseException) -> Finding:
    if area is not Area.DATABASE:
        return unknown(area, "The database stopped answering.", "see the lines on the database")
    place = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
    return failure(
        area, f"{UNREACHABLE}{place}: {_why(error)}.", "check DATABASE_URL, the network, and whether PostgreSQL runs"
    )


def _why(error: BaseException) -> str:
    """Return the reason why a connection failed, in words instead of the name of a Python exception."""
    if isinstance(error, asyncpg.PostgresError):
        return str(error.args[0] if error.args else type(error).__name__)
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "the host name can't be resolved"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason or 'no reason given'})"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    return "it does not answer like a PostgreSQL server"
