"""The settings of where things are: the store, the ports, the certificate. Connects to nothing."""

import re
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings

Port = Annotated[int, Field(ge=0, le=65535)]
_HOST = re.compile(r"(\[[^\]]*\]|[^:]*)(:\d*)?")


class PlaceSettings(BaseSettings):
    """Where the store is, and where the service listens."""

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

    @field_validator("database_url", "migration_database_url")
    @classmethod
    def _database_is_postgresql(cls, url: SecretStr | None) -> SecretStr | None:
        if url is None:
            return None
        if not url.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must begin with postgresql://")
        if not _has_sound_ports(url.get_secret_value()):
            raise ValueError(
                "has a port that is no number; in a password, write / ? # @ : % as %2F %3F %23 %40 %3A %25"
            )
        return url

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("TLS_CERT and TLS_KEY go together: one of them is not set")
        return self


def _has_sound_ports(url: str) -> bool:
    # A / ? or # that is not encoded ends the hosts in the midst of a password: its first part is then a port.
    try:
        hosts = urlsplit(url).netloc.rpartition("@")[2].split(",")
    except ValueError:
        return False
    return all(_HOST.fullmatch(host) for host in hosts)
