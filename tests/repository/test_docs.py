"""The operators' docs are complete: every metric, log line, error code and command is explained in them."""

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from service.auth.authenticator import CredentialFault
from service.auth.tokens import TokenFault
from service.cli import app
from service.telemetry import Telemetry
from service.web.errors import _FAULTS, _LATER, HTTP_CODES
from tests.repository.test_repository import ROOT, tracked

OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
ANSWERS = (ROOT / "docs" / "answers.md").read_text(encoding="utf-8")
SERVICE = sorted((ROOT / "service").rglob("*.py"))


@functools.cache
def syntax(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes())


def calls(paths: list[Path], *names: str) -> Iterator[ast.Call]:
    """Yield the calls of functions or methods with these names."""
    for path in paths:
        for node in ast.walk(syntax(path)):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in names:
                yield node


def literals(found: Iterator[ast.Call], position: int) -> set[str]:
    arguments = [call.args[position] for call in found if len(call.args) > position]
    return {each.value for each in arguments if isinstance(each, ast.Constant) and isinstance(each.value, str)}


def metrics() -> set[str]:
    return {family.name.removeprefix("password_import_") for family in Telemetry().registry.collect()}


def test_a_word_has_one_meaning_in_the_glossary() -> None:
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"^\| \*\*([^*]+)\*\*", glossary, re.MULTILINE)
    assert [word for word in words if words.count(word) > 1] == []


def test_every_metric_is_listed_and_nothing_else() -> None:
    listed = OPERATIONS.partition("| metric |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)`", listed, re.MULTILINE)) == metrics()


def test_every_alert_watches_a_metric_that_exists() -> None:
    named = set(re.findall(r"password_import_(\w+)", OPERATIONS))
    assert {name.removesuffix("_total") for name in named if name} <= metrics()


def test_every_log_line_is_explained() -> None:
    written = literals(calls(SERVICE, "info", "warning", "error"), 0) | literals(
        calls(SERVICE, "progress", "report"), 0
    )
    events = {event for event in written if re.fullmatch(r"[a-z]+(_[a-z]+)*", event)}
    assert {event for event in events if f"`{event}`" not in OPERATIONS} == set()


def test_every_log_line_that_is_explained_can_be_written() -> None:
    table = OPERATIONS.partition("| event | level | means |")[2].partition("\n\n")[0]
    explained = {
        event for cell in re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE) for event in re.findall(r"\w+", cell)
    }
    words = {node.value for path in SERVICE for node in ast.walk(syntax(path)) if isinstance(node, ast.Constant)}
    assert explained
    assert explained - words == set()


def error_codes() -> set[str]:
    """Return the codes of all error responses."""
    codes: set[str] = {*CredentialFault, *TokenFault} | {code for code, _ in (*HTTP_CODES.values(), *_LATER.values())}
    codes |= {code for _, code in _FAULTS} | literals(calls(SERVICE, "_reject", "error_response"), 1)
    codes |= literals(calls(sorted((ROOT / "service" / "okta").glob("*.py")), "MalformedCall"), 0)
    return {str(code) for code in codes}


def test_every_error_code_is_explained() -> None:
    assert {code for code in error_codes() if f"`{code}`" not in ANSWERS} == set()


COMING = {"identify"}
"""Commands that other pages describe, but that do not exist yet: remove each when it is built."""


def commands() -> dict[str, set[str]]:
    """Return the command line's commands with the options of each."""
    found: dict[str, set[str]] = {}

    def walk(command: Any, name: str) -> None:  # noqa: ANN401 (typer does not export the classes of its commands)
        found[name] = {
            option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
        }
        for word, below in getattr(command, "commands", {}).items():
            walk(below, f"{name} {word}".strip())

    walk(typer.main.get_command(app), "")
    return found


LINES = [
    (path, line)
    for path in tracked()
    if path.suffix == ".md" and path.name != "CHANGELOG.md"
    for line in re.findall(
        r"(?:^|[`$] ?|service )password-import((?: [\w=./:<>$%-]+)+)", path.read_text(), re.MULTILINE
    )
]


@pytest.mark.parametrize("path, line", LINES)
def test_every_command_that_the_docs_name_exists_with_its_options(path: Path, line: str) -> None:
    words, known = line.split(), commands()
    name = " ".join(words[:2]) if " ".join(words[:2]) in known else words[0]
    if name in COMING and name not in known:
        pytest.skip(f"{path.name} describes `{name}`, which is not built yet")
    assert name in known, f"{path.name}: password-import{line}"
    options = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert options <= known[name] | {"--help"}, f"{path.name}: password-import{line}"


def test_the_readme_names_every_command() -> None:
    named = {words for path, line in LINES if path.name == "README.md" for words in [line.split()[0]]}
    assert {name.split()[0] for name in commands() if name} <= named
