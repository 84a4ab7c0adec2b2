"""The peers of the benchmarks can be installed from any registry."""

import json
from pathlib import Path

LOCK = Path(__file__).parent.parent.parent / "bench" / "peers" / "node" / "package-lock.json"


def test_the_lock_of_the_node_peers_names_no_registry_and_a_digest_for_each_package() -> None:
    packages = {name: package for name, package in json.loads(LOCK.read_text())["packages"].items() if name}
    assert packages
    assert not any("resolved" in package for package in packages.values())
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())
