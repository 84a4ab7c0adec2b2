"""Every setting, read once from the environment and `.env`."""

import base64
import grp
import json
import os
import pwd
import re
import stat
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

# The notation of values in variables and files, in particular of secrets.


class BadSettings(Exception):
    """The configuration is wrong; the message has one line per fault and quotes no value."""


def _secret_list(value: object) -> object:
    return _parse_secrets(value) if isinstance(value, str) else value


def _parse_secrets(value: str) -> tuple[SecretStr, ...]:
    """Parse a JSON list of strings; the fault never quotes the input."""
    if not value.strip():
        return ()
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError):
        raise ValueError('must be a JSON list of strings, for instance ["one", "two"]') from None
    if not isinstance(parsed, list) or not all(isinstance(item, str) for item in parsed):
        raise ValueError('must be a JSON list of strings, for instance ["one", "two"]')
    if not all(map(is_utf8, parsed)):
        raise ValueError("contains an unpaired surrogate, which a header cannot contain")
    return tuple(SecretStr(item) for item in parsed)


def is_utf8(text: str) -> bool:
    """Return whether a header can contain the text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


Secrets = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_secret_list)]
MIN_SECRET = 8
"""Characters. `supersecret` in Okta's guide has eleven."""
HASH_KEY = 32
"""Bytes of a key that encrypts hashes."""
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")


def read_secrets(name: str, given: tuple[SecretStr, ...], file: Path | None) -> tuple[bytes, ...]:
    """Return the secrets of a variable and of the file next to it. Raises `BadSettings`, also if the file has none.

    An empty file is probably being written, and must not enable other secrets.
    """
    in_file: tuple[SecretStr, ...] = ()
    if file is not None:
        text = read_secret_file(f"{name}_FILE", file)
        try:
            in_file = _parse_secrets(text)
        except ValueError as error:
            raise BadSettings(f"{name}_FILE: {error}") from None
        if not in_file:
            raise BadSettings(f"{name}_FILE: holds no secret; write a JSON list of one or more, or unset it")
    own, filed = ([value.get_secret_value().encode() for value in values] for values in (given, in_file))
    faults = secret_faults(name, own) + secret_faults(f"{name}_FILE", filed)
    if faults:
        raise BadSettings("\n".join(faults))
    return (*own, *filed)


def read_secret_file(name: str, file: Path) -> str:
    """Read the secret file that a setting names. Raises `BadSettings`, also if others could have written it."""
    require_unwritable(name, file)
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(name, file, error) from None


def require_file(name: str, file: Path) -> None:
    """Raise `BadSettings` for what is not a regular file: to read a pipe would stall the running service."""
    if file.exists() and not file.is_file():
        raise BadSettings(f"{name}: {file} is not a regular file: write one, which SIGHUP can read again")


def _unreadable(name: str, file: Path, error: OSError | UnicodeDecodeError) -> BadSettings:
    why = "not UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror
    return BadSettings(f"{name}: {file} cannot be read: {why}: name a file that the service's user may read")


# Permissions of the files on which the service relies.

SECRETS_MOUNT = Path("/run/secrets")
"""Where Docker and Podman mount secrets, with permissions of their own."""


def require_unwritable(name: str, file: Path) -> None:
    """Raise `BadSettings` if another user could have written a file, unless its mount is read-only."""
    try:
        found = file.stat()
    except OSError as error:
        raise _unreadable(name, file, error) from None
    if _is_mounted_safely(file):
        return
    if found.st_uid not in {0, os.geteuid()}:
        raise BadSettings(f"{name}: the file belongs to another user: give it to the service's user (chown)")
    if found.st_mode & stat.S_IWOTH or (found.st_mode & stat.S_IWGRP and not _is_private_group(found)):
        raise BadSettings(f"{name}: the file is writable by others: chmod go-w")


def is_readable_by_all(file: Path) -> bool:
    """Return whether every user of the machine may read a secret file."""
    try:
        return bool(file.stat().st_mode & stat.S_IROTH) and not _is_mounted_safely(file)
    except OSError:
        return False


def _is_mounted_safely(file: Path) -> bool:
    resolved = file.resolve()
    return resolved.is_relative_to(SECRETS_MOUNT) or bool(os.statvfs(resolved).f_flag & os.ST_RDONLY)


def _is_private_group(found: os.stat_result) -> bool:
    """Return whether the file's group is its owner's private group, which many systems create with a umask of 002."""
    try:
        group, owner = grp.getgrgid(found.st_gid), pwd.getpwuid(found.st_uid)
    except KeyError:
        return False
    return group.gr_name == owner.pw_name and set(group.gr_mem) <= {owner.pw_name}


def parse_hash_keys(name: str, text: str) -> dict[str, bytes]:
    """Parse `{"id": "base64 of 32 bytes", …}`, the active key first; the faults quote no key."""
    shape = BadSettings(f'{name}: must be a JSON object, {{"key id": "32 bytes in base64", …}}, the active key first')
    try:
        parsed = json.loads(text, object_pairs_hook=list)
    except (ValueError, RecursionError):
        raise shape from None
    if not isinstance(parsed, list) or not all(isinstance(each, tuple) for each in parsed):
        raise shape
    if not parsed:
        raise BadSettings(f"{name}: holds no key; write one or more, or unset it")
    keys = {}
    for position, (key_id, encoded) in enumerate(parsed, 1):
        if not _KEY_ID.fullmatch(key_id) or key_id in keys:
            raise BadSettings(f"{name}: the id of key {position} is not unique, or not 1 to 64 of A-Z a-z 0-9 . _ -")
        keys[key_id] = _hash_key(name, position, encoded)
    return keys


def _hash_key(name: str, position: int, encoded: object) -> bytes:
    try:
        key = base64.b64decode(encoded, validate=True) if isinstance(encoded, str) else b""
    except ValueError:
        key = b""
    if len(key) != HASH_KEY:
        raise BadSettings(f"{name}: key {position} is not {HASH_KEY} bytes in base64")
    return key


def secret_faults(name: str, secrets: list[bytes]) -> list[str]:
    """Return the faults of secrets that no caller can use, and of those short enough to be guessed."""
    faults = []
    for position, secret in enumerate(secrets, 1):
        if not secret or secret != secret.strip():
            faults.append(f"{name}: secret {position} is blank or has space around it")
        elif _CONTROL.search(secret):
            faults.append(f"{name}: secret {position} has a control character, which no header can carry")
        elif len(_without_scheme(secret).decode(errors="replace")) < MIN_SECRET:
            faults.append(f"{name}: secret {position} is shorter than {MIN_SECRET} characters")
    return faults


def _without_scheme(secret: bytes) -> bytes:
    """Return the secret part of a header's value: of Basic the password, of Bearer the token."""
    scheme, _, rest = secret.partition(b" ")
    if scheme.lower() == b"bearer":
        return rest.strip()
    if scheme.lower() != b"basic":
        return secret
    try:
        return base64.b64decode(rest.strip(), validate=True).partition(b":")[2]
    except ValueError:
        return secret


# The settings of callers' credentials, and their consistency.

_SAFE_ISSUER = re.compile(
    r"https://[^\s/?#@]+(/[^\s?#]*)?|http://(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?(/[^\s?#]*)?"
)


class AdmissionSettings(BaseSettings):
    """The credentials that authenticate Okta's calls."""

    basic_auth_user: str | None = None
    basic_auth_password: SecretStr | None = None
    hook_secrets: Secrets = ()
    hook_secrets_file: Path | None = None
    event_hook_secrets: Secrets = ()
    event_hook_secrets_file: Path | None = None
    hook_secret_header: str = "Authorization"

    oauth_issuer: str | None = None
    oauth_audience: str | None = None
    oauth_client_id: str | None = None
    oauth_scope: str | None = None

    @field_validator("hook_secret_header")
    @classmethod
    def _header_is_a_token(cls, name: str) -> str:
        # RFC 9110, section 5.1: a field name is a token.
        if not name or not all(c.isascii() and (c.isalnum() or c in "!#$%&'*+-.^_`|~") for c in name):
            raise ValueError("must be the name of an HTTP header")
        return name

    @field_validator("oauth_issuer")
    @classmethod
    def _issuer_is_safe(cls, url: str | None) -> str | None:
        # Without TLS, a man in the middle could serve his own signing keys.
        if url is not None and not _SAFE_ISSUER.fullmatch(url):
            raise ValueError("must be an https URL without query or fragment (http only on this machine)")
        return url

    @model_validator(mode="after")
    def _oauth_is_whole(self) -> Self:
        if (self.oauth_issuer is None) != (self.oauth_audience is None):
            raise ValueError("OAUTH_ISSUER and OAUTH_AUDIENCE go together: one of them is not set")
        if self.oauth_issuer is not None and not self.oauth_clients() and self.oauth_scope is None:
            raise ValueError("OAUTH_ISSUER needs OAUTH_CLIENT_ID or OAUTH_SCOPE: the issuer has other clients too")
        return self

    @model_validator(mode="after")
    def _basic_is_a_pair(self) -> Self:
        if (self.basic_auth_user is None) != (self.basic_auth_password is None):
            raise ValueError("BASIC_AUTH_USER and BASIC_AUTH_PASSWORD go together: one of them is not set")
        if self.basic_auth_user is not None and ":" in self.basic_auth_user:
            raise ValueError("BASIC_AUTH_USER must not contain a colon (RFC 7617)")
        password = "" if self.basic_auth_password is None else self.basic_auth_password.get_secret_value()
        if not is_utf8(password + (self.basic_auth_user or "")):
            raise ValueError("BASIC_AUTH_USER and BASIC_AUTH_PASSWORD must be UTF-8")
        return self

    def inline_hook_secrets(self) -> tuple[bytes, ...]:
        """Return the header values that the inline hooks accept. Raises `BadSettings`."""
        return read_secrets("HOOK_SECRETS", self.hook_secrets, self.hook_secrets_file)

    def oauth_clients(self) -> tuple[str, ...]:
        """Return the client ids that are accepted in tokens; several are separated by spaces or commas."""
        return tuple((self.oauth_client_id or "").replace(",", " ").split())

    def has_event_secrets(self) -> bool:
        """Return whether the event hook has its own secrets, which are then the only ones that it accepts."""
        return "event_hook_secrets" in self.model_fields_set or self.event_hook_secrets_file is not None

    def event_secrets(self) -> tuple[bytes, ...]:
        """Return the header values that the event hook accepts; those of the inline hooks if it has none of its own.

        Raises `BadSettings`, also if its own list is empty, or contains a secret of the inline hooks.
        """
        inline = self.inline_hook_secrets()
        if not self.has_event_secrets():
            return inline
        own = read_secrets("EVENT_HOOK_SECRETS", self.event_hook_secrets, self.event_hook_secrets_file)
        if not own:
            raise BadSettings("EVENT_HOOK_SECRETS: holds no secret; unset it to use the secrets of the inline hooks")
        basic = self.basic_credentials()
        others = {*map(_without_scheme, inline), *([] if basic is None else [basic.partition(b":")[2]])}
        # Without scheme and user name, which are not secret: a caller who knows one value could derive the other.
        if others & set(map(_without_scheme, own)):
            raise BadSettings("EVENT_HOOK_SECRETS: a secret opens the inline hooks too; give the event hook its own")
        return own

    def secret_files(self) -> dict[str, Path]:
        """Return the files of secrets by setting."""
        named = {"HOOK_SECRETS_FILE": self.hook_secrets_file, "EVENT_HOOK_SECRETS_FILE": self.event_hook_secrets_file}
        return {name: file for name, file in named.items() if file is not None}

    def basic_credentials(self) -> bytes | None:
        """Return `user:password` in base64, as in an Authorization header; None if unset."""
        if self.basic_auth_user is None or self.basic_auth_password is None:
            return None
        return f"{self.basic_auth_user}:{self.basic_auth_password.get_secret_value()}".encode()


def require_authentication(settings: AdmissionSettings) -> None:
    """Raise `BadSettings` if no credentials authenticate Okta's calls, or a secret is too weak."""
    faults = []
    basic = settings.basic_credentials()
    if basic is not None:
        faults += secret_faults("BASIC_AUTH_PASSWORD", [basic.partition(b":")[2]])
        user = basic.partition(b":")[0]
        if not user or user != user.strip():
            faults.append("BASIC_AUTH_USER: is blank or has space around it")
    if basic is None and not settings.inline_hook_secrets() and settings.oauth_issuer is None:
        faults.append(
            "nothing authenticates Okta: "
            "set BASIC_AUTH_USER and BASIC_AUTH_PASSWORD, or HOOK_SECRETS, or HOOK_SECRETS_FILE"
        )
    elif not settings.event_secrets() and basic is None:
        faults.append(
            "nothing authenticates the event hook, for which Okta has no OAuth: "
            "set EVENT_HOOK_SECRETS or EVENT_HOOK_SECRETS_FILE"
        )
    if faults:
        raise BadSettings("\n".join(faults))


def basic_header(user: str, password: str) -> str:
    """Return the value to paste into Okta's "Authentication secret" field: scheme, space and base64."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


# The settings of locations: the store, the ports, the certificate.

Port = Annotated[int, Field(ge=0, le=65535)]
_HOST = re.compile(r"(\[[^\]]*\]|[^:]*)(:\d*)?")


class PlaceSettings(BaseSettings):
    """The location of the store, and the addresses on which the service listens."""

    database_url: SecretStr | None = None
    migration_database_url: SecretStr | None = None
    database_pool_size: Annotated[int, Field(ge=1, le=1000)] = 8
    database_pooler: bool = False
    data_dir: Path = Path("var")

    host: str = "127.0.0.1"
    port: Port = 8082
    tls_cert: Path | None = None
    tls_key: Path | None = None
    max_connections: Annotated[int, Field(ge=10, le=1_000_000)] = 1000
    admin_host: str = "127.0.0.1"
    admin_port: Port = 8083
    admin_hosts: str | None = None
    admin_password: SecretStr | None = None

    @field_validator("database_url", "migration_database_url")
    @classmethod
    def _database_is_postgresql(cls, url: SecretStr | None) -> SecretStr | None:
        if url is None:
            return None
        if not url.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must begin with postgresql://")
        if not _has_sound_ports(url.get_secret_value()):
            raise ValueError(
                "has a port that is not a number; in a password, write / ? # @ : % as %2F %3F %23 %40 %3A %25"
            )
        return url

    def admin_names(self) -> frozenset[str]:
        """Return the host names of the admin port besides `localhost`; several are separated by spaces or commas."""
        return frozenset((self.admin_hosts or "").replace(",", " ").lower().split())

    @field_validator("admin_password")
    @classmethod
    def _admin_password_is_long(cls, password: SecretStr | None) -> SecretStr | None:
        if password is not None:
            text = password.get_secret_value()
            if len(text.strip()) < MIN_SECRET or not is_utf8(text):
                raise ValueError(f"must have at least {MIN_SECRET} characters")
        return password

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("TLS_CERT and TLS_KEY go together: one of them is not set")
        return self


def _has_sound_ports(url: str) -> bool:
    # An unencoded / ? or # ends the hosts in the middle of a password: its first part is then read as a port.
    try:
        hosts = urlsplit(url).netloc.rpartition("@")[2].split(",")
    except ValueError:
        return False
    return all(_HOST.fullmatch(host) for host in hosts)


ENV_FILE = ".env"


class ForgetWhen(StrEnum):
    """The SUCCESS events that are accepted."""

    SUCCESS = "success"
    """Every SUCCESS that Okta reports (see docs/decisions/0002)."""
    VERIFIED = "verified"
    """Only a SUCCESS that follows a VERIFIED of ours."""


class Settings(AdmissionSettings, PlaceSettings):
    """The service's settings, which docs/settings.md describes."""

    model_config = SettingsConfigDict(
        env_file=ENV_FILE, extra="ignore", hide_input_in_errors=True, populate_by_name=False, frozen=True
    )

    request_timeout: Annotated[float, Field(gt=0, lt=3)] = 2.5
    queue_timeout: Annotated[float, Field(gt=0, lt=3)] = 1.0
    bcrypt: Literal["package", "libxcrypt", "interleaved"] | None = None
    hash_keys: SecretStr | None = None
    hash_keys_file: Path | None = None
    require_encrypted_hashes: bool = False
    audit_retention_days: Annotated[int, Field(ge=100, le=36_500)] = 400
    forget_when: ForgetWhen = ForgetWhen.SUCCESS
    allow_insecure_http: bool = False
    okta_client_orgurl: str | None = None
    okta_client_authorizationmode: str | None = None
    okta_client_token: SecretStr | None = None
    okta_client_clientid: str | None = None
    okta_client_privatekey: SecretStr | None = None
    okta_client_kid: str | None = None
    okta_client_scopes: str | None = None
    hook_oauth_client_secret: SecretStr | None = None
    okta_client_requesttimeout: Annotated[float, Field(ge=0)] = 60.0

    sources: Path | None = None
    registration_policy: str | None = None

    log_level: Literal["debug", "info", "warning", "error"] | None = None
    log_format: Literal["json", "console"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _empty_is_unset(cls, given: dict[str, Any]) -> dict[str, Any]:
        # An empty HOST would listen on every address; an empty DATA_DIR would be the current folder.
        return {name: value for name, value in given.items() if value != ""}

    def all_hash_keys(self) -> dict[str, bytes]:
        """Return the encryption keys of hashes by id, the active one first. Raises `BadSettings`."""
        given = {} if self.hash_keys is None else parse_hash_keys("HASH_KEYS", self.hash_keys.get_secret_value())
        if self.hash_keys_file is None:
            return given
        return given | parse_hash_keys("HASH_KEYS_FILE", read_secret_file("HASH_KEYS_FILE", self.hash_keys_file))

    def secret_files(self) -> dict[str, Path]:
        """Return the files of secrets by setting."""
        named = {"HASH_KEYS_FILE": self.hash_keys_file, "TLS_KEY": self.tls_key}
        return super().secret_files() | {name: file for name, file in named.items() if file is not None}


RENAMED = {
    "SEALED_HASHES_ONLY": "REQUIRE_ENCRYPTED_HASHES",
    "ANSWER_WITHIN": "REQUEST_TIMEOUT",
    "QUEUE_WITHIN": "QUEUE_TIMEOUT",
    "AUDIT_KEEP_DAYS": "AUDIT_RETENTION_DAYS",
    "DATABASE_CONNECTIONS": "DATABASE_POOL_SIZE",
}
"""Former names. They are errors: ignoring a set `SEALED_HASHES_ONLY` would accept unencrypted hashes again."""


_OWN_PREFIXES = ("OKTA_CLIENT_", "PG")
"""Prefixes of variables that Okta's SDK and libpq read, in addition to the fields."""


def is_setting(name: str) -> bool:
    """Return whether the service, or a library that it connects with, reads this variable: it may contain a secret."""
    upper = name.strip().upper()
    return upper in {field.upper() for field in Settings.model_fields} or upper.startswith(_OWN_PREFIXES)


def load_settings() -> Settings:
    """Read the environment. Raises `BadSettings`, which lists every fault."""
    if Path(ENV_FILE).exists():
        require_unwritable(ENV_FILE, Path(ENV_FILE))
    faults = _renamed()
    try:
        settings = Settings()
    except ValidationError as error:
        raise BadSettings("\n".join([*faults, *map(_fault, error.errors(include_input=False))])) from None
    if faults:
        raise BadSettings("\n".join(faults))
    return settings


def _renamed() -> list[str]:
    try:
        in_file = dotenv_values(ENV_FILE)
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(ENV_FILE, Path(ENV_FILE), error) from None
    given = {name.upper() for name, value in (in_file | os.environ).items() if value}
    return [f"{old}: was renamed; set {new} instead" for old, new in RENAMED.items() if old in given]


def _fault(error: ErrorDetails) -> str:
    name = str(error["loc"][0]) if error["loc"] else ""
    message = _expected(name, error) or str(error["msg"]).removeprefix("Value error, ")
    return f"{name.upper()}: {message}" if name else message


_BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


def _expected(name: str, error: ErrorDetails) -> str | None:
    """Return the required value in words, if pydantic's text names a Python type or one bound of two."""
    kind, field = error["type"].partition("_")[0], Settings.model_fields.get(name)
    if kind == "bool":
        return "must be true or false"
    if kind in ("literal", "enum"):
        return f"must be {error['ctx']['expected']}"
    if kind not in ("int", "float", "finite", "greater", "less") or field is None:
        return None
    number = "a whole number" if field.annotation is int else "a number"
    bounds = [
        f"{words} {getattr(limit, bound):,}"
        for limit in field.metadata
        for bound, words in _BOUNDS.items()
        if hasattr(limit, bound)
    ]
    return f"must be {number}, {' and '.join(bounds)}" if bounds else f"must be {number}"
