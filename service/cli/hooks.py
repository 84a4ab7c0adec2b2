"""The commands `hooks register`, `hooks check` and `hooks rotate-secret`."""

import json
import shlex
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.errors import DONE, FAILED, WRONG_USAGE, CommandFailed
from service.cli.okta_options import errors_reported, prepare, print_progress, run

if TYPE_CHECKING:
    from service.hooks.findings import Finding
    from service.hooks.ownership import Approve, Claim
    from service.hooks.probe import Probe
    from service.hooks.register import DesiredHooks, Done
    from service.hooks.rotate import Rotated
    from service.okta.hooks import HeaderChannel, Hook, HookKind, Proof
    from service.okta_client import OktaOrg
    from service.settings import Settings
    from service.store.database import Database

# What the hooks commands share: options, and the resources that are open while one runs.

Registration = Annotated[bool, typer.Option("--registration/--no-registration", help="Include the registration hook.")]
BaseUrl = Annotated[
    str | None, typer.Option(metavar="URL", help="The service's public address. [default: as it was registered]")
]


Yes = Annotated[bool, typer.Option("--yes", help="Replace hooks that this installation did not create without asking.")]


def approval(yes: bool) -> "Approve":
    """Return a function that asks whether to replace a foreign hook. Raises `CommandFailed` if nobody can answer."""

    def approve(kind: "HookKind", hook: "Hook", claim: "Claim") -> bool:
        from service.hooks.ownership import describe_claim

        shown = describe_claim(kind, hook, claim)
        if yes:
            print_progress(f"replacing it (--yes): {shown}")
            return True
        if not sys.stdin.isatty():
            raise CommandFailed(f"{shown}: nothing was changed; to replace it, run the command again with --yes")
        return typer.confirm(f"{shown}. Replace it?", err=True)

    return approve


@asynccontextmanager
async def opened(settings: "Settings") -> "AsyncIterator[tuple[Database, OktaOrg, Probe]]":
    """Yield the store, the org, and a client that calls the service from here."""
    from service.app import open_database
    from service.okta_client import open_org, org_settings
    from service.okta_client.probing import open_probe

    chosen = org_settings(settings)
    async with open_database(settings) as database, open_org(chosen) as org, open_probe() as probe:
        yield database, org, probe


# The desired hooks according to the settings, and their check.


async def base_url_of(database: "Database", given: str | None, *, allow_http: bool = False) -> str:
    """Return the service's public address: as given, otherwise as registered."""
    from service.hooks.findings import is_https
    from service.hooks.queries import HOOKS_BASE_URL, get_text

    if given is not None:
        if not is_https(given, allow_http=allow_http):
            raise CommandFailed(f"{given}: Okta calls https:// only", WRONG_USAGE)
        return given.rstrip("/")
    async with database.connection() as connection:
        kept = await get_text(connection, HOOKS_BASE_URL)
    if kept is None:
        raise CommandFailed(
            "the service's public address is unknown: give --base-url, or run password-import hooks register URL",
            WRONG_USAGE,
        )
    return kept


def desired_hooks(
    settings: "Settings",
    base_url: str,
    *,
    registration: bool = True,
    newest: bool = False,
    oauth: bool = False,
    hook_key: str | None = None,
) -> "DesiredHooks":
    """Return the desired hooks; `newest` uses the last of the accepted secrets instead of the first."""
    from service.hooks.register import DesiredHooks

    event_proof = _header(settings, settings.event_secrets(), newest, basic=not settings.has_event_secrets())
    if event_proof is None:
        raise CommandFailed(
            "there is no secret for the event hook: set HOOK_SECRETS, or BASIC_AUTH_USER and BASIC_AUTH_PASSWORD",
            WRONG_USAGE,
        )
    accepts_oauth = settings.oauth_issuer is not None
    inline_proof: Proof | None = (
        _oauth(settings, hook_key) if oauth else _header(settings, settings.inline_hook_secrets(), newest, basic=True)
    )
    if inline_proof is None and accepts_oauth:
        inline_proof = _tokens_alone()
    if inline_proof is None:
        raise CommandFailed("there is no secret for the inline hooks: set HOOK_SECRETS, or use --oauth", WRONG_USAGE)
    return DesiredHooks(base_url, inline_proof, event_proof, registration, accepts_oauth, settings.allow_insecure_http)


def _tokens_alone() -> "Proof":
    """Return the header channel for a service that accepts only tokens: it is neither compared nor sent."""
    from service.okta.hooks import OAuthChannel

    return OAuthChannel("", "", "")


def secret_header(settings: "Settings", secrets: tuple[bytes, ...]) -> "HeaderChannel":
    """Return the header that authenticates Okta's inline hooks. Raises `CommandFailed` if only tokens are accepted."""
    header = _header(settings, secrets, newest=False, basic=True)
    if header is None:
        raise CommandFailed(
            "there is no secret for the inline hooks: set HOOK_SECRETS, or BASIC_AUTH_USER and BASIC_AUTH_PASSWORD",
            WRONG_USAGE,
        )
    return header


def _header(settings: "Settings", secrets: tuple[bytes, ...], newest: bool, *, basic: bool) -> "HeaderChannel | None":
    from service.okta.hooks import HeaderChannel
    from service.settings import basic_header

    if secrets:
        return HeaderChannel(settings.hook_secret_header, secrets[-1 if newest else 0].decode())
    if basic and settings.basic_auth_user is not None and settings.basic_auth_password is not None:
        value = basic_header(settings.basic_auth_user, settings.basic_auth_password.get_secret_value())
        return HeaderChannel("Authorization", value)
    return None


def _oauth(settings: "Settings", hook_key: str | None) -> "Proof":
    from service.okta.hooks import OAuthChannel

    secret = settings.hook_oauth_client_secret
    clients = settings.oauth_clients()
    if settings.oauth_issuer is None or not clients or settings.oauth_scope is None:
        raise CommandFailed("--oauth needs OAUTH_ISSUER, OAUTH_CLIENT_ID and OAUTH_SCOPE", WRONG_USAGE)
    if (secret is None) == (hook_key is None):
        raise CommandFailed("--oauth needs either HOOK_OAUTH_CLIENT_SECRET or --hook-key", WRONG_USAGE)
    return OAuthChannel(
        client_id=clients[0],
        token_url=f"{settings.oauth_issuer.rstrip('/')}/v1/token",
        scope=settings.oauth_scope.split()[0],
        client_secret=secret.get_secret_value() if secret else None,
        hook_key_id=hook_key,
    )


def say(findings: "Sequence[Finding]", *, as_json: bool, verified: bool = True) -> int:
    """Print the findings and what was not tried; return 1 if people could not sign in."""
    if as_json:
        typer.echo(json.dumps([_shown(each) for each in findings]))
    else:
        for each in findings:
            typer.echo(_line(each))
        if not findings:
            untried = "" if verified else "; the event hook's secret was not verified (--no-verify)"
            typer.echo(f"the hooks are correct{untried}")
    return FAILED if _is_broken(findings) else DONE


async def refuse_without_hooks(
    settings: "Settings", database: "Database", org: "OktaOrg", base_url: str | None
) -> None:
    """Check the hooks first, since people who are created without them could not sign in. Raises `CommandFailed`."""
    from service.hooks.check import HookCheck
    from service.hooks.ownership import StoredOwnership
    from service.okta_client.probing import open_probe

    address = await base_url_of(database, base_url, allow_http=settings.allow_insecure_http)
    desired = desired_hooks(settings, address, registration=False)
    async with open_probe() as probe:
        findings = await HookCheck(org, StoredOwnership(database, org.host), probe, desired).run()
    for finding in findings:
        print_progress(_line(finding))
    if _is_broken(findings):
        raise CommandFailed("the hooks are not ready: no user was created, because they could not sign in")


def _is_broken(findings: "Sequence[Finding]") -> bool:
    return any(not each.fault.is_warning for each in findings)


def _line(finding: "Finding") -> str:
    return f"{'warning: ' if finding.fault.is_warning else ''}{finding}"


def _shown(finding: "Finding") -> dict[str, Any]:
    return {
        "fault": finding.fault.value,
        "hook": finding.kind.label if finding.kind else None,
        "detail": finding.detail,
        "remedy": finding.fault.remedy,
        "warning": finding.fault.is_warning,
    }


# `hooks rotate-secret` makes Okta send the newest secret. Parses and prints.


def rotate_secret(
    base_url: BaseUrl = None,
    registration: Registration = True,
    replica: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="Address of a replica; repeatable. [default: base URL]")
    ] = None,
    overlap: Annotated[
        float, typer.Option(min=0, help="Seconds during which the old and the new event hook both deliver.")
    ] = 300.0,
    yes: Yes = False,
) -> int:
    """Make Okta send the newest secret: the last in HOOK_SECRETS (and EVENT_HOOK_SECRETS).

    Before: append the new secret to the list, keep the old one, and let every replica read it. Every replica is called
    with it first; if one does not accept it, nothing is changed. Afterwards: remove the old secret from the list.
    """
    with errors_reported():
        rotated = run(_rotate(prepare(), base_url, registration, replica or [], overlap, yes))
    for kind in rotated.inline:
        typer.echo(f"{kind.label}: the new secret is set")
    if rotated.new_events:
        typer.echo(f"event hook: {rotated.new_events.id} replaces {', '.join(rotated.removed)}")
    return say(rotated.findings, as_json=False)


async def _rotate(
    settings: "Settings", base_url: str | None, registration: bool, replicas: Sequence[str], overlap: float, yes: bool
) -> "Rotated":
    from service.hooks.ownership import NotApproved, StoredOwnership
    from service.hooks.rotate import NotAccepted
    from service.hooks.rotate import rotate_secret as rotate

    async with opened(settings) as (database, org, probe):
        address = await base_url_of(database, base_url, allow_http=settings.allow_insecure_http)
        desired = desired_hooks(settings, address, registration=registration, newest=True)
        try:
            rotated = await rotate(
                org,
                StoredOwnership(database, org.host),
                probe,
                desired,
                replicas=replicas,
                overlap=overlap,
                approve=approval(yes),
                progress=print_progress,
            )
        except NotAccepted as error:
            raise CommandFailed(f"{error}: nothing was changed") from None
        except NotApproved as error:
            raise CommandFailed(str(error)) from None
        await _read_log(settings, database, org)
        return rotated


async def _read_log(settings: "Settings", database: "Database", org: "OktaOrg") -> None:
    """Apply events that were delivered to neither event hook, unless another process is already reconciling."""
    from service.reconciliation.run import Reconciliation
    from service.store.leases import RECONCILE, Held, hold_lease

    try:
        async with hold_lease(database, RECONCILE) as fenced:
            log = await Reconciliation(fenced, org, settings.forget_when).read_log()
        print_progress(f"the System Log was read: {log.events} import events")
    except Held as held:
        print_progress(f"{held}: it applies events that were delivered to neither hook")


# `hooks register` and `hooks check`. Parse and print.

app = typer.Typer(no_args_is_help=True, help="Register and check the org's hooks, and rotate their secret.")

OAuth = Annotated[bool, typer.Option("--oauth", help="Authenticate the inline hooks by OAuth.")]
HookKey = Annotated[str | None, typer.Option(metavar="ID", help="With --oauth: the hook key, for private_key_jwt.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]


@app.command()
def register(
    base_url: Annotated[str, typer.Argument(metavar="URL", help="The service's public address, https://….")],
    registration: Registration = True,
    oauth: OAuth = False,
    hook_key: HookKey = None,
    probe: Annotated[
        bool,
        typer.Option(help="Call the service at URL first. Turn this off if only Okta can resolve URL (split DNS)."),
    ] = True,
    yes: Yes = False,
) -> int:
    """Register the password import, registration and event hooks of the service in Okta, or update them.

    They get the first secret that the service accepts: HOOK_SECRETS, otherwise the pair of BASIC_AUTH_USER and
    BASIC_AUTH_PASSWORD. Only hooks that this installation created are changed; it asks before replacing another one.
    Before the first change the service is called at URL. The event hook is verified. Finally Okta calls the hooks
    with a probe for an invented person. Attach the registration hook to a policy in the Admin Console afterwards
    (docs/migration-guide.md).
    """
    changed: list[str] = []
    try:
        with errors_reported():
            return run(_register(prepare(), base_url, registration, oauth, hook_key, probe, yes, changed))
    except CommandFailed as failed:
        if not changed:
            raise
        already = f"changed in Okta before that: {', '.join(changed)}. To complete the change: {_again()}"
        raise CommandFailed(f"{failed}\n{already}", failed.code) from None


def _again() -> str:
    """Return the command as it was given, which contains no secret."""
    return shlex.join(["password-import", *sys.argv[1:]])


@app.command()
def check(
    base_url: BaseUrl = None,
    registration: Registration = True,
    verify: Annotated[
        bool, typer.Option(help="Verify the event hook again, which shows whether Okta has the current secret.")
    ] = True,
    as_json: AsJson = False,
) -> int:
    """Check the hooks, and print how to fix each fault. The exit code is 1 if people could not sign in."""
    with errors_reported():
        findings = run(_check(prepare(), base_url, registration, verify))
    return say(findings, as_json=as_json, verified=verify)


app.command("rotate-secret")(rotate_secret)


async def _register(
    settings: "Settings",
    base_url: str,
    registration: bool,
    oauth: bool,
    hook_key: str | None,
    probe_first: bool,
    yes: bool,
    changed: list[str],
) -> int:
    from service.hooks.check import HookCheck
    from service.hooks.ownership import NotApproved, StoredOwnership
    from service.hooks.queries import HOOKS_BASE_URL, set_text
    from service.hooks.register import AddressUnusable, Done, probe_address, register_hooks

    async with opened(settings) as (database, org, probe):
        address = await base_url_of(database, base_url, allow_http=settings.allow_insecure_http)
        desired = desired_hooks(settings, address, registration=registration, oauth=oauth, hook_key=hook_key)
        ownership = StoredOwnership(database, org.host)

        def report(kind: "HookKind", done: "Done", hook: "Hook") -> None:
            made = f"the {kind.label} ({Done.CREATED.value}, {hook.id})"
            if done is Done.REMOVED and made in changed:  # an event hook that could not be verified
                changed.remove(made)
            else:
                changed.append(f"the {kind.label} ({done.value}, {hook.id})")

        try:
            if probe_first:
                await probe_address(probe, desired)
            done = await register_hooks(org, ownership, desired, approve=approval(yes), progress=report)
        except AddressUnusable as error:
            raise CommandFailed(f"{error}\nnothing was changed; --no-probe registers the hooks nevertheless") from None
        except NotApproved as error:
            raise CommandFailed(str(error)) from None
        for kind, what, hook in done:
            typer.echo(f"{kind.label}: {what.value}, {hook.id}, {hook.uri}")
        async with database.connection() as connection:
            await set_text(connection, HOOKS_BASE_URL, address)
        # Each event hook has just been verified.
        findings = await HookCheck(org, ownership, probe, desired, verify=False).run()
        await _keep(database, findings)
        return say(findings, as_json=False)


async def _check(settings: "Settings", base_url: str | None, registration: bool, verify: bool) -> "list[Finding]":
    from service.hooks.check import HookCheck
    from service.hooks.ownership import StoredOwnership

    async with opened(settings) as (database, org, probe):
        desired = desired_hooks(
            settings,
            await base_url_of(database, base_url, allow_http=settings.allow_insecure_http),
            registration=registration,
        )
        findings = await HookCheck(org, StoredOwnership(database, org.host), probe, desired, verify=verify).run()
        await _keep(database, findings)
        return findings


async def _keep(database: "Database", findings: "Sequence[Finding]") -> None:
    """Store the findings for the status page."""
    from service.store.figures import HooksCheck, keep_hooks_check

    warnings = sum(each.fault.is_warning for each in findings)
    async with database.connection() as connection:
        await keep_hooks_check(connection, HooksCheck(datetime.now(UTC), len(findings) - warnings, warnings))
