"""Every metric and every field of a log line, by name.

Labels are closed sets (outcomes, routes, positions), never a login, an address or a path: those would be unbounded.
"""

import logging
import sys
import threading
import traceback
from collections.abc import Mapping
from typing import Any, TextIO

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

LOG_FIELDS = frozenset(
    {
        "account_id", "address", "answer", "bound", "channel", "code", "cost", "count", "database",
        "decision", "effects", "event_id", "exception", "fault", "foreign", "format", "implementation", "kind", "name",
        "okta_code", "org", "outcome", "path", "port", "position", "queue_ms", "reason", "remedy", "request_id",
        "retired", "route", "rule", "seconds", "single", "source", "state", "status", "total_ms", "trace",
        "unreadable", "url", "version",
    }
)  # fmt: skip
"""The only fields that a log line may have besides its event, level and time."""

COSTS_SHOWN = 100
"""Costs come from the loaded hashes: a store with random rounds has thousands."""
DURATION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)


disable_created_metrics()  # type: ignore[no-untyped-call]  # no second series for each counter, which nobody reads


class Telemetry:
    """The metrics of one running service, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = self._counter("requests", "Requests by route and HTTP status.", "route", "status")
        self.request_duration_seconds = Histogram(
            "password_import_request_duration_seconds",
            "Seconds from the first byte of a call to its answer.",
            ("route",),
            buckets=DURATION_BUCKETS,
            registry=self.registry,
        )
        self.error_responses = self._counter(
            "error_responses", "Error responses, by route and reason.", "route", "code"
        )
        self.credentials = self._counter(
            "credentials", "Accepted calls by the credential that they used.", "route", "kind", "position"
        )
        self.connections = self._counter("connections_closed", "Connections closed by the guard, by reason.", "reason")
        self.reloads = self._counter("reloads", "Files read again at SIGHUP.", "name", "outcome")
        self.sign_ins = self._counter("sign_ins", "Password import calls by outcome.", "outcome")
        self.faults = self._counter("faults", "Faults of ours that left a call without a verdict.", "fault")
        self.verified_unrecorded = self._counter(
            "verified_unrecorded", "VERIFIED answers whose record could not be written."
        )
        self.sign_ins_after_migration = self._counter(
            "sign_ins_after_migration", "Calls for accounts whose hash was forgotten: Okta should not ask any more."
        )
        self.import_events = self._counter("import_events", "Import events by what they did.", "channel", "effect")
        self.foreign_events = self._counter("foreign_events", "Delivered events of other types.")
        self.registrations = self._counter("registrations", "Registrations screened.", "kind", "decision")
        self.registration_rules = self._counter(
            "registration_rules", "Rules of the registration policy that had a part in a decision.", "rule", "outcome"
        )
        self.unreadable_events = self._counter("unreadable_events", "Delivered events kept raw.", "fault")
        self.pool = Gauge(
            "password_import_pool", "The hashing pool: calls queued, running, …", ("state",), registry=self.registry
        )
        self.check_duration_seconds = Gauge(
            "password_import_check_duration_seconds",
            "Measured seconds of a check, by cost.",
            ("cost",),
            registry=self.registry,
        )
        self.okta_calls = Gauge(
            "password_import_okta_calls",
            "Calls of our hooks that Okta's System Log reports, by what we had said; the same on every replica.",
            ("event", "outcome", "verdict"),
            registry=self.registry,
        )
        self.reconciled = Gauge(
            "password_import_reconciled_timestamp_seconds",
            "When reconciling was last done, in epoch seconds; 0: never. The same on every replica.",
            ("work",),
            registry=self.registry,
        )
        self.ready = Gauge("password_import_ready", "1 where the last /readyz said ready.", registry=self.registry)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"password_import_{name}", meaning, labels, registry=self.registry)

    def show_pool(self, states: Mapping[str, int], seconds: Mapping[str, float]) -> None:
        """Copy the pool's current figures when the metrics are requested."""
        for state, number in states.items():
            self.pool.labels(state).set(number)
        for cost, measured in list(seconds.items())[:COSTS_SHOWN]:
            self.check_duration_seconds.labels(cost).set(measured)

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus's text format."""
        return generate_latest(self.registry)


EVENT_WIDTH = 20
"""Minimum width of the event on a terminal, so that the fields are aligned."""


def configure_logging(
    level: str, log_format: str | None = None, *, colors: bool = True, stream: TextIO | None = None
) -> None:
    """Send every log line, including those of libraries, to standard error.

    `log_format` is `json`, one object per line with the event first, or `console`, short lines for people; the default
    is `console` on a terminal, there with `colors`, and `json` elsewhere.
    """
    stream = stream or sys.stderr
    is_terminal = stream.isatty()
    for_people = log_format == "console" or (log_format is None and is_terminal)
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            _only_known_fields,
            *(_for_people(colors=is_terminal and colors) if for_people else _for_programs()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    handler = _LibraryHandler()
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    # Python would print the message of an exception that ends a thread or a destructor, and it may quote a secret.
    sys.excepthook = lambda _kind, error, _trace: _crashed(error)
    threading.excepthook = lambda crash: _crashed(crash.exc_value)
    sys.unraisablehook = lambda crash: _crashed(crash.exc_value)


def _for_programs() -> "list[structlog.typing.Processor]":
    timestamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    return [timestamp, _event_first, structlog.processors.JSONRenderer()]


def _for_people(*, colors: bool) -> "list[structlog.typing.Processor]":
    timestamp = structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False)
    renderer = structlog.dev.ConsoleRenderer(colors=colors, pad_event_to=EVENT_WIDTH, sort_keys=False, pad_level=False)
    return [timestamp, _printable, renderer]


def _event_first(_logger: object, _method: str, event: Mapping[str, Any]) -> Mapping[str, Any]:
    first = {name: event[name] for name in ("event", "level", "timestamp")}
    return {**first, **event}


def _printable(_logger: object, _method: str, event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Escape control characters. The renderer treats `exception` as a traceback, so it gets another name."""
    return {
        "fault" if name == "exception" else name: _escaped(value) if isinstance(value, str) else value
        for name, value in event.items()
    }


def _escaped(text: str) -> str:
    return text if text.isprintable() else text.encode("unicode_escape").decode()


def _crashed(error: BaseException | None) -> None:
    if error is not None and not isinstance(error, SystemExit):
        structlog.get_logger().error("crash", **describe(error))


class _LibraryHandler(logging.Handler):
    """Handles log records of libraries: location and level, but never the message, which may quote its subject."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        fields = describe(error) if error else {}
        structlog.get_logger().log(record.levelno, "library", name=f"{record.name}:{record.lineno}", **fields)


def describe(error: BaseException) -> dict[str, Any]:
    """Describe an exception by its type and location, without its message, which may quote a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames[-8:]]
    return {"exception": type(error).__qualname__, "trace": places}


def _only_known_fields(_logger: object, _method: str, event: Mapping[str, Any]) -> Mapping[str, Any]:
    allowed = LOG_FIELDS | {"event", "level", "timestamp"}
    return {name: value for name, value in event.items() if name in allowed and value is not None}
