"""`hooks register` and `hooks check`. Parses and prints; what is wrong with a hook, its action knows."""

from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.failures import CommandFailed
from service.cli.hook_findings import say
from service.cli.hook_options import BaseUrl, Registration, opened
from service.cli.okta import errors_reported
from service.cli.rotate_secret import rotate_secret
from service.cli.running import prepare, run
from service.cli.wanted_hooks import base_url_of, desired_hooks

if TYPE_CHECKING:
    from service.actions.register_hooks import Done
    from service.okta.hook_settings import Hook, HookKind
    from service.policies.hook_faults import Finding
    from service.settings import Settings

app = typer.Typer(
    no_args_is_help=True, help="Make the org's hooks, say what is wrong with them, and change their secret."
)

OAuth = Annotated[bool, typer.Option("--oauth", help="The inline hooks prove themselves by OAuth.")]
HookKey = Annotated[str | None, typer.Option(metavar="ID", help="With --oauth: the hook key, for private_key_jwt.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]


@app.command()
def register(
    base_url: Annotated[str, typer.Argument(metavar="URL", help="The service's public address, https://….")],
    registration: Registration = True,
    oauth: OAuth = False,
    hook_key: HookKey = None,
) -> int:
    """Make the password import, registration and event hooks lead to the service, or update those that exist.

    They get the first secret that the service accepts: HOOK_SECRETS, else the pair of BASIC_AUTH_USER and
    BASIC_AUTH_PASSWORD. The event hook is verified. At the end Okta calls the hooks, with a probe that is nobody's
    sign-in. The registration hook must then be attached to a policy in the Admin Console (docs/migration-guide.md).
    """
    changed: list[str] = []
    try:
        with errors_reported():
            return run(_register(prepare(), base_url, registration, oauth, hook_key, changed))
    except CommandFailed as failed:
        if not changed:
            raise
        already = f"already changed in Okta: {', '.join(changed)}. When that is mended, run the command again"
        raise CommandFailed(f"{failed}\n{already}", failed.code) from None


@app.command()
def check(
    base_url: BaseUrl = None,
    registration: Registration = True,
    verify: Annotated[
        bool, typer.Option(help="Verify the event hook once more, which tells whether its secret is ours.")
    ] = True,
    as_json: AsJson = False,
) -> int:
    """Find out what is wrong with the hooks, and how to mend it. The exit code is 1 where people could not sign in."""
    with errors_reported():
        findings = run(_check(prepare(), base_url, registration, verify))
    return say(findings, as_json=as_json)


app.command("rotate-secret")(rotate_secret)


async def _register(
    settings: "Settings", base_url: str, registration: bool, oauth: bool, hook_key: str | None, changed: list[str]
) -> int:
    from service.accounts.installation import HOOKS_BASE_URL, set_text
    from service.actions.check_hooks import HookCheck
    from service.actions.register_hooks import register_hooks

    async with opened(settings) as (database, org, probe):
        address = await base_url_of(database, base_url)
        desired = desired_hooks(settings, address, registration=registration, oauth=oauth, hook_key=hook_key)

        def report(kind: "HookKind", done: "Done", hook: "Hook") -> None:
            changed.append(f"the {kind.label} ({done.value}, {hook.id})")

        for kind, done, hook in await register_hooks(org, desired, progress=report):
            typer.echo(f"{kind.label}: {done.value}, {hook.id}, {hook.uri}")
        async with database.connection() as connection:
            await set_text(connection, HOOKS_BASE_URL, address)
        # Each event hook was verified just now.
        return say(await HookCheck(org, probe, desired, verify=False).run(), as_json=False)


async def _check(settings: "Settings", base_url: str | None, registration: bool, verify: bool) -> "list[Finding]":
    from service.actions.check_hooks import HookCheck

    async with opened(settings) as (database, org, probe):
        desired = desired_hooks(settings, await base_url_of(database, base_url), registration=registration)
        return await HookCheck(org, probe, desired, verify=verify).run()
