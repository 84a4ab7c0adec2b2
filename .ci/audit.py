"""Looks the locked versions up among known vulnerabilities: exits with 1 where one is known, and else with 0.

That needs the package registry and its advisories. Where they can't be reached, or know nothing of the packages, a line
says that nothing was audited: no network is no fault of the code. It never waits for long.
"""

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".venv" / "audit"
LOCKS = ("build.txt", "dev.txt")
INSTALL_WITHIN, AUDIT_WITHIN = 60, 90
"""Seconds; each takes some ten."""
ANSWER_WITHIN = 10
"""Seconds for each call of the registry."""


class NotDone(Exception):
    """Nothing was audited; the message says why."""


def main() -> int:
    """Audit, with pip-audit's options of the command line; print a line."""
    try:
        told, code = judge(audit(sys.argv[1:]))
    except NotDone as reason:
        told, code = f"NOT AUDITED: {reason}", 0
    print(f"audit: {told}")
    return code


def audit(options: list[str]) -> dict[str, Any]:
    """Run pip-audit over the locks; give its report. Raises `NotDone`."""
    install()
    locks = [part for lock in LOCKS for part in ("-r", str(ROOT / "requirements" / lock))]
    command = [
        str(FOLDER / "bin" / "python"), "-m", "pip_audit", "--disable-pip", "--require-hashes", "--format", "json",
        "--progress-spinner", "off", "--timeout", str(ANSWER_WITHIN), *locks, *options,
    ]  # fmt: skip
    done = run(command, AUDIT_WITHIN, "the advisories took too long")
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        # The rest of the line names hosts, and may hold credentials of the registry.
        error = _last_line(done.stderr).partition(":")[0]
        raise NotDone(f"the advisories can't be reached ({error})") from None
    return report


def install() -> None:
    """Install the locked pip-audit, once for each lock. Raises `NotDone`."""
    lock = ROOT / "requirements" / "audit.txt"
    stamp = FOLDER / "installed.txt"
    if stamp.exists() and stamp.read_text() == lock.read_text():
        return
    venv.create(FOLDER, clear=True)
    command = [
        sys.executable, "-m", "pip", "--python", str(FOLDER / "bin" / "python"), "install", "-qq", "--no-compile",
        "--disable-pip-version-check", "--retries", "1", "--timeout", str(ANSWER_WITHIN), "--require-hashes",
        "-r", str(lock),
    ]  # fmt: skip
    done = run(command, INSTALL_WITHIN, "the package registry took too long")
    if done.returncode:
        raise NotDone(f"pip-audit can't be installed ({_last_line(done.stderr).removeprefix('ERROR: ')})")
    stamp.write_text(lock.read_text())


def run(command: list[str], seconds: float, too_long: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, whatever that is. Raises `NotDone` where it takes too long."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise NotDone(too_long) from None


def judge(report: dict[str, Any]) -> tuple[str, int]:
    """Say what a report of pip-audit holds, and the exit code. Raises `NotDone` where it holds nothing."""
    listed = report["dependencies"]
    audited = [each for each in listed if "skip_reason" not in each]
    # Of a package that a registry has no advisories for, pip-audit finds none: that is no clean bill.
    if not audited:
        raise NotDone("the registry has no advisories for any of the packages")
    found = [
        f"  {each['name']} {each['version']}: {vulnerability['id']}{_mended(vulnerability['fix_versions'])}"
        for each in audited
        for vulnerability in each["vulns"]
    ]
    counted = f"{len(audited)} of {len(listed)} packages looked up"
    if found:
        return "\n".join([f"{counted}; known vulnerabilities:", *found]), 1
    return f"{counted}, no known vulnerability", 0


def _mended(versions: list[str]) -> str:
    return f", mended in {', '.join(versions)}" if versions else ""


def _last_line(text: str) -> str:
    return next(reversed(text.strip().splitlines()), "no answer")


if __name__ == "__main__":
    sys.exit(main())
