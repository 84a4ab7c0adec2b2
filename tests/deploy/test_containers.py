"""The pods of the Kubernetes base in a real container engine: migrate, load, serve, sign in, reconcile, stop."""

import base64
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.deploy.containers import Engine, an_engine, arguments_of, command_of
from tests.deploy.kustomize import render
from tests.deploy.test_kubernetes import FOLDERS, named

IMAGE = os.environ.get("SERVICE_IMAGE", "password-import:local")
POSTGRES = os.environ.get("POSTGRES_IMAGE", "postgres:17")
SECRET = "Basic " + base64.b64encode(b"okta:invented").decode()
FOUND = render(FOLDERS[0])

ASK = """
import json, os, urllib.error, urllib.request
body = {"data": {"context": {"credential": {"username": "jessie.smith@example.com", "password": os.environ["TYPED"]}}}}
headers = {"Authorization": os.environ["SECRET"], "Content-Type": "application/json"}
request = urllib.request.Request("http://service:8082/okta/password-import", json.dumps(body).encode(), headers)
print(urllib.request.urlopen(request, timeout=60).read().decode())
"""
READY = "import urllib.request as u; u.urlopen('http://127.0.0.1:8082/readyz', timeout=5)"


@dataclass
class Cluster:
    """The contents of the Secrets, and the containers so far."""

    engine: Engine
    values: dict[str, dict[str, str]]
    folders: dict[str, Path]

    def pod(self, kind: str, name: str) -> tuple[list[str], list[str]]:
        """Return the arguments of `docker run` for a pod: everything up to the image, and its command."""
        spec = named(FOUND, kind, name)["spec"]["template"]["spec"]
        return arguments_of(spec, self.values, self.folders, self.engine.image), command_of(spec)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Start PostgreSQL, with Secrets as Kubernetes mounts them: files owned by root with mode 0644."""
    password, token = secrets.token_hex(16), secrets.token_hex(16)
    folder = tmp_path_factory.mktemp("files")
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    written = {
        "hook_secrets.json": json.dumps([SECRET]),
        "event_hook_secrets.json": json.dumps(["Basic " + base64.b64encode(b"okta:for the events").decode()]),
        "hash_keys.json": json.dumps({"first": key}),
        "api_token": token,
    }
    folder.chmod(0o755)
    for name, text in written.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o644)
    url = f"postgresql://password_import:{password}@postgres:5432/password_import"
    names = ("DATABASE_URL", "OPERATOR_DATABASE_URL", "MIGRATION_DATABASE_URL")
    values = {
        "password-import": named(FOUND, "ConfigMap", "password-import")["data"],
        "password-import-database": dict.fromkeys(names, url),
        "password-import-okta": {"OKTA_CLIENT_ORGURL": "http://127.0.0.1:8090", "OKTA_CLIENT_TOKEN": token},
    }
    with an_engine(IMAGE) as engine:
        postgres = engine.start(
            "postgres", f"--env=POSTGRES_PASSWORD={password}", "--env=POSTGRES_USER=password_import", POSTGRES
        )
        engine.until(postgres, "PostgreSQL", "pg_isready", "-q", "-h", "127.0.0.1", "-U", "password_import")
        yield Cluster(engine, values, {"password-import-files": folder})


@pytest.fixture(scope="module")
def migrated(cluster: Cluster) -> Cluster:
    arguments, command = cluster.pod("Job", "password-import-migrate")
    cluster.engine.run(*arguments, *command)
    return cluster


@pytest.fixture(scope="module")
def loaded(migrated: Cluster) -> Cluster:
    arguments, _ = migrated.pod("Deployment", "password-import-reconcile")
    rows = (Path(__file__).parents[2] / "examples" / "legacy-users.csv").read_text()
    migrated.engine.run(*arguments, "load", "-", "--source", "legacy", "--rejects", "-", given=rows)
    return migrated


@pytest.fixture(scope="module")
def serving(loaded: Cluster) -> tuple[Cluster, str]:
    arguments, command = loaded.pod("Deployment", "password-import")
    container = loaded.engine.start("service", *arguments, *command)
    loaded.engine.until(container, "readyz", "python", "-c", READY)
    return loaded, container


def ask(cluster: Cluster, typed: str) -> str:
    """Return the verdict of the service for a caller in another container."""
    environment = [f"--env=TYPED={typed}", f"--env=SECRET={SECRET}"]
    answer = json.loads(cluster.engine.run(*environment, "--entrypoint=python", cluster.engine.image, "-c", ASK))
    return str(answer["commands"][0]["value"]["credential"])


def test_the_migration_job_can_run_again(migrated: Cluster) -> None:
    arguments, command = migrated.pod("Job", "password-import-migrate")
    migrated.engine.run(*arguments, *command)


def test_a_person_signs_in_through_the_served_pod(serving: tuple[Cluster, str]) -> None:
    cluster, _ = serving
    assert ask(cluster, "password1") == "VERIFIED"
    assert ask(cluster, "wrong") == "UNVERIFIED"


def test_the_hashes_are_encrypted_under_the_mounted_key(loaded: Cluster) -> None:
    arguments, _ = loaded.pod("Deployment", "password-import-reconcile")
    status = json.loads(loaded.engine.run(*arguments, "status", "--json"))
    assert status["encryption"]["plain"] == 0
    assert list(status["encryption"]["by_key"]) == ["first"]


def test_nothing_can_be_written_but_tmp(serving: tuple[Cluster, str]) -> None:
    cluster, container = serving
    places = "/ /app /venv /run/secrets/password-import /tmp"
    script = f"for place in {places}; do touch $place/new 2>/dev/null && echo $place; done; true"
    assert cluster.engine.docker("exec", container, "sh", "-c", script) == "/tmp"  # noqa: S108 (the pod's)


def test_the_pool_has_a_worker_for_each_core_of_the_limit(serving: tuple[Cluster, str]) -> None:
    cluster, container = serving
    read = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8083/metrics').read().decode())"
    metrics = cluster.engine.docker("exec", container, "python", "-c", read).splitlines()
    limit = named(FOUND, "Deployment", "password-import")["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert f'password_import_pool{{state="workers"}} {float(limit["limits"]["cpu"])}' in metrics


def test_reconcile_follows_the_org_and_ends_when_it_is_stopped(loaded: Cluster) -> None:
    """The org is simulated on the pod's loopback: Okta's own is only called by https."""
    engine = loaded.engine
    options = ["--api-token-file=/files/api_token", "--listen=127.0.0.1:8090"]
    org = engine.start(
        "org", f"--volume={loaded.folders['password-import-files']}:/files:ro", "--entrypoint=python", engine.image,
        "-m", "simulator", *options,
    )  # fmt: skip
    engine.until_logged(org, "8090")
    arguments, follow = loaded.pod("Deployment", "password-import-reconcile")
    container = engine.start("reconcile", *arguments, *follow, network=f"container:{org}")
    engine.until_logged(container, '"reconciling"')
    engine.docker("stop", "--time", "30", container)
    assert engine.docker("inspect", "--format", "{{.State.ExitCode}} {{.State.OOMKilled}}", container) == "0 false"


def test_secrets_are_read_again_after_a_signal(serving: tuple[Cluster, str]) -> None:
    cluster, container = serving
    cluster.engine.docker("exec", container, "sh", "-c", "kill -HUP 1")
    cluster.engine.until_logged(container, '"reloaded"')
    assert '"reload_failed"' not in cluster.engine.log(container)


def test_a_replica_ends_within_its_grace_period(serving: tuple[Cluster, str]) -> None:
    cluster, container = serving
    cluster.engine.docker("stop", "--time", "30", container)
    assert cluster.engine.docker("inspect", "--format", "{{.State.ExitCode}}", container) == "0"
