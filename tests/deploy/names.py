"""The metrics and settings that exist, by their names after the renames.

DELETE ON MERGING: `RENAMED_METRICS`, `RENAMED_SETTINGS` and their uses. They apply the renames that another branch
brings, so that what is compared with `deploy/` is what will be there. Once the code has the new names they do nothing.
"""

import re
from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from service.settings import Settings
from service.telemetry import Telemetry

RENAMED_METRICS = {
    "password_import_answers": "password_import_requests",
    "password_import_answer_seconds": "password_import_request_duration_seconds",
    "password_import_refusals": "password_import_error_responses",
    "password_import_asked_after_success": "password_import_sign_ins_after_migration",
    "password_import_check_seconds": "password_import_check_duration_seconds",
}
RENAMED_SETTINGS = {
    "SEALED_HASHES_ONLY": "REQUIRE_ENCRYPTED_HASHES",
    "ANSWER_WITHIN": "REQUEST_TIMEOUT",
    "QUEUE_WITHIN": "QUEUE_TIMEOUT",
    "AUDIT_KEEP_DAYS": "AUDIT_RETENTION_DAYS",
    "DATABASE_CONNECTIONS": "DATABASE_POOL_SIZE",
}

_SUFFIXES: dict[str | None, list[str]] = {
    "counter": ["_total"],
    "gauge": [""],
    "histogram": ["_bucket", "_count", "_sum"],
}
_RESERVED = {"le", "instance", "job"}
"""Labels that a histogram or Prometheus itself adds."""


def collectors(registry: CollectorRegistry) -> dict[str, MetricWrapperBase]:
    """The metrics of a registry, by their names without a counter's `_total`."""
    found = {each for each in registry._collector_to_names if isinstance(each, MetricWrapperBase)}
    return {RENAMED_METRICS.get(each._name, each._name): each for each in found}


def series() -> dict[str, set[str]]:
    """Every series that the service exposes, with the labels that it may have."""
    known = collectors(Telemetry().registry)
    return {
        name + suffix: {*metric._labelnames, *_RESERVED}
        for name, metric in known.items()
        for suffix in _SUFFIXES[metric._type]
    }


def renamed(exposition: str) -> str:
    """Metrics in Prometheus's text format, under their new names."""
    for old, new in RENAMED_METRICS.items():
        exposition = re.sub(rf"\b{old}(?=\b|_total|_bucket|_count|_sum)", new, exposition)
    return exposition


def settings() -> set[str]:
    """Every variable that the service reads."""
    return {RENAMED_SETTINGS.get(name, name) for name in map(str.upper, Settings.model_fields)}


def unknown_settings(names: Iterable[str]) -> set[str]:
    """The names that are no setting of the service, PostgreSQL's clients' aside."""
    return {name for name in names if not name.startswith("PG")} - settings()
