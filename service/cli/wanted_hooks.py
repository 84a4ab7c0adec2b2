"""From the settings to what the org's hooks must be, and the check of it. Prints nothing."""

from typing import TYPE_CHECKING

from service.cli.failures import WRONG_USAGE, CommandFailed

if TYPE_CHECKING:
    from service.accounts.database import Database
    from service.actions.wanted_hooks import DesiredHooks
    from service.okta.hook_settings import HeaderChannel, Proof
    from service.settings import Settings


async def base_url_of(database: "Database", given: str | None) -> str:
    """Give the service's public address: as given, else as it was registered."""
    from service.accounts.installation import HOOKS_BASE_URL, get_text
    from service.policies.hook_settings_faults import is_https

    if given is not None:
        if not is_https(given):
            raise CommandFailed(f"{given}: Okta calls https:// only", WRONG_USAGE)
        return given.rstrip("/")
    async with database.connection() as connection:
        kept = await get_text(connection, HOOKS_BASE_URL)
    if kept is None:
        raise CommandFailed(
            "the service's public address is not known: give --base-url, or run password-import hooks register URL",
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
    """Give what the hooks must be; `newest` takes the last of the accepted secrets instead of the first."""
    from service.actions.wanted_hooks import DesiredHooks

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
    return DesiredHooks(base_url, inline_proof, event_proof, registration, accepts_oauth)


def _tokens_alone() -> "Proof":
    """The proof of inline hooks where the service takes tokens alone: nothing of it is compared or sent."""
    from service.okta.hook_settings import OAuthChannel

    return OAuthChannel("", "", "")


def _header(settings: "Settings", secrets: tuple[bytes, ...], newest: bool, *, basic: bool) -> "HeaderChannel | None":
    from service.okta.hook_settings import HeaderChannel
    from service.settings import basic_header

    if secrets:
        return HeaderChannel(settings.hook_secret_header, secrets[-1 if newest else 0].decode())
    if basic and settings.basic_auth_user is not None and settings.basic_auth_password is not None:
        value = basic_header(settings.basic_auth_user, settings.basic_auth_password.get_secret_value())
        return HeaderChannel("Authorization", value)
    return None


def _oauth(settings: "Settings", hook_key: str | None) -> "Proof":
    from service.okta.hook_settings import OAuthChannel

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
