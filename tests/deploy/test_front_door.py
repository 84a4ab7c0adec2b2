"""The files for contributors: hooks run what `make` runs; workflows are valid, pinned and least privileged."""

import ast
import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
EACH_WORKFLOW = pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in WORKFLOWS])
MAKEFILE = (ROOT / "Makefile").read_text()


def tracked(*suffixes: str) -> list[Path]:
    """Return the project's files with these suffixes; skip if this is not a checkout."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("no git checkout: the project's files are unknown")
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    found = [ROOT / name for name in names.decode().split("\0") if name]
    return [path for path in found if path.suffix in suffixes and path.is_file()]


def read(path: Path) -> Any:  # noqa: ANN401 (any YAML)
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def jobs(path: Path) -> dict[str, Any]:
    return dict(read(path)["jobs"])


def steps(path: Path) -> Iterator[dict[str, Any]]:
    for job in jobs(path).values():
        yield from job["steps"]


def test_every_yaml_file_can_be_read() -> None:
    for path in tracked(".yml", ".yaml"):
        assert list(yaml.safe_load_all(path.read_text(encoding="utf-8"))), path


def test_every_json_file_can_be_read() -> None:
    for path in tracked(".json"):
        json.loads(path.read_text(encoding="utf-8"))


def test_every_toml_file_can_be_read() -> None:
    for path in tracked(".toml"):
        tomllib.loads(path.read_text(encoding="utf-8"))


@EACH_WORKFLOW
def test_every_action_is_pinned_by_a_full_version(path: Path) -> None:
    used = [step["uses"] for step in steps(path) if "uses" in step]
    assert used
    assert [each for each in used if not re.fullmatch(r"[\w-]+/[\w-]+@v\d+\.\d+\.\d+", each)] == []


@EACH_WORKFLOW
def test_a_workflow_may_only_read_unless_a_job_says_more(path: Path) -> None:
    assert read(path)["permissions"] == {"contents": "read"}


@EACH_WORKFLOW
def test_every_job_has_a_time_limit(path: Path) -> None:
    assert all("timeout-minutes" in job for job in jobs(path).values())


@EACH_WORKFLOW
def test_no_input_reaches_a_shell_as_code(path: Path) -> None:
    """An expression in `run` is pasted into the script: a tag's name would be executed."""
    assert [step["run"] for step in steps(path) if "${{" in step.get("run", "")] == []


def test_ci_runs_the_supported_pythons() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    tested = jobs(GITHUB / "workflows" / "ci.yml")["test"]["strategy"]["matrix"]["python"]
    assert f">={tested[0]}" == project["requires-python"]
    minors = [int(version.removeprefix("3.")) for version in tested]
    assert minors == list(range(minors[0], minors[-1] + 1))


@EACH_WORKFLOW
def test_a_workflow_runs_targets_that_exist(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    run = {name for step in steps(path) for name in re.findall(r"\bmake ([a-z-]+)", step.get("run", ""))}
    assert run
    assert run <= targets


def test_a_release_is_started_by_hand_and_published_with_no_stored_token() -> None:
    path = GITHUB / "workflows" / "release.yml"
    triggers = read(path)[True]  # YAML 1.1 reads `on` as true
    assert set(triggers) == {"workflow_dispatch"}
    assert triggers["workflow_dispatch"]["inputs"]["publish"]["default"] is False
    publishing = {name: job for name, job in jobs(path).items() if name.startswith("publish")}
    assert all(job["environment"] == "release" and "inputs.publish" in job["if"] for job in publishing.values())
    assert publishing["publish-package"]["permissions"] == {"id-token": "write"}
    assert set(re.findall(r"secrets\.(\w+)", path.read_text())) == {"GITHUB_TOKEN"}


def test_pre_commit_runs_the_ruff_and_mypy_of_the_environment() -> None:
    (repository,) = read(ROOT / ".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    commands = [hook["entry"].removeprefix(".venv/bin/").partition(" --")[0] for hook in repository["hooks"]]
    assert all(hook["entry"].startswith(".venv/bin/") for hook in repository["hooks"])
    assert commands == ["ruff check", "ruff format", "mypy"]
    assert all(f"$(BIN)/{command}" in MAKEFILE for command in commands)


@pytest.mark.parametrize("path", sorted((GITHUB / "ISSUE_TEMPLATE").glob("[!c]*.yml")), ids=lambda path: path.stem)
def test_an_issue_form_has_what_github_asks_for(path: Path) -> None:
    """GitHub Docs, "Syntax for issue forms"."""
    form = read(path)
    assert set(form) == {"name", "description", "labels", "body"}
    identifiers = [field["id"] for field in form["body"] if field["type"] != "markdown"]
    assert len(set(identifiers)) == len(identifiers) > 0
    for field in form["body"]:
        assert field["type"] in {"markdown", "textarea", "input", "dropdown", "checkboxes"}
        assert "label" in field["attributes"] or field["type"] == "markdown"


def test_every_ecosystem_that_is_used_is_watched() -> None:
    watched = {each["package-ecosystem"] for each in read(GITHUB / "dependabot.yml")["updates"]}
    assert watched == {"github-actions", "docker", "pip"}


def test_the_image_is_built_from_every_folder_that_the_packages_are_in() -> None:
    """`.dockerignore` leaves out whatever it does not list, and setuptools fails on a package's missing folder."""
    (listed,) = re.findall(r"^BESIDE = (\{.*?\})", (ROOT / "setup.py").read_text(), re.MULTILINE | re.DOTALL)
    folders = {"service", "simulator"} | {folder.partition("/")[0] for folder in ast.literal_eval(listed).values()}
    copied = set(re.findall(r"^COPY (\w+) \./\1$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert folders <= copied
    assert folders <= sent
