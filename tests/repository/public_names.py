"""The public names of the project, read from the code: settings, metrics, log events, error codes, commands, formats.

`python -m tests.repository.public_names` prints them; `docs/public-names.txt` contains its last output.
"""

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer

from service.cli import app
from service.hashing.registry import FORMATS
from service.settings import Settings
from service.telemetry import LOG_FIELDS, Telemetry
from tests.repository.test_docs import SERVICE, calls, error_codes, literals, syntax

ROOT = Path(__file__).resolve().parents[2]
LIST = ROOT / "docs" / "public-names.txt"
JSON_FILES = ("service/cli/", "service/administration/", "service/web/", "service/reconciliation/", "service/hooks/")
"""The modules that create the documents of `--json`, of `/status.json` and of `/readyz`."""
NO_JSON = "service/web/status_page/"
"""It creates HTML."""


def settings() -> set[str]:
    return {name.upper() for name in Settings.model_fields}


def metrics() -> set[str]:
    """Return each metric with its labels."""
    found = set()
    for name, collector in vars(Telemetry()).items():
        labels = getattr(collector, "_labelnames", None)
        if labels is not None and name != "registry":
            found.add(f"{collector.describe()[0].name} {{{', '.join(labels)}}}")
    return found


def log_events() -> set[str]:
    written = literals(calls(SERVICE, "debug", "info", "warning", "error", "progress", "report"), 0)
    return {event for event in written if re.fullmatch(r"[a-z]+(_[a-z]+)*", event)}


def commands() -> set[str]:
    """Return each command with its arguments and options, as a shell would pass them."""
    found = set()

    def walk(command: Any, name: str) -> None:  # noqa: ANN401 (typer does not export the classes of its commands)
        for parameter in command.params:
            for option in (*parameter.opts, *parameter.secondary_opts):
                found.add(f"{name} {option}".strip())
        for word, below in getattr(command, "commands", {}).items():
            found.add(f"{name} {word}".strip())
            walk(below, f"{name} {word}".strip())

    walk(typer.main.get_command(app), "")
    return found


def json_keys() -> set[str]:
    """Return the literal keys of dictionaries in the functions that create documents for scripts."""
    found: set[str] = set()
    for path in SERVICE:
        name = str(path.relative_to(ROOT))
        if name.startswith(JSON_FILES) and not name.startswith(NO_JSON):
            found.update(_keys(syntax(path)))
    return found


def _keys(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for key in node.keys:
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield key.value


def formats() -> set[str]:
    return {each.name for each in FORMATS}


def sections() -> Iterable[tuple[str, set[str]]]:
    return (
        ("settings", settings()),
        ("metrics", metrics()),
        ("log events", log_events()),
        ("log fields", set(LOG_FIELDS)),
        ("error codes", error_codes()),
        ("commands and options", commands()),
        ("JSON keys", json_keys()),
        ("formats", formats()),
    )


def listing() -> str:
    """Return the list in its stored form."""
    parts = ["# Public names. Written by `python -m tests.repository.public_names`; a test holds it to the code.\n"]
    for title, names in sections():
        parts.append(f"\n[{title}]\n" + "".join(f"{name}\n" for name in sorted(names)))
    return "".join(parts)


if __name__ == "__main__":
    sys.stdout.write(listing())
