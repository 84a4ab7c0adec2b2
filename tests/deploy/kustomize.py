"""A small kustomize with the features that `deploy/kubernetes` uses, so that kubectl is not needed.

Resources, a namespace, ConfigMaps from literals and files, and strategic merges of patches. A test compares it with
`kubectl kustomize`. Source: the kustomization reference, https://kubectl.docs.kubernetes.io/references/kustomize/
"""

import re
from pathlib import Path
from typing import Any

import yaml

Document = dict[str, Any]

UNDERSTOOD = {"apiVersion", "kind", "namespace", "resources", "configMapGenerator", "patches"}
CLUSTER_WIDE = {"Namespace"}
MERGE_KEYS = ("name", "mountPath", "containerPort")
"""Keys that identify the elements of lists: the patchMergeKey of containers, env, volumes; of mounts; of ports."""
HASH = re.compile(r"-[0-9a-z]{10}$")
"""The suffix that kustomize adds to the name of a generated ConfigMap."""


def documents(path: Path) -> list[Document]:
    """Return the documents of a YAML file."""
    return [document for document in yaml.safe_load_all(path.read_text(encoding="utf-8")) if document]


def render(folder: Path) -> list[Document]:
    """Return the resources of a kustomization, generated names without their hashes."""
    (kustomization,) = documents(folder / "kustomization.yaml")
    assert set(kustomization) <= UNDERSTOOD, f"{folder}: kustomize.py knows only {sorted(UNDERSTOOD)}"
    found: list[Document] = []
    for name in kustomization.get("resources", []):
        place = folder / name
        found += render(place) if place.is_dir() else documents(place)
    for generator in kustomization.get("configMapGenerator", []):
        _generate(found, folder, generator)
    for patch in kustomization.get("patches", []):
        (given,) = documents(folder / patch["path"])
        target = _one(found, given["kind"], given["metadata"]["name"])
        found[found.index(target)] = merge(target, given)
    for document in found:
        if document["kind"] not in CLUSTER_WIDE:
            document["metadata"]["namespace"] = kustomization["namespace"]
    return found


def merge(base: Any, patch: Any) -> Any:  # noqa: ANN401 (any YAML)
    """Return a strategic merge: mappings by key, lists of named elements by name, everything else replaced."""
    if isinstance(base, dict) and isinstance(patch, dict):
        return base | {key: merge(base[key], value) if key in base else value for key, value in patch.items()}
    if isinstance(base, list) and isinstance(patch, list) and (key := _merge_key(base + patch)):
        given = {element[key]: element for element in patch}
        merged = [merge(element, given.pop(element[key], {})) for element in base]
        return list(given.values()) + merged
    return patch


def without_hashes(found: list[Document]) -> list[Document]:
    """Return what kubectl renders, with the names of generated ConfigMaps as in the files."""
    text = yaml.safe_dump_all(found)
    for document in found:
        name = document["metadata"]["name"]
        if document["kind"] == "ConfigMap":
            text = text.replace(name, HASH.sub("", name))
    return list(yaml.safe_load_all(text))


def _merge_key(elements: list[Any]) -> str | None:
    for key in MERGE_KEYS:
        if all(isinstance(element, dict) and key in element for element in elements):
            return "mountPath" if all("mountPath" in element for element in elements) else key
    return None


def _generate(found: list[Document], folder: Path, generator: Document) -> None:
    data = dict(literal.split("=", 1) for literal in generator.get("literals", []))
    data |= {name: (folder / name).read_text(encoding="utf-8") for name in generator.get("files", [])}
    if generator.get("behavior") == "merge":
        _one(found, "ConfigMap", generator["name"])["data"] |= data
    else:
        metadata = {"name": generator["name"]}
        found.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})


def _one(found: list[Document], kind: str, name: str) -> Document:
    (document,) = [each for each in found if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return document
