"""The settings of where things are: the store, the ports, the certificate. Connects to nothing."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings

from service.settings.written import Unset

Port = Annotated[int, Field(ge=0, le=65535)]


class PlaceSettings(BaseSettings):
    """Where the store is, and where the service listens."""

    database_url: Annotated[SecretStr | None, Unset] = None
    migration_database_url: Annotated[SecretStr | None, Unset] = None
    database_connections: Annotated[int, Field(ge=1, le=1000)] = 8
    database_pooler: bool = False
    data_dir: Path = Path("var")

    host: str = "127.0.0.1"
    port: Port = 8082
    tls_cert: Annotated[Path | None, Unset] = None
    tls_key: Annotated[Path | None, Unset] = None
    max_connections: Annotated[int, Field(ge=10, le=1_000_000)] = 1000
    admin_host: str = "127.0.0.1"
    admin_port: Port = 8083

    @field_validator("database_url", "migration_database_url")
    @classmethod
    def _database_is_postgresql(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must begin with postgresql://")
        return url

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("TLS_CERT and TLS_KEY go together: one of them is not set")
        return self
