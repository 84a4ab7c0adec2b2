"""The service as the tests of the service have it, and an org whose authorization server issues tokens."""

from tests.service.conftest import add, client, database, parts, settings, stranger  # noqa: F401 (fixtures)
