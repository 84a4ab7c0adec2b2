"""Pods of a manifest as containers: the same user, limits, read-only file system and secret files."""

import contextlib
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.deploy.kustomize import Document

PATIENCE = 180.0
"""Seconds to wait for a container to start or end."""
UNITS = {"Ki": "k", "Mi": "m", "Gi": "g"}
"""Units of memory in Kubernetes and Docker; both are powers of 1024."""


@dataclass
class Engine:
    """A container engine, and a separate network on it."""

    image: str
    network: str = field(default_factory=lambda: f"password-import-{uuid.uuid4().hex[:12]}")
    names: list[str] = field(default_factory=list)

    def docker(self, *arguments: str, given: str | None = None) -> str:
        done = subprocess.run(["docker", *arguments], input=given, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"docker {arguments[0]}: {done.stderr[-2000:]}{done.stdout[-2000:]}"
        return done.stdout.strip()

    def start(self, name: str, *arguments: str, network: str | None = None) -> str:
        """Start a container in the background; others reach it as `name`."""
        own = f"{self.network}-{name}"
        self.names.append(own)
        where = ["--network", network] if network else ["--network", self.network, "--network-alias", name]
        self.docker("run", "--detach", "--name", own, *where, *arguments)
        return own

    def run(self, *arguments: str, given: str | None = None) -> str:
        """Run a container to its end; its exit code must be 0."""
        return self.docker("run", "--rm", "--interactive", "--network", self.network, *arguments, given=given)

    def until(self, container: str, what: str, *command: str) -> None:
        """Wait until a command in a container succeeds."""
        deadline = time.monotonic() + PATIENCE
        while subprocess.run(["docker", "exec", container, *command], capture_output=True, check=False).returncode:
            assert time.monotonic() < deadline, f"{what}: {self.log(container)}"
            time.sleep(0.2)

    def until_logged(self, container: str, text: str) -> None:
        """Wait for a text in a container's log."""
        deadline = time.monotonic() + PATIENCE
        while text not in (log := self.log(container)):
            assert time.monotonic() < deadline, f"no {text!r} in: {log[-3000:]}"
            time.sleep(0.2)

    def log(self, container: str) -> str:
        done = subprocess.run(["docker", "logs", container], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr


@contextlib.contextmanager
def an_engine(image: str) -> Iterator[Engine]:
    """Yield the engine that DOCKER_HOST names, or the local one; skip if it or the image is missing."""
    if (
        shutil.which("docker") is None
        or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode
    ):
        pytest.skip("no container engine answers")
    if subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False).returncode:
        pytest.skip(f"there is no image {image}: docker build -t {image} . (or name another by SERVICE_IMAGE)")
    engine = Engine(image)
    engine.docker("network", "create", engine.network)
    try:
        yield engine
    finally:
        for name in engine.names:
            subprocess.run(["docker", "rm", "--force", "--volumes", name], capture_output=True, check=False)
        subprocess.run(["docker", "network", "rm", engine.network], capture_output=True, check=False)


def arguments_of(
    pod: Document, values: Mapping[str, Mapping[str, str]], folders: Mapping[str, Path], image: str
) -> list[str]:
    """Return the arguments with which `docker run` runs a pod's only container, up to the image.

    `values` are the data of ConfigMaps and Secrets, `folders` the files of Secrets, both by name.
    """
    (container,) = pod["containers"]
    return [*_confinement(pod, container), *_environment(container, values), *_mounts(pod, container, folders), image]


def command_of(pod: Document) -> list[str]:
    """Return the arguments of a pod's only container."""
    return list(pod["containers"][0]["args"])


def _confinement(pod: Document, container: Document) -> list[str]:
    user, limits, own = pod["securityContext"], container["resources"]["limits"], container["securityContext"]
    memory = limits["memory"][:-2] + UNITS[limits["memory"][-2:]]
    dropped = [f"--cap-drop={capability}" for capability in own["capabilities"]["drop"]]
    assert own["readOnlyRootFilesystem"] is True
    assert own["allowPrivilegeEscalation"] is False
    return [
        f"--user={user['runAsUser']}:{user['runAsGroup']}", "--read-only", "--security-opt=no-new-privileges", *dropped,
        f"--cpus={limits['cpu']}", f"--memory={memory}", f"--memory-swap={memory}",
    ]  # fmt: skip


def _environment(container: Document, values: Mapping[str, Mapping[str, str]]) -> list[str]:
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        found |= values[source.get("configMapRef", source.get("secretRef"))["name"]]
    for variable in container.get("env", []):
        reference = variable.get("valueFrom", {}).get("secretKeyRef")
        found[variable["name"]] = values[reference["name"]][reference["key"]] if reference else variable["value"]
    return [f"--env={name}={value}" for name, value in found.items()]


def _mounts(pod: Document, container: Document, folders: Mapping[str, Path]) -> list[str]:
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    found = []
    for mount in container["volumeMounts"]:
        volume, place = volumes[mount["name"]], mount["mountPath"]
        if "emptyDir" in volume:
            found.append(f"--tmpfs={place}:size={volume['emptyDir']['sizeLimit'][:-2]}m")
        else:
            found.append(f"--volume={folders[volume['secret']['secretName']]}:{place}:ro")
    return found
