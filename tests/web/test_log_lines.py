"""Log lines: one per sign-in, for programs and for people."""

import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from service.telemetry import configure_logging
from tests.people import sign_in
from tests.service_fixtures import Add, Client

LOGIN = "marked-login@example.com"


async def line_of(client: Client, body: str | bytes) -> dict[str, Any]:
    """Return the single line that a call of the password import hook logs."""
    with capture_logs() as logs:
        await client.post("/okta/password-import", data=body, headers={"Content-Type": "application/json"})
    (line,) = [each for each in logs if each["event"] == "sign_in"]
    assert "marked" not in str(logs)
    return dict(line)


@pytest.mark.parametrize("password, outcome", [("right", "verified"), ("wrong", "wrong_password")])
async def test_a_sign_in_leaves_its_outcome_its_times_and_the_account(
    client: Client, add: Add, password: str, outcome: str
) -> None:
    person = await add(LOGIN, "right")
    line = await line_of(client, sign_in(LOGIN, password))
    assert (line["outcome"], line["account_id"], line["log_level"]) == (outcome, person.id, "info")
    assert 0 <= line["queue_ms"] <= line["total_ms"]
    assert line.keys() == {"event", "log_level", "outcome", "account_id", "total_ms", "queue_ms"}


async def test_a_sign_in_of_nobody_names_no_account(client: Client, add: Add) -> None:
    await add("somebody@example.com", "right")
    line = await line_of(client, sign_in(LOGIN, "x"))
    assert (line["outcome"], line["account_id"]) == ("unknown_login", None)


async def test_a_throttled_sign_in_names_the_account(client: Client, add: Add) -> None:
    person = await add(LOGIN, "right")
    outcomes = [await line_of(client, sign_in(LOGIN, f"wrong {number}")) for number in range(12)]
    assert (outcomes[-1]["outcome"], outcomes[-1]["account_id"]) == ("throttled", person.id)


async def test_a_call_that_can_not_be_read_leaves_the_code_of_its_error(client: Client) -> None:
    assert (await line_of(client, b"{}"))["outcome"] == "username_missing"


async def test_a_fault_of_ours_leaves_its_code(client: Client, add: Add) -> None:
    await add(LOGIN, stored=b"no hash at all")
    assert (await line_of(client, sign_in(LOGIN, "x")))["outcome"] == "unusable_hash"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def restored() -> Iterator[None]:
    """Restore the handlers of the libraries' logs, which `configure_logging` replaces."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:], logging.root.level = handlers, level


def written(stream: io.StringIO, log_format: str | None = None, *, colors: bool = True) -> str:
    configure_logging("info", log_format, colors=colors, stream=stream)
    structlog.get_logger().warning("fault", code="a\x1b[2Jb", exception="KeyError", account_id=7, unknown="x")
    return stream.getvalue()


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("stream, log_format", [(io.StringIO, None), (Terminal, "json"), (io.StringIO, "json")])
def test_a_line_for_programs_is_json_with_the_event_first(stream: type[io.StringIO], log_format: str | None) -> None:
    line = json.loads(written(stream(), log_format))
    assert list(line)[:3] == ["event", "level", "timestamp"]
    assert (line["event"], line["account_id"], "unknown" in line) == ("fault", 7, False)


@pytest.mark.usefixtures("restored")
def test_a_line_on_a_terminal_is_short_and_coloured_and_obeys_nothing_of_its_values() -> None:
    line = written(Terminal())
    assert "\x1b[" in line
    assert "\x1b[2J" not in line
    plain = re.sub(r"\x1b\[\d*m", "", line)
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d \[warning\] fault +code='?a\\\\?x1b\[2Jb'? fault=KeyError account_id=7\n", plain
    )


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("stream, log_format, colors", [(Terminal, None, False), (io.StringIO, "console", True)])
def test_a_line_for_people_has_no_colors_where_they_are_not_wanted(
    stream: type[io.StringIO], log_format: str | None, colors: bool
) -> None:
    assert "\x1b" not in written(stream(), log_format, colors=colors)
