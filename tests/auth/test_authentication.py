"""Only Okta is authenticated: every credential that differs from the accepted ones in any byte is rejected."""

import base64
import json
from pathlib import Path

import aiohttp
import pytest
from pydantic import ValidationError

from service.auth.authenticator import Accepted, Authenticator, CredentialFault
from service.settings import BadSettings, Settings, load_settings, require_authentication
from tests.service_fixtures import AUTHORIZATION, Client, settings_of

Header = tuple[bytes, bytes]


def encoded(pair: bytes) -> bytes:
    return base64.b64encode(pair)


def judge(*headers: Header, header: str = "Authorization", secrets: tuple[bytes, ...] = ()) -> object:
    return Authenticator(header=header, secrets=secrets, basic="admin:geheim:ä".encode())(headers)


@pytest.mark.parametrize("scheme", [b"Basic", b"basic", b"BASIC"])
def test_basic_is_accepted_in_any_case_of_its_scheme_and_split_at_the_first_colon(scheme: bytes) -> None:
    value = scheme + b" " + encoded("admin:geheim:ä".encode())
    assert judge((b"AUTHORIZATION", value)) == Accepted("basic", 1)


@pytest.mark.parametrize(
    "value,reason",
    [
        (b"Basic " + encoded(b"admin:geheim"), CredentialFault.WRONG),
        (b"Basic " + encoded("Admin:geheim:ä".encode()), CredentialFault.WRONG),
        (b"Basic " + encoded("admin:geheim:ä".encode()) + b"!", CredentialFault.MALFORMED),
        (b"Basic " + encoded("admin:geheim:ä".encode())[:-1] + b"\n=", CredentialFault.MALFORMED),
        (b"Basic " + encoded("admin:geheim:ä".encode("latin-1")), CredentialFault.MALFORMED),
        (b"Basic " + encoded(b"admin"), CredentialFault.MALFORMED),
        (b"Basic" + encoded("admin:geheim:ä".encode()), CredentialFault.MALFORMED),
        (b"Bearer " + encoded("admin:geheim:ä".encode()), CredentialFault.MALFORMED),
        (encoded("admin:geheim:ä".encode()), CredentialFault.MALFORMED),
        ("admin:geheim:ä".encode(), CredentialFault.MALFORMED),
        (b"Basic ", CredentialFault.MALFORMED),
        (b"", CredentialFault.MALFORMED),
    ],
)
def test_anything_else_is_refused(value: bytes, reason: CredentialFault) -> None:
    assert judge((b"Authorization", value)) is reason


def test_missing_and_repeated_headers_are_refused() -> None:
    good = b"Basic " + encoded("admin:geheim:ä".encode())
    assert judge((b"X-Other", good)) is CredentialFault.MISSING
    assert judge((b"Authorization", good), (b"authorization", good)) is CredentialFault.REPEATED


def test_any_of_several_secrets_is_accepted_as_it_is_in_the_configured_header() -> None:
    secrets = (b"old secret", b"new secret")
    assert judge((b"x-hook", b"new secret"), header="X-Hook", secrets=secrets) == Accepted("secret", 2)
    assert judge((b"x-hook", b"new secreT"), header="X-Hook", secrets=secrets) is CredentialFault.WRONG
    assert judge((b"authorization", b"new secret"), header="X-Hook", secrets=secrets) is CredentialFault.MALFORMED
    assert (
        judge((b"x-hook", b"old secret"), (b"X-Hook", b"x"), header="X-Hook", secrets=secrets)
        is CredentialFault.REPEATED
    )


def test_basic_counts_only_in_authorization() -> None:
    good = b"Basic " + encoded("admin:geheim:ä".encode())
    assert judge((b"x-hook", good), header="X-Hook") is not Accepted("basic", 1)
    assert judge((b"authorization", good), header="X-Hook") == Accepted("basic", 1)


@pytest.mark.parametrize("path", ["/okta/password-import", "/okta/events", "/okta/registration", "/okta/nothing"])
async def test_without_credentials_every_okta_path_is_401_and_names_the_scheme(
    stranger: aiohttp.ClientSession, path: str
) -> None:
    for method in ("GET", "POST", "DELETE"):
        answer = await stranger.request(method, path, data=b"\xff")
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic")
        assert (await answer.json())["error"]["code"] == "credentials_missing"


async def test_the_challenge_too_needs_the_credentials(stranger: aiohttp.ClientSession, client: Client) -> None:
    headers = {"x-okta-verification-challenge": "abc"}
    assert (await stranger.get("/okta/events", headers=headers)).status == 401
    assert (await client.get("/okta/events", headers=headers)).status == 200


async def test_a_refusal_echoes_nothing_of_the_credentials(stranger: aiohttp.ClientSession) -> None:
    answer = await stranger.post("/okta/events", headers={"Authorization": "Basic bWFya2VkOm1hcmtlZA=="})
    assert "marked" not in await answer.text()
    assert "bWFya2Vk" not in await answer.text()


def test_okta_guides_own_pair_makes_the_guides_header() -> None:
    assert Authenticator(header="authorization", secrets=(), basic=b"admin:supersecret")(
        [(b"Authorization", AUTHORIZATION.encode())]
    ) == Accepted("basic", 1)


def test_another_spelling_of_the_same_base64_is_refused() -> None:
    guard = Authenticator(header="authorization", secrets=(), basic=b"admin:supersecret")
    header = AUTHORIZATION.replace("ZXQ=", "ZXR=").encode()
    assert base64.b64decode(header[6:]) == b"admin:supersecret"
    assert guard([(b"Authorization", header)]) is CredentialFault.MALFORMED


def test_without_any_way_to_authenticate_the_service_says_which_to_set() -> None:
    with pytest.raises(BadSettings, match="BASIC_AUTH_USER and BASIC_AUTH_PASSWORD, or HOOK_SECRETS"):
        require_authentication(settings_of())


def test_a_pair_that_is_no_utf8_is_refused_at_start_and_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASIC_AUTH_USER", "admin")
    monkeypatch.setenv("BASIC_AUTH_PASSWORD", "marked\udcff")
    with pytest.raises(BadSettings, match="must be UTF-8") as refused:
        load_settings()
    assert "marked" not in str(refused.value)


@pytest.mark.parametrize("secret", ["", " ", " padded", "padded ", "\tpadded"])
def test_blank_and_padded_secrets_are_refused_at_start_by_position(secret: str) -> None:
    with pytest.raises(BadSettings, match="HOOK_SECRETS: secret 2 is blank or has space around it"):
        require_authentication(settings_of(hook_secrets=json.dumps(["good secret", secret])))


def test_a_blank_secret_of_the_file_is_reported_as_one_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text('["good secret", " "]')
    with pytest.raises(BadSettings, match="HOOK_SECRETS_FILE: secret 2 is blank"):
        require_authentication(settings_of(hook_secrets='["one secret"]', hook_secrets_file=str(tmp_path / "secrets")))


def test_an_empty_value_is_no_value_for_any_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # a folder without .env
    for name in Settings.model_fields:
        monkeypatch.setenv(name.upper(), "")
    assert load_settings() == Settings.model_construct()


@pytest.mark.parametrize(
    "url, sound",
    [
        ("postgresql://app:marked/word@db/app", False),
        ("postgresql://app:marked#word@db/app", False),
        ("postgresql://db:marked/app", False),
        ("postgresql://app:[marked@db/app", False),
        ("postgresql://app:p%2Fw@db/app", True),
        ("postgresql://app:pw@db1:5432,db2:5433,[::1]:5434,[::1]/app?target_session_attrs=read-write", True),
        ("postgresql:///app?host=/run/postgresql", True),
    ],
)
def test_an_address_with_a_port_that_is_no_number_is_refused_and_not_quoted(url: str, sound: bool) -> None:
    if sound:
        assert settings_of(database_url=url).database_url is not None
        return
    with pytest.raises(ValidationError, match="a port that is not a number") as refused:
        settings_of(database_url=url)
    assert "marked" not in str(refused.value)


def test_every_fault_of_the_settings_is_named_at_once_and_no_value_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "PORT": "marked-port",
        "REQUEST_TIMEOUT": "9",
        "DATABASE_URL": "mysql://marked-database",
        "HOOK_SECRETS": "marked-secret",
        "FORGET_WHEN": "marked-when",
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BadSettings) as fault:
        load_settings()
    lines = str(fault.value).splitlines()
    named = [line.split(":")[0] for line in lines]
    assert named == ["DATABASE_URL", "PORT", "HOOK_SECRETS", "REQUEST_TIMEOUT", "FORGET_WHEN"]
    assert "marked" not in str(fault.value)


def test_secrets_do_not_show_in_the_repr_of_the_settings() -> None:
    shown = repr(settings_of(hook_secrets='["marked-secret"]', basic_auth_user="u", basic_auth_password="marked-pw"))
    assert "marked" not in shown
