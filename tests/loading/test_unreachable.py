"""Commands whose database cannot be reached."""

import socket
from collections.abc import Iterator

import pytest

from service.store.database import place_of
from tests.loading.loader import command


@pytest.fixture
def closed_port() -> Iterator[int]:
    """Yield a port on which nobody listens, or can listen."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.mark.parametrize(
    "words", ["status", "migrate", "accounts list", "load examples/legacy-users.csv --source s --dry-run"]
)
def test_a_command_names_the_database_that_it_cannot_reach_and_no_password(closed_port: int, words: str) -> None:
    url = f"postgresql://somebody:hunter22@127.0.0.1:{closed_port}/people"
    ended = command(*words.split(), url=url)
    assert ended.returncode == 1
    assert f"the database people at 127.0.0.1:{closed_port}: Connection refused" in ended.stderr
    assert "hunter22" not in ended.stderr


@pytest.mark.parametrize(
    "url, place",
    [
        ("postgresql://u:p@db/app", "the database app at db:5432"),
        ("postgresql://u:p@one:5433,[::1]/app", "the database app at one:5433, [::1]:5432"),
        ("postgresql://u:p@/app?host=/run/pg&port=5433", "the database app at /run/pg:5433"),
        ("postgresql://u:p@db", "the database of the default name at db:5432"),
        ("postgresql://u:p@w@db/a%20b?sslmode=require", "the database a b at db:5432"),
    ],
)
def test_a_database_is_named_by_its_host_and_port(url: str, place: str) -> None:
    assert place_of(url) == place


@pytest.mark.parametrize("password", ["12/34", "12#34", "12?34", "p@ss/34"])
def test_a_password_that_is_taken_for_a_host_is_not_shown(password: str) -> None:
    assert "12" not in place_of(f"postgresql://u:{password}@db/app")
    assert "34" not in place_of(f"postgresql://u:{password}@db/app")
