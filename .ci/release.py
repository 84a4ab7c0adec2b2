"""What `make release` does: wheel and sdist bit for bit, an SBOM of the locked packages, checksums; all into `dist/`.

It builds what is committed, from an archive of HEAD, so neither the checkout's other files nor their times get in.
Times are SOURCE_DATE_EPOCH (https://reproducible-builds.org/specs/source-date-epoch/), by default that of the commit.
"""

import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
EXECUTABLE = 0o100
"""The bit of a mode that says whether the owner may run a file."""


def main() -> int:
    """Fill `dist/`, or the folder that is given, and list what is in it."""
    dist = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "dist").absolute()
    shutil.rmtree(dist, ignore_errors=True)
    dist.mkdir(parents=True)
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or git("log", "-1", "--format=%ct"))
    with tempfile.TemporaryDirectory() as folder:
        check_out(Path(folder))
        build(Path(folder), dist, epoch)
        project = tomllib.loads((Path(folder) / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        lock = (Path(folder) / "requirements" / "runtime.txt").read_text(encoding="utf-8")
    name = f"{project['name'].replace('-', '_')}-{project['version']}.cdx.json"
    (dist / name).write_text(json.dumps(bill_of_materials(project, lock, epoch), indent=2) + "\n", encoding="utf-8")
    write_checksums(dist)
    print((dist / "SHA256SUMS").read_text(encoding="utf-8"), end="")
    return 0


def git(*arguments: str) -> str:
    """Give the output of a git command in the checkout."""
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def check_out(folder: Path) -> None:
    """Write the files of HEAD, with the same modes whatever the umask is."""
    command = ["git", "-c", "tar.umask=0022", "archive", "--format=tar", "HEAD"]
    archive = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extraction_filter = getattr(tarfile, "tar_filter", None)  # the Python 3.11.2 of Debian 12 has none
        tar.extractall(folder)  # noqa: S202 (git made it, of this repository)


def build(source: Path, dist: Path, epoch: int) -> None:
    """Build wheel and sdist with the locked setuptools of this environment."""
    # Setuptools overwrites sys.argv, and gives its own files in the wheel modes that follow the umask.
    script = "import sys; from setuptools import build_meta as b; d = sys.argv[1]; b.build_wheel(d); b.build_sdist(d)"
    # Debugging information would name the folder that the extension was compiled in.
    flags = {"CFLAGS": f"-g0 -ffile-prefix-map={source}=."}
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(epoch), "PYTHONHASHSEED": "0", "TZ": "UTC"} | flags
    command = [sys.executable, "-c", script, str(dist)]
    subprocess.run(command, cwd=source, env=environment, umask=0o022, stdout=subprocess.DEVNULL, check=True)
    for sdist in dist.glob("*.tar.gz"):
        normalise(sdist, epoch)


def normalise(sdist: Path, epoch: int) -> None:
    """Write an sdist anew: sorted, without owners, with one time. Setuptools keeps those of the files."""
    packed = io.BytesIO()
    with tarfile.open(sdist) as old, tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as new:
        for member in sorted(old.getmembers(), key=lambda member: member.name):
            data = old.extractfile(member) if member.isfile() else None
            member.mode = 0o755 if member.isdir() or member.mode & EXECUTABLE else 0o644
            member.mtime, member.uid, member.gid, member.uname, member.gname = epoch, 0, 0, "", ""
            member.pax_headers = {}
            new.addfile(member, data)
    sdist.write_bytes(gzip.compress(packed.getvalue(), mtime=epoch))


def bill_of_materials(project: dict[str, Any], lock: str, epoch: int) -> dict[str, Any]:
    """List the locked packages of a running service, as CycloneDX 1.5 (https://cyclonedx.org/docs/1.5/json/)."""
    lines = [line for line in lock.replace("\\\n", " ").splitlines() if line.strip() and not line.startswith("#")]
    pins = [Requirement(line.split("--hash=")[0].strip()) for line in lines]
    components = sorted((component(pin) for pin in pins), key=lambda each: str(each["purl"]))
    own = {"type": "application", "name": project["name"], "version": project["version"]}
    own["purl"] = own["bom-ref"] = f"pkg:pypi/{project['name']}@{project['version']}"
    content = json.dumps([own, components], sort_keys=True)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, content)}",
        "version": 1,
        "metadata": {"timestamp": datetime.fromtimestamp(epoch, UTC).isoformat(), "component": own},
        "components": components,
    }


def component(pin: Requirement) -> dict[str, Any]:
    """Describe one locked package; its marker says where it is installed."""
    name, version = canonicalize_name(pin.name), str(pin.specifier).removeprefix("==")
    purl = f"pkg:pypi/{name}@{version}"
    found: dict[str, Any] = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    if pin.marker is not None:
        found["properties"] = [{"name": "python:marker", "value": str(pin.marker)}]
    return found


def write_checksums(dist: Path) -> None:
    """Write SHA256SUMS, as `sha256sum --check` reads it."""
    files = sorted(path for path in dist.iterdir() if path.is_file())
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (dist / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
