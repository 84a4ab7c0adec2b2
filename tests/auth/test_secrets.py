"""Secrets that are empty, incomplete, short, shared or in other users' files are rejected, at start and on reload."""

import base64
import json
import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from service import settings as settings_module
from service.app import warn_of_secrets
from service.auth.authenticator import hash_keys
from service.settings import BadSettings, load_settings, require_authentication
from tests.service_fixtures import settings_of

INLINE = "secret-of-the-hooks"
EVENTS = "secret-of-the-events"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "secrets.json"
    made.write_text(json.dumps([EVENTS]))
    made.chmod(0o600)
    return made


@pytest.mark.parametrize("content", ["", " \n", "[]", '["', '["secret-of-the-ev', "null", "{}"])
@pytest.mark.parametrize("name", ["event_hook_secrets_file", "hook_secrets_file"])
def test_an_empty_or_half_written_file_is_refused(file: Path, name: str, content: str) -> None:
    file.write_text(content)
    with pytest.raises(BadSettings, match=f"{name.upper()}: "):
        require_authentication(settings_of(**{"hook_secrets": json.dumps([INLINE]), name: file}))


@pytest.mark.parametrize("content", ["", "[]"])
def test_an_empty_file_is_refused_where_basic_opens_the_inline_hooks(file: Path, content: str) -> None:
    file.write_text(content)
    with pytest.raises(BadSettings, match="EVENT_HOOK_SECRETS_FILE: holds no secret"):
        require_authentication(
            settings_of(basic_auth_user="admin", basic_auth_password="supersecret", event_hook_secrets_file=file)
        )


def test_an_empty_list_of_event_secrets_is_not_taken_for_none() -> None:
    with pytest.raises(BadSettings, match="EVENT_HOOK_SECRETS: holds no secret"):
        require_authentication(settings_of(hook_secrets=json.dumps([INLINE]), event_hook_secrets="[]"))


SHORT = [
    {"hook_secrets": '["seven-7"]'},
    {"hook_secrets": json.dumps([INLINE]), "event_hook_secrets": '["äöüäöüä"]'},
    {"basic_auth_user": "administrator", "basic_auth_password": "1234567"},
    {"hook_secrets": json.dumps(["Basic " + base64.b64encode(b"administrator:1234567").decode()])},
    {"hook_secrets": '["Bearer 1234567"]'},
]


@pytest.mark.parametrize("given", SHORT)
def test_a_secret_of_fewer_than_eight_characters_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(BadSettings, match="shorter than 8 characters"):
        require_authentication(settings_of(**given))


def test_the_secret_of_okta_s_guide_is_taken() -> None:
    require_authentication(settings_of(basic_auth_user="admin", basic_auth_password="supersecret"))
    require_authentication(settings_of(hook_secrets='["eight--8"]'))


def basic(text: str, scheme: str = "Basic") -> str:
    return f"{scheme} {base64.b64encode(text.encode()).decode()}"


@pytest.mark.parametrize(
    "same",
    [
        INLINE,
        basic("admin:supersecret"),
        basic("admin:supersecret", "bASIC"),
        basic("events:supersecret"),
        "supersecret",
        "Bearer supersecret",
    ],
)
def test_an_event_secret_that_opens_the_inline_hooks_too_is_refused(same: str) -> None:
    with pytest.raises(BadSettings, match="EVENT_HOOK_SECRETS: a secret opens the inline hooks too"):
        require_authentication(
            settings_of(
                basic_auth_user="admin",
                basic_auth_password="supersecret",
                hook_secrets=json.dumps([INLINE]),
                event_hook_secrets=json.dumps([EVENTS, same]),
            )
        )


def warnings_of(**given: object) -> list[str]:
    with capture_logs() as logs:
        warn_of_secrets(settings_of(**given))
    return [str(entry["event"]) for entry in logs]


def test_secrets_that_the_event_hook_shares_are_warned_of(file: Path) -> None:
    inline = json.dumps([INLINE])
    assert warnings_of(hook_secrets=inline) == ["event_hook_shares_secrets"]
    assert warnings_of(hook_secrets=inline, event_hook_secrets_file=file) == []


@pytest.mark.parametrize("mode", [0o602, 0o646, 0o666, 0o777])
def test_a_secret_file_that_others_may_write_is_refused(file: Path, mode: int) -> None:
    file.chmod(mode)
    for name in ("hook_secrets_file", "event_hook_secrets_file"):
        with pytest.raises(BadSettings, match="_FILE: the file is writable by others: chmod go-w"):
            require_authentication(settings_of(**{"hook_secrets": json.dumps([INLINE]), name: file}))


def test_a_file_of_keys_that_others_may_write_is_refused(file: Path) -> None:
    file.write_text(json.dumps({"k1": base64.b64encode(bytes(32)).decode()}))
    file.chmod(0o622)
    with pytest.raises(BadSettings, match="HASH_KEYS_FILE: the file is writable by others"):
        settings_of(hash_keys_file=file).all_hash_keys()


def test_a_secret_file_of_another_user_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() == 0:
        os.chown(file, 4242, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 4242)
    with pytest.raises(BadSettings, match="belongs to another user"):
        require_authentication(settings_of(hook_secrets_file=file))


def test_a_secret_file_that_everybody_may_read_is_warned_of(file: Path) -> None:
    file.chmod(0o644)
    assert warnings_of(hook_secrets=json.dumps([INLINE]), event_hook_secrets_file=file) == ["secret_file_readable"]
    file.chmod(0o640)
    assert warnings_of(hook_secrets=json.dumps([INLINE]), event_hook_secrets_file=file) == []


def test_below_run_secrets_and_on_a_read_only_mount_modes_do_not_count(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.chmod(0o666)
    monkeypatch.setattr(settings_module, "SECRETS_MOUNT", file.parent)
    assert warnings_of(hook_secrets=json.dumps([INLINE]), event_hook_secrets_file=file) == []
    require_authentication(settings_of(hook_secrets=json.dumps([INLINE]), event_hook_secrets_file=file))


@pytest.mark.parametrize("mode", [0o602, 0o666])
def test_an_env_file_that_others_may_write_is_an_error_that_says_the_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text("PORT=1\n")
    Path(".env").chmod(mode)
    with pytest.raises(BadSettings, match=r"\.env: the file is writable by others: chmod go-w"):
        load_settings()
    Path(".env").chmod(0o600)
    assert load_settings().port == 1


def test_an_env_file_of_somebody_else_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text("PORT=1\n")
    if os.geteuid() == 0:
        os.chown(".env", 4242, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 4242)
    with pytest.raises(BadSettings, match=r"\.env: the file belongs to another user"):
        load_settings()


@pytest.mark.parametrize("old, new", settings_module.RENAMED.items())
def test_a_setting_by_its_former_name_is_an_error_that_says_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(old, "1")
    with pytest.raises(BadSettings, match=f"{old}: was renamed; set {new} instead"):
        load_settings()


def test_hashes_cannot_be_required_to_be_encrypted_without_a_key() -> None:
    with pytest.raises(BadSettings, match="REQUIRE_ENCRYPTED_HASHES needs HASH_KEYS"):
        hash_keys(settings_of(require_encrypted_hashes=True))
    assert hash_keys(settings_of()).active is None
