"""The metrics and settings that exist, by name."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from service.settings import Settings
from service.telemetry import Telemetry

_SUFFIXES: dict[str | None, list[str]] = {
    "counter": ["_total"],
    "gauge": [""],
    "histogram": ["_bucket", "_count", "_sum"],
}
_RESERVED = {"le", "instance", "job"}
"""Labels that a histogram or Prometheus itself adds."""


def collectors(registry: CollectorRegistry) -> dict[str, MetricWrapperBase]:
    """Return the metrics of a registry by name, without a counter's `_total`."""
    found = {each for each in registry._collector_to_names if isinstance(each, MetricWrapperBase)}
    return {each._name: each for each in found}


def series() -> dict[str, set[str]]:
    """Return every series that the service exposes, with the labels that it may have."""
    known = collectors(Telemetry().registry)
    return {
        name + suffix: {*metric._labelnames, *_RESERVED}
        for name, metric in known.items()
        for suffix in _SUFFIXES[metric._type]
    }


def settings() -> set[str]:
    """Return every variable that the service reads."""
    return {name.upper() for name in Settings.model_fields}


def unknown_settings(names: Iterable[str]) -> set[str]:
    """Return the names that are neither settings of the service nor of PostgreSQL's clients."""
    return {name for name in names if not name.startswith("PG")} - settings()
