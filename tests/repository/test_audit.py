"""The audit of the dependencies fails only for a known vulnerability, and reports if nothing could be looked up."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci" / "audit.py"
GOOD = {"name": "good", "version": "1.0", "vulns": []}
UNKNOWN = {"name": "unknown", "skip_reason": "not found"}
BAD = {"name": "bad", "version": "2.0", "vulns": [{"id": "CVE-1", "fix_versions": ["2.1"], "aliases": []}]}


@pytest.fixture
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_known_vulnerability_fails_and_is_named_with_its_mending(audit: ModuleType) -> None:
    progress, code = audit.judge({"dependencies": [GOOD, BAD, UNKNOWN]})
    assert code == 1
    assert "bad 2.0: CVE-1, mended in 2.1" in progress
    assert "2 of 3 packages looked up" in progress


def test_where_none_is_known_it_says_how_many_were_looked_up(audit: ModuleType) -> None:
    assert audit.judge({"dependencies": [GOOD, UNKNOWN]}) == ("1 of 2 packages looked up, no known vulnerability", 0)


def test_a_registry_without_advisories_is_no_clean_bill(audit: ModuleType) -> None:
    with pytest.raises(audit.NotDone, match="has no advisories"):
        audit.judge({"dependencies": [UNKNOWN]})


def test_without_a_registry_it_says_that_nothing_was_audited_and_fails_nothing(
    audit: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit, "FOLDER", tmp_path / "audit")
    monkeypatch.setattr("sys.argv", ["audit.py"])
    for name, value in {"INDEX_URL": "http://127.0.0.1:9", "EXTRA_INDEX_URL": "", "FIND_LINKS": ""}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    assert audit.main() == 0
    assert capsys.readouterr().out.startswith("audit: NOT AUDITED: pip-audit can't be installed (")


def test_what_takes_too_long_is_ended(audit: ModuleType) -> None:
    with pytest.raises(audit.NotDone, match="took too long"):
        audit.run(["sleep", "60"], 0.1, "it took too long")
