"""The Kubernetes manifests: valid by Kubernetes' schemas, hardened, and within the database's connections."""

import configparser
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from tests.deploy.kustomize import Document, render, without_hashes
from tests.deploy.names import unknown_settings

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
FOLDERS = [KUBERNETES / "base", KUBERNETES / "overlays" / "managed-postgresql", KUBERNETES / "overlays" / "pgbouncer"]
EACH_FOLDER = pytest.mark.parametrize("folder", [pytest.param(folder, id=folder.name) for folder in FOLDERS])

VERSIONS = ["1.32", "1.34", "1.37"]
"""Of Kubernetes; what the manifests use is older than the first."""
CUSTOM = {"ServiceMonitor"}
RESERVED_CONNECTIONS = 3
"""PostgreSQL's superuser_reserved_connections."""
PEOPLE = 8
"""Connections left for psql, backups and dashboards."""
MAX_CONNECTIONS = "password-import/postgresql-max-connections"


def of_kind(found: list[Document], *kinds: str) -> list[Document]:
    return [document for document in found if document["kind"] in kinds]


def named(found: list[Document], kind: str, name: str) -> Document:
    (document,) = [each for each in of_kind(found, kind) if each["metadata"]["name"] == name]
    return document


def pods(found: list[Document]) -> Iterator[tuple[str, Document]]:
    for document in of_kind(found, "Deployment", "Job"):
        yield document["metadata"]["name"], document["spec"]["template"]


def containers(found: list[Document]) -> Iterator[tuple[Document, Document]]:
    """Yield each container with its pod's spec."""
    for _, pod in pods(found):
        yield from ((container, pod["spec"]) for container in pod["spec"]["containers"])


def container_of(found: list[Document], kind: str, name: str) -> Document:
    (container,) = named(found, kind, name)["spec"]["template"]["spec"]["containers"]
    return dict(container)


@EACH_FOLDER
def test_every_file_of_the_folder_is_used(folder: Path) -> None:
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    used = {*kustomization["resources"], *(patch["path"] for patch in kustomization.get("patches", []))}
    used |= {name for each in kustomization["configMapGenerator"] for name in each.get("files", [])}
    assert {path.name for path in folder.iterdir()} == {"kustomization.yaml"} | {n for n in used if "/" not in n}


@pytest.mark.parametrize("version", VERSIONS)
@EACH_FOLDER
def test_every_resource_is_valid_by_the_schemas_of_kubernetes(folder: Path, version: str) -> None:
    for document in render(folder):
        if document["kind"] not in CUSTOM:
            kubernetes_validate.validate(document, version, strict=True)


def test_the_schemas_refuse_a_field_that_does_not_exist() -> None:
    broken = render(FOLDERS[0])
    named(broken, "Deployment", "password-import")["spec"]["template"]["spec"]["containers"][0]["imag"] = "x"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(named(broken, "Deployment", "password-import"), VERSIONS[-1], strict=True)


@EACH_FOLDER
def test_kubectl_renders_the_same(folder: Path) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed: only the test's own kustomize was used")
    done = subprocess.run([kubectl, "kustomize", str(folder)], capture_output=True, text=True, check=True)

    def key(document: Document) -> tuple[str, str]:
        return document["kind"], document["metadata"]["name"]

    rendered = without_hashes(list(yaml.safe_load_all(done.stdout)))
    assert sorted(rendered, key=key) == sorted(render(folder), key=key)


@EACH_FOLDER
def test_every_container_is_confined(folder: Path) -> None:
    for container, pod in containers(render(folder)):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        assert set(container["resources"]["limits"]) == set(container["resources"]["requests"]) == {"cpu", "memory"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)


def test_the_containers_run_as_the_user_of_the_image() -> None:
    user = (ROOT / "Dockerfile").read_text().partition("\nUSER ")[2].partition("\n")[0]
    found = render(FOLDERS[0])
    users = {
        f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}" for _, pod in containers(found)
    }
    assert users == {user}


@EACH_FOLDER
def test_every_selector_fits_the_labels_it_is_meant_for(folder: Path) -> None:
    found = render(folder)
    labels = {name: pod["metadata"]["labels"] for name, pod in pods(found)}
    for document in of_kind(found, "Deployment"):
        wanted = document["spec"]["selector"]["matchLabels"]
        fitting = {name for name, given in labels.items() if wanted.items() <= given.items()}
        assert fitting == {document["metadata"]["name"]}
    for document in of_kind(found, "Service", "PodDisruptionBudget"):
        wanted = document["spec"]["selector"].get("matchLabels", document["spec"]["selector"])
        fitting = {name for name, given in labels.items() if wanted.items() <= given.items()}
        assert fitting == {document["metadata"]["name"].removesuffix("-admin")}


@EACH_FOLDER
def test_every_setting_exists(folder: Path) -> None:
    found = render(folder)
    given = set(named(found, "ConfigMap", "password-import")["data"])
    given |= {each["name"] for container, _ in containers(found) for each in container.get("env", [])}
    assert unknown_settings(given) == set()


@EACH_FOLDER
def test_every_volume_and_generated_name_exists(folder: Path) -> None:
    found = render(folder)
    generated = {each["metadata"]["name"] for each in of_kind(found, "ConfigMap")} | {"postgresql-ca"}
    for container, pod in containers(found):
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes)
        used = {volume["configMap"]["name"] for volume in volumes.values() if "configMap" in volume}
        used |= {each["configMapRef"]["name"] for each in container.get("envFrom", []) if "configMapRef" in each}
        assert used <= generated


def test_the_secret_files_that_settings_name_lie_in_the_mounted_folder() -> None:
    found = render(FOLDERS[0])
    files = {v for k, v in named(found, "ConfigMap", "password-import")["data"].items() if k.endswith("_FILE")}
    mounts = list(container_of(found, "Deployment", "password-import")["volumeMounts"])
    (folder,) = [mount["mountPath"] for mount in mounts if mount["name"] == "files"]
    assert {str(Path(file).parent) for file in files} == {folder}
    assert all("subPath" not in mount for mount in mounts), "a subPath would never be updated"


def test_secret_files_are_mounted_with_the_mode_that_the_containers_are_tested_with() -> None:
    modes = {
        volume["secret"]["defaultMode"]
        for _, pod in containers(render(FOLDERS[0]))
        for volume in pod["volumes"]
        if "secret" in volume
    }
    assert modes == {0o644}


def test_probes_ask_healthz_for_life_and_readyz_for_traffic() -> None:
    container = container_of(render(FOLDERS[0]), "Deployment", "password-import")
    paths = {kind: container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "liveness", "readiness")}
    assert paths == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}
    assert container["readinessProbe"]["timeoutSeconds"] > 2, "the service gives up its own checks after 2 s"


def test_there_are_at_least_two_replicas_and_an_apply_does_not_reset_them() -> None:
    found = render(FOLDERS[0])
    assert named(found, "HorizontalPodAutoscaler", "password-import")["spec"]["minReplicas"] >= 2
    deployment = named(found, "Deployment", "password-import")["spec"]
    assert "replicas" not in deployment
    assert deployment["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert named(found, "Deployment", "password-import-reconcile")["spec"]["replicas"] == 1


def test_a_replica_has_time_to_end() -> None:
    pod = named(render(FOLDERS[0]), "Deployment", "password-import")["spec"]["template"]["spec"]
    (command,) = [each["lifecycle"]["preStop"]["exec"]["command"] for each in pod["containers"]]
    assert pod["terminationGracePeriodSeconds"] > int(command[1]) + 1 + 10, "1 s of draining, 10 s for calls in hand"


def pool_size(found: list[Document]) -> int:
    return int(named(found, "ConfigMap", "password-import")["data"]["DATABASE_POOL_SIZE"])


def replicas_at_most(found: list[Document]) -> int:
    """Return the number of replicas, including the one that a rolling update adds."""
    scaler = named(found, "HorizontalPodAutoscaler", "password-import")["spec"]
    surge = named(found, "Deployment", "password-import")["spec"]["strategy"]["rollingUpdate"]["maxSurge"]
    return int(scaler["maxReplicas"] + surge)


def past_the_pooler(found: list[Document]) -> int:
    """Return the connections that do not use the pooler: reconcile, migrate, PostgreSQL's reserve, people."""
    return pool_size(found) + 1 + RESERVED_CONNECTIONS + PEOPLE


def max_connections(found: list[Document]) -> int:
    return int(named(found, "HorizontalPodAutoscaler", "password-import")["metadata"]["annotations"][MAX_CONNECTIONS])


@pytest.mark.parametrize("folder", [pytest.param(folder, id=folder.name) for folder in FOLDERS[:2]])
def test_the_connections_of_all_replicas_are_within_max_connections(folder: Path) -> None:
    found = render(folder)
    assert replicas_at_most(found) * pool_size(found) + past_the_pooler(found) <= max_connections(found)


def pgbouncer() -> configparser.SectionProxy:
    parser = configparser.ConfigParser(comment_prefixes=(";", "%include"), interpolation=None)
    parser.read_string((KUBERNETES / "overlays" / "pgbouncer" / "pgbouncer.ini").read_text())
    return parser["pgbouncer"]


def test_pgbouncer_has_room_for_all_replicas_and_postgresql_for_all_pgbouncers() -> None:
    found, settings = render(FOLDERS[2]), pgbouncer()
    assert replicas_at_most(found) * pool_size(found) <= int(settings["max_client_conn"])
    poolers = named(found, "Deployment", "password-import-pgbouncer")["spec"]["replicas"]
    behind = poolers * int(settings["max_db_connections"])
    assert behind + past_the_pooler(found) <= max_connections(found)


def test_the_service_detects_pgbouncer() -> None:
    assert named(render(FOLDERS[2]), "ConfigMap", "password-import")["data"]["DATABASE_POOLER"] == "true"
    assert pgbouncer()["pool_mode"] == "transaction"


@pytest.mark.parametrize("kind, name", [("Deployment", "password-import"), ("Job", "password-import-migrate")])
def test_a_managed_postgresql_has_its_certificate_verified(kind: str, name: str) -> None:
    found = render(FOLDERS[1])
    container = container_of(found, kind, name)
    given = {each["name"]: each.get("value") for each in container["env"]}
    if kind == "Deployment":
        given |= named(found, "ConfigMap", "password-import")["data"]
    assert given["PGSSLMODE"] == "verify-full"
    assert given["PGSSLROOTCERT"] == "/etc/postgresql-ca/ca.pem"
    assert "/etc/postgresql-ca" in {mount["mountPath"] for mount in container["volumeMounts"]}


def test_only_prometheus_reaches_the_admin_port() -> None:
    found = render(FOLDERS[0])
    rules = named(found, "NetworkPolicy", "password-import-serve")["spec"]["ingress"]
    admin = [rule for rule in rules if {"port": "admin"} in rule["ports"]]
    assert [rule["from"] for rule in admin] == [
        [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    ]
    assert [port["targetPort"] for port in named(found, "Service", "password-import")["spec"]["ports"]] == ["http"]


def test_the_service_monitor_has_the_fields_that_the_operator_knows() -> None:
    """Based on the operator's API reference, monitoring.coreos.com/v1: its CRD is not in any package."""
    found = render(FOLDERS[0])
    (monitor,) = of_kind(found, "ServiceMonitor")
    assert monitor["apiVersion"] == "monitoring.coreos.com/v1"
    assert set(monitor) == {"apiVersion", "kind", "metadata", "spec"}
    assert set(monitor["spec"]) == {"selector", "endpoints"}
    assert set(monitor["spec"]["selector"]) == {"matchLabels"}
    for endpoint in monitor["spec"]["endpoints"]:
        assert set(endpoint) <= {"port", "path", "scheme", "interval", "scrapeTimeout", "honorLabels"}
        service = named(found, "Service", "password-import-admin")
        assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
        assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()


def test_the_job_says_what_to_do_before_a_migration_that_is_not_additive() -> None:
    comment = (KUBERNETES / "base" / "migrate.yaml").read_text().partition("apiVersion")[0]
    assert "--replicas=0" in comment
    operations = (ROOT / "docs" / "operations.md").read_text()
    assert "not additive" in operations
