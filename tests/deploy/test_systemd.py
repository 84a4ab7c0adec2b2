"""The systemd units: accepted by systemd, equally hardened, and consistent with the settings and commands."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.names import unknown_settings
from tests.deploy.programs import find

UNITS = sorted((Path(__file__).parents[2] / "deploy" / "systemd").glob("*.service"))
EACH_UNIT = pytest.mark.parametrize("unit", [pytest.param(unit, id=unit.stem) for unit in UNITS])
PROGRAM = "/usr/local/bin/password-import"
EXPOSURE = 15
"""Tenths, as `systemd-analyze security` rates a unit (0 to 100); 1.4 was measured with systemd 252."""


@pytest.fixture
def installed(tmp_path: Path) -> list[Path]:
    """Return the units with an existing program in place of theirs, since systemd checks that."""
    for unit in UNITS:
        (tmp_path / unit.name).write_text(unit.read_text().replace(PROGRAM, sys.executable))
    return sorted(tmp_path.iterdir())


def lines(unit: Path, section: str) -> list[str]:
    part = unit.read_text().partition(f"[{section}]\n")[2].partition("\n[")[0]
    return [line for line in part.splitlines() if line and not line.startswith("#")]


def hardening(unit: Path) -> list[str]:
    service = lines(unit, "Service")
    return service[service.index("NoNewPrivileges=yes") :]


def test_systemd_finds_nothing_wrong(installed: list[Path]) -> None:
    command = [find("systemd-analyze", "systemd"), "verify", *map(str, installed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_rates_the_exposure_of_each_unit_as_low(installed: list[Path]) -> None:
    program = find("systemd-analyze", "systemd")
    for unit in installed:
        command = [program, "security", "--offline=true", f"--threshold={EXPOSURE}", "--no-pager", str(unit)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if "unrecognized option" in done.stderr:
            pytest.skip("this systemd-analyze cannot rate a unit offline (systemd 250 can)")
        assert done.returncode == 0, f"{unit.name}: {done.stdout[-2000:]}{done.stderr}"


def test_every_unit_is_hardened_alike() -> None:
    assert len({tuple(hardening(unit)) for unit in UNITS}) == 1


@EACH_UNIT
def test_every_unit_runs_a_command_that_exists(unit: Path) -> None:
    (start,) = [line.partition("=")[2] for line in lines(unit, "Service") if line.startswith("ExecStart=")]
    program, command, *options = start.split()
    assert program == PROGRAM
    help_of = [sys.executable, "-m", "service", command, "--help"]
    done = subprocess.run(help_of, capture_output=True, text=True, check=True, env={"COLUMNS": "200", "TERM": "dumb"})
    assert all(option in done.stdout for option in options)


@EACH_UNIT
def test_every_setting_that_a_unit_names_exists(unit: Path) -> None:
    given = {line.split("=")[1] for line in lines(unit, "Service") if line.startswith("Environment=")} - {"HOME"}
    named = set(re.findall(r"\b([A-Z]+(?:_[A-Z]+)+)(?==|,|\b)", unit.read_text()))
    known_to_systemd = {"LimitCORE", "AF_INET", "AF_INET6", "AF_UNIX"}
    assert unknown_settings((given | named) - known_to_systemd) == set()


@EACH_UNIT
def test_the_home_of_the_user_can_be_read(unit: Path) -> None:
    """Clients of PostgreSQL look for ~/.postgresql and ~/.pgpass, and fail if ProtectHome makes them unreadable."""
    assert "ProtectHome=yes" in lines(unit, "Service")
    assert "Environment=HOME=%S/password-import" in lines(unit, "Service")


def test_a_wrong_configuration_is_not_tried_again() -> None:
    for unit in UNITS:
        service = lines(unit, "Service")
        if "Type=oneshot" not in service:
            assert {"Restart=on-failure", "RestartPreventExitStatus=2"} <= set(service)


def test_reloading_needs_no_program_but_a_shell() -> None:
    (reload,) = [line for line in lines(UNITS[-1], "Service") if line.startswith("ExecReload=")]
    assert reload.startswith("ExecReload=/bin/sh -c ")
