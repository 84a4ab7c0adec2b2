"""From the settings to who is let in and what opens the hashes. Reads secrets; judges no call."""

from service.accounts.sealing import HashKeys
from service.issuer_keys import IssuerKeys
from service.okta.authentication import AcceptedTokens, Authenticator
from service.okta.bearer import Expected, Keys
from service.settings import BadSettings, Settings


def hash_keys(settings: Settings) -> HashKeys:
    """Make what seals and opens stored hashes. Raises `BadSettings`."""
    keys = settings.all_hash_keys()
    if settings.require_encrypted_hashes and not keys:
        raise BadSettings("REQUIRE_ENCRYPTED_HASHES needs HASH_KEYS or HASH_KEYS_FILE")
    return HashKeys(keys, require_encrypted=settings.require_encrypted_hashes)


def issuer_keys(settings: Settings) -> IssuerKeys | None:
    """Make what fetches the issuer's keys; None where OAuth is off."""
    return None if settings.oauth_issuer is None else IssuerKeys(settings.oauth_issuer)


def inline_authenticator(settings: Settings, keys: IssuerKeys | None) -> Authenticator:
    """Make the authenticator of the inline hooks: header secrets, the pair, bearer tokens. Raises `BadSettings`."""
    return Authenticator(
        header=settings.hook_secret_header,
        secrets=settings.inline_hook_secrets(),
        basic=settings.basic_credentials(),
        tokens=_accepted_tokens(settings, keys),
    )


def event_authenticator(settings: Settings) -> Authenticator:
    """Make the authenticator of the event hook, which Okta lets have a header only. Raises `BadSettings`."""
    own = settings.has_event_secrets()
    return Authenticator(
        header=settings.hook_secret_header,
        secrets=settings.event_secrets(),
        basic=None if own else settings.basic_credentials(),
    )


def _accepted_tokens(settings: Settings, keys: IssuerKeys | None) -> AcceptedTokens | None:
    if keys is None or settings.oauth_issuer is None or settings.oauth_audience is None:
        return None
    expected = Expected(
        issuer=settings.oauth_issuer,
        audience=settings.oauth_audience,
        clients=settings.oauth_clients(),
        scope=settings.oauth_scope,
    )

    def at_hand() -> Keys:
        return keys.keys

    return AcceptedTokens(expected, at_hand)
