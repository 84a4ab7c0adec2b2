"""Registration of hooks, findings about them, and rotation of their secret."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from service.hooks.check import HookCheck
from service.hooks.findings import Fault, Finding, reported_failure_fault
from service.hooks.register import DesiredHooks, Done, register_hooks
from service.hooks.rotate import NotAccepted, rotate_secret
from service.okta.events import IMPORT_EVENT
from service.okta.hooks import HeaderChannel, HookKind, is_probe, probe_login
from service.okta_client.org import OktaOrg
from service.okta_client.probing import ServiceProbe, open_probe
from service.signin.observations import UnknownLogins
from simulator import EventHook, HeaderSecret, HookType, InlineHook, OAuthClient, Org
from simulator.hook_oauth import use_oauth
from tests.hooks.hook_org import KnownHooks
from tests.org_fixtures import SECRET, Running
from tests.service_fixtures import Add

PASSWORD, REGISTRATION, EVENTS = HookKind.PASSWORD_IMPORT, HookKind.REGISTRATION, HookKind.EVENTS
OURS = HeaderChannel("Authorization", SECRET)
OTHERS = HeaderSecret("Authorization", "Basic b3RoZXI6c2VjcmV0")

Break = Callable[["Broken"], object]


@pytest.fixture
async def probe() -> AsyncIterator[ServiceProbe]:
    async with open_probe() as probe:
        yield probe


@pytest.fixture
async def desired(service: Running, add: Add) -> DesiredHooks:
    await add("somebody@example.com")
    return DesiredHooks(service.url, OURS, OURS)


class Broken:
    """An org with correct hooks, which tests break."""

    def __init__(self, org: Org, okta: OktaOrg, known: KnownHooks) -> None:
        self.org, self.okta, self.known = org, okta, known

    @property
    def password(self) -> InlineHook:
        return next(hook for hook in self.org.inline_hooks.values() if hook.type == HookType.PASSWORD_IMPORT)

    @property
    def registration(self) -> InlineHook:
        return next(hook for hook in self.org.inline_hooks.values() if hook.type == HookType.REGISTRATION)

    @property
    def events(self) -> EventHook:
        (hook,) = self.org.event_hooks.values()
        return hook

    def channel(self, hook: InlineHook | EventHook, **members: Any) -> None:
        hook.channel = replace(hook.channel, **members)

    def unverified(self, **members: Any) -> None:
        """Change the event hook's channel, which un-verifies it."""
        self.channel(self.events, **members)
        self.events.verified = False

    def uri(self, hook: InlineHook | EventHook, old: str, new: str) -> None:
        self.channel(hook, uri=hook.channel.uri.replace(old, new))


@pytest.fixture
async def registered(org: Org, okta: OktaOrg, desired: DesiredHooks) -> Broken:
    known = KnownHooks()
    await register_hooks(okta, known, desired)
    return Broken(org, okta, known)


def named(findings: list[Finding]) -> set[tuple[Fault, HookKind | None]]:
    return {(finding.fault, finding.kind) for finding in findings}


async def test_hooks_are_made_verified_and_found_to_be_right(
    org: Org, okta: OktaOrg, probe: ServiceProbe, desired: DesiredHooks, service: Running
) -> None:
    known = KnownHooks()
    done = await register_hooks(okta, known, desired)
    assert [(kind, what) for kind, what, _ in done] == [(kind, Done.CREATED) for kind in HookKind]
    hooks: list[InlineHook | EventHook] = [*org.inline_hooks.values(), *org.event_hooks.values()]
    assert {hook.channel.uri for hook in hooks} == {service.url + kind.path for kind in HookKind}
    assert {hook.channel.secret for hook in hooks} == {HeaderSecret("Authorization", SECRET)}
    assert await HookCheck(okta, known, probe, desired).run() == []


async def test_registering_again_updates_and_makes_no_second_hook(
    org: Org, okta: OktaOrg, desired: DesiredHooks, registered: Broken
) -> None:
    registered.channel(registered.password, secret=OTHERS, uri="https://old.example.com/x")
    registered.password.active = False
    done = await register_hooks(okta, registered.known, desired)
    assert [what for _, what, _ in done] == [Done.UPDATED, Done.UPDATED, Done.KEPT]
    assert (len(org.inline_hooks), len(org.event_hooks), registered.password.active) == (2, 1, True)


async def test_an_event_hook_that_is_right_is_not_unverified_for_a_moment(
    org: Org, okta: OktaOrg, desired: DesiredHooks, registered: Broken
) -> None:
    channel = registered.events.channel
    await register_hooks(okta, registered.known, desired)
    assert registered.events.channel is channel
    assert registered.events.verified


async def test_another_event_hook_of_the_org_is_left_alone(org: Org, okta: OktaOrg, desired: DesiredHooks) -> None:
    other = org.add_event_hook("https://other.example.com/hook", OTHERS)
    other.name = "Password import events"
    other_channel = other.channel
    other.name = "Somebody's"
    await register_hooks(okta, KnownHooks(), desired)
    assert (len(org.event_hooks), other.channel) == (2, other_channel)


BROKEN: dict[str, tuple[Break, Fault, HookKind]] = {
    "no password hook": (lambda it: it.org.inline_hooks.pop(it.password.id), Fault.MISSING, PASSWORD),
    "password hook inactive": (lambda it: setattr(it.password, "active", False), Fault.INACTIVE, PASSWORD),
    "password hook elsewhere": (
        lambda it: it.channel(it.password, uri="https://old.example.com/okta/password-import"),
        Fault.OTHER_URL,
        PASSWORD,
    ),
    "password hook without TLS": (
        lambda it: it.channel(it.password, uri="http://service.example.com/okta/password-import"),
        Fault.NOT_HTTPS,
        PASSWORD,
    ),
    "password hook without a secret": (
        lambda it: it.channel(it.password, secret=None),
        Fault.NO_SECRET,
        PASSWORD,
    ),
    "password hook with another header": (
        lambda it: it.channel(it.password, secret=HeaderSecret("X-Secret", SECRET)),
        Fault.OTHER_HEADER,
        PASSWORD,
    ),
    "password hook with another secret": (
        lambda it: it.channel(it.password, secret=OTHERS),
        Fault.SECRET_NOT_OURS,
        PASSWORD,
    ),
    "no registration hook": (
        lambda it: it.org.inline_hooks.pop(it.registration.id),
        Fault.MISSING,
        REGISTRATION,
    ),
    "no event hook": (lambda it: it.org.event_hooks.clear(), Fault.MISSING, EVENTS),
    "event hook inactive": (lambda it: setattr(it.events, "active", False), Fault.INACTIVE, EVENTS),
    "event hook unverified": (lambda it: setattr(it.events, "verified", False), Fault.UNVERIFIED, EVENTS),
    "event hook for other events": (
        lambda it: setattr(it.events, "items", ("user.session.start",)),
        Fault.WRONG_EVENTS,
        EVENTS,
    ),
    "event hook for more events than ours": (
        lambda it: setattr(it.events, "items", (IMPORT_EVENT, "user.session.start")),
        Fault.EXTRA_EVENTS,
        EVENTS,
    ),
    "event hook unverified, because its secret is another": (
        lambda it: it.unverified(secret=OTHERS),
        Fault.SECRET_NOT_OURS,
        EVENTS,
    ),
    "event hook with a filter": (
        lambda it: setattr(it.events, "filter", {"type": "EXPRESSION_LANGUAGE", "eventFilterMap": [{}]}),
        Fault.FILTERED,
        EVENTS,
    ),
    "event hook elsewhere": (
        lambda it: it.channel(it.events, uri="https://old.example.com/okta/events"),
        Fault.OTHER_URL,
        EVENTS,
    ),
    "event hook with another secret": (
        lambda it: it.channel(it.events, secret=OTHERS),
        Fault.SECRET_NOT_OURS,
        EVENTS,
    ),
    "a token that may not see hooks": (
        lambda it: setattr(it.org, "api_token", "another"),
        Fault.FORBIDDEN,
        PASSWORD,
    ),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_set_up_is_named_with_how_to_mend_it(
    registered: Broken, okta: OktaOrg, probe: ServiceProbe, desired: DesiredHooks, name: str
) -> None:
    breaking, fault, kind = BROKEN[name]
    breaking(registered)
    findings = await HookCheck(okta, registered.known, probe, desired).run()
    assert (fault, kind) in named(findings)
    (finding,) = [each for each in findings if (each.fault, each.kind) == (fault, kind)]
    assert fault.remedy[1:] in str(finding)
    assert SECRET not in str(findings)


async def test_a_hook_by_oauth_is_right_where_the_service_takes_tokens(
    registered: Broken, okta: OktaOrg, probe: ServiceProbe, desired: DesiredHooks
) -> None:
    client = OAuthClient("client_secret_post", "0oa", "https://example.okta.com/oauth2/default/v1/token")
    registered.channel(registered.registration, secret=None, oauth=client)
    findings = named(await HookCheck(okta, registered.known, probe, desired, verify=False).run())
    assert (Fault.OTHER_PROOF, REGISTRATION) in findings
    findings = named(
        await HookCheck(okta, registered.known, probe, replace(desired, accepts_oauth=True), verify=False).run()
    )
    assert (Fault.OTHER_PROOF, REGISTRATION) not in findings


async def test_tokens_that_the_service_refuses_are_no_matter_of_a_secret(
    registered: Broken, org: Org, okta: OktaOrg, probe: ServiceProbe, desired: DesiredHooks
) -> None:
    use_oauth(org)
    findings = named(await HookCheck(okta, registered.known, probe, replace(desired, accepts_oauth=True)).run())
    assert findings == {(Fault.TOKEN_NOT_OURS, PASSWORD), (Fault.TOKEN_NOT_OURS, REGISTRATION)}


async def test_a_hook_that_is_left_over_hides_not_the_one_that_works(
    registered: Broken, org: Org, okta: OktaOrg, probe: ServiceProbe, desired: DesiredHooks
) -> None:
    registered.events.active = False
    working = org.add_event_hook(registered.events.channel.uri, HeaderSecret("Authorization", SECRET))
    assert await org.verify_event_hook(working)
    assert named(await HookCheck(okta, registered.known, probe, desired).run()) == {(Fault.SEVERAL, EVENTS)}


async def test_a_service_that_is_down_is_named(
    registered: Broken, okta: OktaOrg, probe: ServiceProbe, desired: DesiredHooks, service: Running
) -> None:
    await service.server.close()
    findings = named(await HookCheck(okta, registered.known, probe, desired).run())
    assert (Fault.NOT_SEEN_FROM_HERE, PASSWORD) in findings
    assert (Fault.UNREACHABLE, PASSWORD) in findings


async def test_a_service_without_accounts_is_named_not_ready(
    registered: Broken, okta: OktaOrg, probe: ServiceProbe, desired: DesiredHooks, pool: asyncpg.Pool
) -> None:
    await pool.execute("TRUNCATE accounts CASCADE")
    assert (Fault.NOT_READY, PASSWORD) in named(await HookCheck(okta, registered.known, probe, desired).run())


async def test_a_service_that_takes_another_secret_than_this_command_has_is_named(
    registered: Broken, okta: OktaOrg, probe: ServiceProbe, desired: DesiredHooks
) -> None:
    desired = replace(desired, inline_proof=HeaderChannel("Authorization", "Basic bmV2ZXI6c2Vlbg=="))
    assert (Fault.SECRET_UNKNOWN, PASSWORD) in named(await HookCheck(okta, registered.known, probe, desired).run())


async def test_recent_failures_of_our_hooks_are_reported_and_keep_nobody_from_signing_in(
    registered: Broken, org: Org, okta: OktaOrg, probe: ServiceProbe, desired: DesiredHooks
) -> None:
    for hook in (registered.password, registered.events):
        event = "inline_hook.executed" if isinstance(hook, InlineHook) else "event_hook.delivery"
        for target in (hook.id, "who0000someoneelse"):
            caused = org.caused("/", "127.0.0.1")
            org.log.add(
                event,
                "failed",
                caused,
                actor={"id": "system"},
                targets=[{"id": target}],
                result="FAILURE",
                reason="503",
            )
    findings = await HookCheck(okta, registered.known, probe, desired).run()
    assert named(findings) == {(Fault.RECENT_FAILURES, PASSWORD), (Fault.RECENT_FAILURES, EVENTS)}
    assert all("1 in 24 hours" in finding.detail and finding.fault.is_warning for finding in findings)


async def test_failures_of_many_other_hooks_hide_none_of_ours_and_the_last_is_reported(
    registered: Broken, org: Org, okta: OktaOrg, probe: ServiceProbe, desired: DesiredHooks
) -> None:
    def fail(target: str, reason: str) -> None:
        caused, actor = org.caused("/", "127.0.0.1"), {"id": "system"}
        targets = [{"id": target}]
        org.log.add(
            "inline_hook.executed", "failed", caused, actor=actor, targets=targets, result="FAILURE", reason=reason
        )

    org.clock.advance(hours=-1)
    for _ in range(1100):
        fail("calsomeoneelse", "503")
    for reason in ("500", "504"):
        org.clock.advance(minutes=1)
        fail(registered.password.id, reason)
    org.clock.advance(minutes=58)
    (finding,) = await HookCheck(okta, registered.known, probe, desired, verify=False).run()
    assert finding.fault is Fault.RECENT_FAILURES
    assert finding.detail.startswith("2 in 24 hours")
    assert finding.detail.endswith(": 504")


async def test_a_clock_that_is_off_is_reported(
    registered: Broken, okta: OktaOrg, probe: ServiceProbe, desired: DesiredHooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.okta_client.org.clock_ahead", lambda _at: -300.0)
    assert (Fault.CLOCK, None) in named(await HookCheck(okta, registered.known, probe, desired).run())


async def test_a_redirect_and_a_foreign_page_are_named(
    registered: Broken, org: Org, okta: OktaOrg, probe: ServiceProbe
) -> None:
    async def elsewhere(request: web.Request) -> web.Response:
        if "password" in request.path:
            raise web.HTTPMovedPermanently("https://service.example.com/")
        return web.json_response({"hello": "world"})

    async with serving(elsewhere) as url:
        for hook in (registered.password, registered.events):
            registered.channel(hook, uri=url + (PASSWORD if hook is registered.password else EVENTS).path)
        findings = named(
            await HookCheck(okta, registered.known, probe, DesiredHooks(url, OURS, OURS, registration=False)).run()
        )
    assert findings == {(Fault.REDIRECTED, PASSWORD), (Fault.WRONG_ANSWER, EVENTS)}


async def test_a_certificate_about_to_end_is_reported_and_an_untrusted_one_is_a_fault(
    registered: Broken, org: Org, okta: OktaOrg, tmp_path: Path
) -> None:
    async def answer(_request: web.Request) -> web.Response:
        value = {"credential": "UNVERIFIED"}
        return web.json_response(
            {"commands": [{"type": "com.okta.action.update", "value": value}], "verification": "x"}
        )

    with certificate(tmp_path, days=5) as (server, client):
        async with serving(answer, server) as url:
            desired = DesiredHooks(url.replace("127.0.0.1", "localhost"), OURS, OURS, registration=False)
            async with open_probe(trust=client) as probe:
                trusted = named(await HookCheck(okta, registered.known, probe, desired).run())
            async with open_probe() as probe:
                untrusted = named(await HookCheck(okta, registered.known, probe, desired).run())
    assert (Fault.CERTIFICATE_EXPIRES, None) in trusted
    assert (Fault.CERTIFICATE_BAD, None) in untrusted


def test_okta_s_words_about_a_failed_call_are_understood() -> None:
    progress = {
        "Remote server responded with client error, responseCode=401 message=Unauthorized": Fault.SECRET_NOT_OURS,
        'Hook "x" execution failed. the service answered 503': Fault.NOT_READY,
        'Hook "x" execution failed. Hook timed out': Fault.TIMED_OUT,
        "Could not deserialize response due to error at Line 1 Column 1": Fault.WRONG_ANSWER,
        "INTERNAL_ERROR": Fault.UNREACHABLE,
    }
    assert {text: reported_failure_fault(text) for text in progress} == progress


def test_a_probe_is_nobody_s_sign_in() -> None:
    assert is_probe(probe_login())
    assert not is_probe("jessie@example.com")
    unknown = UnknownLogins()
    unknown.note(probe_login())
    assert unknown.listed() == []


async def test_a_new_secret_is_set_without_a_moment_in_which_events_are_lost(
    registered: Broken, org: Org, okta: OktaOrg, probe: ServiceProbe, desired: DesiredHooks, add: Add
) -> None:
    org.switch(warm_up=0.3)
    org.hold_deliveries = False
    seen: list[int] = []
    old = registered.events
    await add("jessie@example.com")
    org.add_user("jessie@example.com")

    async def sign_in_meanwhile(_text: str = "") -> None:
        await org.sign_in("jessie@example.com", "password1")

    tasks: list[asyncio.Task[None]] = []

    def progress(text: str) -> None:
        seen.append(sum(hook.wants(IMPORT_EVENT, org.clock.now()) for hook in org.event_hooks.values()))
        tasks.append(asyncio.create_task(sign_in_meanwhile()))

    rotated = await rotate_secret(okta, registered.known, probe, desired, overlap=0.5, progress=progress)
    await asyncio.gather(*tasks)
    assert seen == [1]
    assert rotated.removed == [old.id]
    assert rotated.findings == []
    assert [hook.verified for hook in org.event_hooks.values()] == [True]
    assert org.provider_of("jessie@example.com") == "OKTA"


async def test_a_new_secret_of_the_event_hook_takes_no_inline_hook_away_from_oauth(
    registered: Broken, org: Org, okta: OktaOrg, probe: ServiceProbe, desired: DesiredHooks
) -> None:
    use_oauth(org)
    rotated = await rotate_secret(okta, registered.known, probe, replace(desired, accepts_oauth=True), overlap=0.0)
    assert rotated.inline == []
    assert all(hook.channel.oauth for hook in org.inline_hooks.values())
    assert rotated.new_events


async def test_a_replica_that_does_not_take_the_new_secret_keeps_everything_as_it_was(
    registered: Broken, org: Org, okta: OktaOrg, probe: ServiceProbe, desired: DesiredHooks, service: Running
) -> None:
    before = [hook.channel for hook in (registered.password, registered.registration, registered.events)]
    new = HeaderChannel("Authorization", "Basic bmV3OnNlY3JldA==")
    desired = replace(desired, inline_proof=new, event_proof=new)
    with pytest.raises(NotAccepted, match="does not accept the new secret") as caught:
        await rotate_secret(okta, registered.known, probe, desired, replicas=[service.url])
    assert [hook.channel for hook in (registered.password, registered.registration, registered.events)] == before
    assert new.value not in str(caught.value)


class serving:  # noqa: N801 (used like a function)
    """Serve another application at the service's address."""

    def __init__(
        self, handler: Callable[[web.Request], Awaitable[web.StreamResponse]], tls: ssl.SSLContext | None = None
    ) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handler)
        self.runner, self.tls = web.AppRunner(app), tls

    async def __aenter__(self) -> str:
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0, ssl_context=self.tls).start()
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.runner.addresses[0][1]}"

    async def __aexit__(self, *_: object) -> None:
        await self.runner.cleanup()


@contextmanager
def certificate(folder: Path, *, days: int) -> Iterator[tuple[ssl.SSLContext, ssl.SSLContext]]:
    """Yield both sides' contexts for a certificate of `localhost` that expires soon."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public = folder / "certificate.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = folder / "key.pem"
    form = serialization.PrivateFormat.PKCS8
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(public, private)
    yield server, ssl.create_default_context(cafile=str(public))
