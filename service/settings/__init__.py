"""Every setting, read once from the environment (and `.env`) and passed on as values. Knows no part that uses them."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsConfigDict

from service.settings.admission import AdmissionSettings, basic_header, require_authentication
from service.settings.places import PlaceSettings
from service.settings.written import BadSettings, parse_hash_keys, read_text

__all__ = ["BadSettings", "ForgetWhen", "Settings", "basic_header", "load_settings", "require_authentication"]


ENV_FILE = ".env"


class ForgetWhen(StrEnum):
    """Which SUCCESS is believed."""

    SUCCESS = "success"
    """Every one that Okta reports (see docs/decisions/0002)."""
    VERIFIED = "verified"
    """Only one that a VERIFIED of ours explains."""


class Settings(AdmissionSettings, PlaceSettings):
    """The service's settings; docs/settings.md says what each is for."""

    model_config = SettingsConfigDict(
        env_file=ENV_FILE, extra="ignore", hide_input_in_errors=True, populate_by_name=False, frozen=True
    )

    request_timeout: Annotated[float, Field(gt=0, lt=3)] = 2.5
    queue_timeout: Annotated[float, Field(gt=0, lt=3)] = 1.0
    hash_keys: SecretStr | None = None
    hash_keys_file: Path | None = None
    require_encrypted_hashes: bool = False
    audit_retention_days: Annotated[int, Field(ge=100, le=36_500)] = 400
    forget_when: ForgetWhen = ForgetWhen.SUCCESS
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

    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @model_validator(mode="before")
    @classmethod
    def _empty_is_unset(cls, given: dict[str, Any]) -> dict[str, Any]:
        # An empty HOST would listen on every address, an empty DATA_DIR would be the folder of the command.
        return {name: value for name, value in given.items() if value != ""}

    def all_hash_keys(self) -> dict[str, bytes]:
        """Give the keys that hashes are encrypted under, by their ids, the active one first. Raises `BadSettings`."""
        given = {} if self.hash_keys is None else parse_hash_keys("HASH_KEYS", self.hash_keys.get_secret_value())
        if self.hash_keys_file is None:
            return given
        return given | parse_hash_keys("HASH_KEYS_FILE", read_text("HASH_KEYS_FILE", self.hash_keys_file))


RENAMED = {
    "SEALED_HASHES_ONLY": "REQUIRE_ENCRYPTED_HASHES",
    "ANSWER_WITHIN": "REQUEST_TIMEOUT",
    "QUEUE_WITHIN": "QUEUE_TIMEOUT",
    "AUDIT_KEEP_DAYS": "AUDIT_RETENTION_DAYS",
    "DATABASE_CONNECTIONS": "DATABASE_POOL_SIZE",
}
"""Former names. They are errors: to ignore a set `SEALED_HASHES_ONLY` would accept plain hashes again."""


def load_settings() -> Settings:
    """Read the environment. Raises `BadSettings`, which names every fault at once."""
    faults = _renamed()
    try:
        settings = Settings()
    except ValidationError as error:
        raise BadSettings("\n".join([*faults, *map(_fault, error.errors(include_input=False))])) from None
    if faults:
        raise BadSettings("\n".join(faults))
    return settings


def _renamed() -> list[str]:
    given = {name.upper() for name, value in (dotenv_values(ENV_FILE) | os.environ).items() if value}
    return [f"{old}: was renamed; set {new} instead" for old, new in RENAMED.items() if old in given]


def _fault(error: ErrorDetails) -> str:
    where = ".".join(str(part) for part in error["loc"]).upper()
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{where}: {message}" if where else message
