"""Layout rules that import-linter cannot express; its contracts in pyproject.toml enforce the direction of imports."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(path for part in ("service", "simulator") for path in (ROOT / part).rglob("*.py"))

SQL = re.compile(
    r"\s*(?:SELECT\s|INSERT\s+INTO\s|UPDATE\s+\w+\s+(?:AS\s+\w+\s+)?SET\s|DELETE\s+FROM\s|TRUNCATE\s|LOCK\s+TABLE\s"
    r"|WITH\s+(?:RECURSIVE\s+)?\w+\s+AS\s|CREATE\s+(?:TEMPORARY\s+)?(?:TABLE|DATABASE|ROLE)\s|DROP\s+\w+\s"
    r"|SET\s+(?:LOCAL\s+)?\w+\s*(?:=|TO\s))"
)
PLACES_OF_SQL = re.compile(r"service/(?:store/\w+|embedded_postgres/\w+|\w+/queries|\w+/staging)\.py")
SQL_ELSEWHERE = {
    "service/cli/simulate_stage.py",  # CREATE and DROP DATABASE for a demonstration
    "service/loading/files/postgres.py",  # runs the operator's `--query`
}
VAGUE = {"utils", "util", "common", "core", "helpers", "helper", "models", "misc", "base", "manager"}
MOST_FILES = 270
"""The layout began with 201 files. A new file needs a new idea, and raising this limit needs a reason."""

ENVIRONMENT_READERS = {
    "service/settings.py",
    "service/app.py",  # peppers are in variables that the sources name, so no setting can list them
    "service/hashing/pool/workers.py",  # passes a worker the few variables that Python needs to start
    "service/embedded_postgres/binaries.py",  # EMBEDDED_PG_BIN: the location of a server that the machine provides
}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def dotted(path: Path) -> str:
    return name(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def strings(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def imports(tree: ast.AST) -> Iterator[tuple[str, str | None]]:
    """Yield every import, including those in functions and for type checking: the module, and the imported name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)


def import_graph() -> dict[str, set[str]]:
    """Return the modules that each module of the service names in an import."""
    files = {dotted(path): path for path in MODULES if name(path).startswith("service/")}
    graph: dict[str, set[str]] = {}
    for module, path in files.items():
        found = imports(ast.parse(path.read_bytes()))
        named = {f"{source}.{taken}" if f"{source}.{taken}" in files else source for source, taken in found}
        graph[module] = {each for each in named if each in files and each != module}
    return graph


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    found, waiting = set[str](), [start]
    while waiting:
        for each in graph[waiting.pop()] - found:
            found.add(each)
            waiting.append(each)
    return found


def cycles(graph: dict[str, set[str]]) -> set[frozenset[str]]:
    """Return the sets of modules that import each other: strongly connected components of several modules."""
    reach = {module: reachable(graph, module) for module in graph}
    return {
        frozenset(other for other in reach[module] if module in reach[other])
        for module in graph
        if module in reach[module]
    }


def test_no_modules_import_each_other() -> None:
    assert cycles(import_graph()) == set()


def test_a_cycle_of_imports_is_found() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}
    assert cycles(graph) == {frozenset({"b", "c"})}


def test_the_service_has_at_most_as_many_files_as_agreed() -> None:
    assert len([path for path in MODULES if name(path).startswith("service/")]) <= MOST_FILES


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_sql_stands_only_in_queries_in_staging_and_in_the_store(path: Path) -> None:
    if PLACES_OF_SQL.fullmatch(name(path)) or name(path) in SQL_ELSEWHERE:
        return
    assert [text for text in strings(ast.parse(path.read_bytes())) if SQL.match(text)] == []


def test_the_schema_is_for_alembic_and_the_tests_alone() -> None:
    graph = import_graph()
    assert [module for module, imported in graph.items() if "service.store.schema" in imported] == []


def test_modules_are_named_for_what_they_do() -> None:
    vague = [name(path) for path in MODULES if VAGUE & {*path.relative_to(ROOT).parts, path.stem}]
    assert vague == []


def test_only_the_settings_read_the_environment() -> None:
    """Except the commands, which pass it to what looks up peppers."""

    def reads(tree: ast.AST) -> bool:
        return any(isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"} for node in ast.walk(tree))

    readers = {
        name(path) for path in MODULES if name(path).startswith("service/") and reads(ast.parse(path.read_bytes()))
    }
    readers = {each for each in readers if not each.startswith("service/cli/")}
    assert readers <= ENVIRONMENT_READERS
