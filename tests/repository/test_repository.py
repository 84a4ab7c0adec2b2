"""Rules for every file under version control, and for the links between them."""

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

LOCAL_PATH = re.compile(r"(?<![\w.~}/-])/(?:work|home|Users|root|opt)/\w")
REGISTRY = re.compile(r"pypi\.org|pythonhosted\.org|registry\.npmjs|deb\.debian\.org|docker\.io/")
PRIVATE_KEY = re.compile("-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9+/=]{20}")


def tracked() -> list[Path]:
    """List the files under version control; skip if this is not a checkout."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("no git checkout: which files are the project's can't be told")
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [path for name in names.decode().split("\0") if name and (path := ROOT / name).is_file()]


def lines_with(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    found = []
    for path in paths:
        if path == Path(__file__):
            continue  # contains the patterns
        text = path.read_bytes().decode(errors="replace")
        found += [f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, m.start()) + 1}" for m in pattern.finditer(text)]
    return found


def test_no_file_names_a_folder_of_the_machine_it_was_written_on() -> None:
    assert lines_with(LOCAL_PATH, tracked()) == []


def test_no_file_names_a_package_registry() -> None:
    assert lines_with(REGISTRY, tracked()) == []


def test_no_file_holds_a_private_key() -> None:
    assert lines_with(PRIVATE_KEY, tracked()) == []


def test_every_module_says_in_its_first_line_what_it_is() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in tracked()
        if path.suffix == ".py" and path.stat().st_size and not ast.get_docstring(ast.parse(path.read_bytes()))
    ]
    assert silent == []


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_every_target_that_the_docs_name_exists() -> None:
    docs = [path for path in tracked() if path.suffix == ".md"]
    named = {word for path in docs for word in re.findall(r"(?m)(?:^|`)make ([a-z-]+)", path.read_text())}
    assert named <= targets()


def test_make_alone_lists_every_target() -> None:
    listing = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(re.findall(r"make ([a-z-]+)", listing.stdout)) == targets()


def test_every_link_between_the_docs_leads_somewhere() -> None:
    broken = [
        f"{path.relative_to(ROOT)}: {link}"
        for path in tracked()
        if path.suffix == ".md"
        for link in re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", path.read_text())
        if not (path.parent / link).exists()
    ]
    assert broken == []
