"""Fixtures of a simulated org with a service."""

from tests.org_fixtures import (  # noqa: F401 (fixtures)
    add,
    database,
    hooked,
    okta,
    org,
    service,
    settings,
    there,
)
