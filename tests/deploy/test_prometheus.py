"""A real Prometheus with the service's metrics: every alert fires for its fault, every query of the dashboard runs."""

import copy
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp import web
from prometheus_client import Counter, Gauge, Histogram

from service.telemetry import Telemetry
from service.web.operations import create_zero_counts
from tests.deploy.names import collectors
from tests.deploy.programs import answers, find, free_port, running, until
from tests.deploy.test_rules import RULES, dashboard_queries

EVERY = "200ms"
"""How often this Prometheus scrapes and evaluates; in production it is 15 s or more."""
SIGN_IN = "/okta/password-import"


@dataclass
class Exporter:
    """The metrics of a service in which any fault can be caused."""

    telemetry: Telemetry = field(default_factory=Telemetry)
    is_up: bool = True

    def __post_init__(self) -> None:
        create_zero_counts(self.telemetry)
        self.metrics = collectors(self.telemetry.registry)
        self.gauge("ready").set(1)
        self.gauge("reconciled_timestamp_seconds", work="log").set_to_current_time()
        for event in ("inline_hook.executed", "inline_hook.response.processed", "event_hook.delivery"):
            self.okta_call(event).set(0)
        self.observe(SIGN_IN, 0.1)

    def count(self, name: str, /, **labels: str) -> None:
        metric = self.metrics[f"password_import_{name}"]
        assert isinstance(metric, Counter)
        (metric.labels(**labels) if labels else metric).inc()

    def gauge(self, name: str, /, **labels: str) -> Gauge:
        metric = self.metrics[f"password_import_{name}"]
        assert isinstance(metric, Gauge)
        return metric.labels(**labels) if labels else metric

    def okta_call(self, event: str) -> Gauge:
        return self.gauge("okta_calls", event=event, outcome="FAILURE", verdict="verified")

    def observe(self, route: str, seconds: float) -> None:
        metric = self.metrics["password_import_request_duration_seconds"]
        assert isinstance(metric, Histogram)
        metric.labels(route=route).observe(seconds)

    async def answer(self, _request: web.Request) -> web.Response:
        if not self.is_up:
            raise web.HTTPServiceUnavailable
        return web.Response(text=self.telemetry.exposition().decode(), content_type="text/plain")

    @asynccontextmanager
    async def served(self) -> AsyncIterator[int]:
        application = web.Application()
        application.router.add_get("/metrics", self.answer)
        runner = web.AppRunner(application)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield int(runner.addresses[0][1])
        finally:
            await runner.cleanup()


@dataclass
class Prometheus:
    session: aiohttp.ClientSession
    url: str

    async def get(self, path: str, **parameters: str) -> Any:  # noqa: ANN401 (its JSON)
        async with self.session.get(f"{self.url}/api/v1/{path}", params=parameters) as answer:
            document = await answer.json()
        assert document["status"] == "success", document
        return document["data"]

    async def firing(self) -> set[str]:
        alerts = (await self.get("alerts"))["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}

    async def value(self, query: str) -> list[Any]:
        return list((await self.get("query", query=query))["result"])

    async def evaluations(self) -> float:
        """Return the number of evaluations of the rules since the start."""
        (sample,) = await self.value('prometheus_rule_group_iterations_total{job="self"}') or [{"value": [0, "0"]}]
        return float(sample["value"][1])


def without_waiting(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rules with `for` shortened, so that a test need not wait."""
    short = copy.deepcopy(rules)
    for rule in short:
        if "for" in rule:
            rule["for"] = "1s"
    return short


def configuration(folder: Path, exporter: int, own: int) -> Path:
    group = {"name": "password-import", "interval": EVERY, "rules": without_waiting(RULES)}
    (folder / "rules.yml").write_text(yaml.safe_dump({"groups": [group]}))
    jobs = [("password-import", exporter), ("self", own)]
    document = {
        "global": {"scrape_interval": EVERY, "scrape_timeout": EVERY, "evaluation_interval": EVERY},
        "rule_files": ["rules.yml"],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]} for job, port in jobs
        ],
    }
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.fixture
async def exporter() -> Exporter:
    return Exporter()


@pytest.fixture
async def prometheus(exporter: Exporter, tmp_path: Path) -> AsyncIterator[Prometheus]:
    program, port, log = find("prometheus", "prometheus"), free_port(), tmp_path / "log"
    async with exporter.served() as exported, aiohttp.ClientSession() as session:
        command = [
            program,
            f"--config.file={configuration(tmp_path, exported, port)}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        async with running(*command, log=log):
            url = f"http://127.0.0.1:{port}"
            await until(lambda: answers(session, f"{url}/-/ready"), "Prometheus is ready", log)
            found = Prometheus(session, url)

            async def scraped() -> bool:
                return bool(await found.value("password_import_ready")) and await found.evaluations() > 0

            await until(scraped, "the first scrape", log)
            yield found


async def fires(prometheus: Prometheus, alert: str) -> None:
    async def holds() -> bool:
        return alert in await prometheus.firing()

    await until(holds, f"{alert} fires; firing: {await prometheus.firing()}")


async def ends(prometheus: Prometheus, alert: str) -> None:
    async def holds() -> bool:
        return alert not in await prometheus.firing()

    await until(holds, f"{alert} ends")


async def evaluated(prometheus: Prometheus, times: int) -> None:
    """Wait for so many further evaluations of the rules."""
    before = await prometheus.evaluations()

    async def holds() -> bool:
        return await prometheus.evaluations() >= before + times

    await until(holds, f"{times} evaluations")


FAULTS: dict[str, Callable[[Exporter], None]] = {
    # The order matters: an import event of any kind ends PasswordImportNoEvents.
    "PasswordImportNoEvents": lambda service: service.count("sign_ins", outcome="verified"),
    "PasswordImportNotStored": lambda service: service.count("import_events", channel="hook", effect="kept"),
    "PasswordImportEventMismatch": lambda service: service.count("import_events", channel="hook", effect="mismatch"),
    "PasswordImportNotReady": lambda service: service.gauge("ready").set(0),
    "PasswordImportFaults": lambda service: service.count("faults", fault="database_away"),
    "PasswordImportSlow": lambda service: service.observe(SIGN_IN, 2.4),
    "PasswordImportOverloaded": lambda service: service.count("error_responses", route=SIGN_IN, code="overloaded"),
    "PasswordImportWrongSecret": lambda service: service.count(
        "error_responses", route="/okta/events", code="credentials_wrong"
    ),
    "PasswordImportTimedOutForOkta": lambda service: service.okta_call("inline_hook.executed").inc(),
    "PasswordImportAnswerNotApplied": lambda service: service.okta_call("inline_hook.response.processed").inc(),
    "PasswordImportDeliveryGivenUp": lambda service: service.okta_call("event_hook.delivery").inc(),
    "PasswordImportSignInAfterMigration": lambda service: service.count("sign_ins_after_migration"),
    "PasswordImportUnreadableEvents": lambda service: service.count("unreadable_events", fault="not_json"),
    "PasswordImportReconcileStale": lambda service: service.gauge("reconciled_timestamp_seconds", work="log").set(0),
    "PasswordImportAbsent": lambda service: setattr(service, "is_up", False),
}


def test_every_alert_has_its_fault() -> None:
    assert set(FAULTS) == {rule["alert"] for rule in RULES}


async def test_every_alert_fires_when_its_fault_is_caused_and_not_before(
    exporter: Exporter, prometheus: Prometheus
) -> None:
    await evaluated(prometheus, 10)
    assert await prometheus.firing() == set()
    for alert, cause in FAULTS.items():
        assert alert not in await prometheus.firing()
        cause(exporter)
        await fires(prometheus, alert)
        if alert == "PasswordImportNotStored":
            await ends(prometheus, "PasswordImportNoEvents")


async def test_alerts_on_a_condition_end_with_it(exporter: Exporter, prometheus: Prometheus) -> None:
    exporter.gauge("ready").set(0)
    exporter.count("import_events", channel="hook", effect="kept")
    await fires(prometheus, "PasswordImportNotReady")
    await fires(prometheus, "PasswordImportNotStored")
    exporter.gauge("ready").set(1)
    exporter.count("import_events", channel="hook", effect="migrated")
    await ends(prometheus, "PasswordImportNotReady")
    await ends(prometheus, "PasswordImportNotStored")


def busy(exporter: Exporter) -> None:
    """Set a value for every series of the dashboard."""
    for outcome in ("verified", "wrong_password"):
        exporter.count("sign_ins", outcome=outcome)
    exporter.count("requests", route=SIGN_IN, status="200")
    exporter.observe(SIGN_IN, 0.2)
    exporter.count("credentials", route=SIGN_IN, kind="basic", position="0")
    exporter.count("connections_closed", reason="evicted")
    exporter.count("reloads", name="HOOK_SECRETS_FILE", outcome="done")
    exporter.count("registrations", kind="self.service.registration", decision="ALLOW")
    exporter.count("registration_rules", rule="known", outcome="deny")
    for state in ("workers", "queued", "running", "refused", "dropped", "failed", "coalesced"):
        exporter.gauge("pool", state=state).set(1)
    exporter.gauge("check_duration_seconds", cost="bcrypt 12").set(0.2)


async def test_every_query_of_the_dashboard_gives_a_result(exporter: Exporter, prometheus: Prometheus) -> None:
    busy(exporter)

    async def seen() -> bool:
        return bool(await prometheus.value("rate(password_import_registration_rules_total[5m])"))

    await until(seen, "two scrapes of every series")
    for title, query in dashboard_queries():
        now = float((await prometheus.value("time()"))[0])
        data = await prometheus.get("query_range", query=query, start=str(now - 5), end=str(now), step="1")
        assert data["result"], f"{title}: {query}"
