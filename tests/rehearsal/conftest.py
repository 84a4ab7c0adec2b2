"""Fixtures of a running service."""

from tests.service_fixtures import add, client, database, parts, settings, stranger  # noqa: F401 (fixtures)
