"""The rules of the layout that import-linter can't express. Imports themselves are its contracts, in pyproject.toml."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(path for part in ("service", "simulator") for path in (ROOT / part).rglob("*.py"))

SQL = re.compile(
    r"\s*(?:SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s.+\sSET|DELETE\s+FROM|TRUNCATE|WITH\s+\w+\s+AS)\s", re.DOTALL
)
NO_IDEA = {"utils", "util", "common", "core", "helpers", "helper", "models", "misc", "base", "manager"}

# Making the embedded server's role and database is not a use of the store.
BESIDE_THE_STORE = "service/postgres"

ENVIRONMENT_READERS = {
    "service/settings/__init__.py",
    "service/app.py",  # peppers lie in variables that the sources name, so no setting can list them
    "service/passwords/pool/processes.py",  # hands a worker the few variables that Python needs to start
    "service/postgres/binaries.py",  # EMBEDDED_PG_BIN: where a server is, on machines that bring their own
}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def strings(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def imports(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_sql_stands_only_in_the_store(path: Path) -> None:
    if name(path).startswith(("service/accounts/", BESIDE_THE_STORE)):
        return
    assert [text for text in strings(ast.parse(path.read_bytes())) if SQL.match(text)] == []


def test_the_schema_is_for_alembic_and_the_tests_alone() -> None:
    users = [name(path) for path in MODULES if "service.accounts.schema" in imports(ast.parse(path.read_bytes()))]
    assert users == []


def test_modules_are_named_for_what_they_do() -> None:
    vague = [name(path) for path in MODULES if NO_IDEA & {*path.relative_to(ROOT).parts, path.stem}]
    assert vague == []


def test_only_the_settings_read_the_environment() -> None:
    """But for the commands, which hand it to what looks up peppers."""

    def reads(tree: ast.AST) -> bool:
        return any(isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"} for node in ast.walk(tree))

    readers = {
        name(path) for path in MODULES if name(path).startswith("service/") and reads(ast.parse(path.read_bytes()))
    }
    readers = {each for each in readers if not each.startswith("service/cli/")}
    assert readers <= ENVIRONMENT_READERS
