"""Alert rules and dashboard: valid PromQL over existing metrics, and a rule for every alert of the docs."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from service.telemetry import Telemetry
from service.web.operations import create_zero_counts
from tests.deploy.names import collectors, series

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = yaml.safe_load((PROMETHEUS / "rules.yml").read_text(encoding="utf-8"))["groups"][0]["rules"]
UNIT_TESTS = yaml.safe_load((PROMETHEUS / "rules_test.yml").read_text(encoding="utf-8"))["tests"]
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "dashboard.json").read_text(encoding="utf-8"))

GRAFANA = {"$__rate_interval": "5m", "$__range": "1h", "$instance": ".*"}
"""Variables that Grafana fills in before it sends a query."""
GROUPED = re.compile(r"\bby ?\(([^)]*)\)")


def panels() -> Iterator[dict[str, Any]]:
    yield from (panel for panel in DASHBOARD["panels"] if panel["type"] != "row")


def filled_in(expression: str) -> str:
    for variable, value in GRAFANA.items():
        expression = expression.replace(variable, value)
    return expression


def dashboard_queries() -> list[tuple[str, str]]:
    return [(panel["title"], filled_in(target["expr"])) for panel in panels() for target in panel["targets"]]


QUERIES = [(rule["alert"], rule["expr"]) for rule in RULES] + dashboard_queries()
EACH_QUERY = pytest.mark.parametrize("expression", [pytest.param(query, id=name) for name, query in QUERIES])


def selectors(expression: str) -> list[promql_parser.VectorSelector]:
    """Return every selector of a query. Raises `ValueError` if it is not PromQL."""
    found: list[promql_parser.VectorSelector] = []

    def visit(node: object) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        return True

    promql_parser.walk(promql_parser.parse(expression), visit)
    return found


@EACH_QUERY
def test_every_query_names_metrics_and_labels_that_exist(expression: str) -> None:
    known = series()
    found = selectors(expression)
    assert found
    for selector in found:
        assert selector.name in known
        assert {matcher.name for matcher in selector.matchers.matchers} <= known[selector.name]
    grouped = {label.strip() for labels in GROUPED.findall(expression) for label in labels.split(",")}
    assert grouped <= {label for selector in found for label in known[str(selector.name)]}


def zeros() -> dict[str, list[dict[str, str]]]:
    """Return the series that a service shows before the first call, with their labels."""
    telemetry = Telemetry()
    create_zero_counts(telemetry)
    families = text_string_to_metric_families(telemetry.exposition().decode())
    found: dict[str, list[dict[str, str]]] = {}
    for family in families:
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule["alert"]) for rule in RULES])
def test_every_count_that_an_alert_watches_is_zero_from_the_start(rule: dict[str, Any]) -> None:
    """Otherwise `rate` and `increase` miss the first one. This also shows that the labels' values exist."""
    shown = zeros()
    for selector in selectors(rule["expr"]):
        if not str(selector.name).endswith("_total"):
            continue
        for matcher in selector.matchers.matchers:
            values = {labels[matcher.name] for labels in shown[str(selector.name)]}
            assert set(matcher.value.split("|")) <= values
        assert shown[str(selector.name)]


def test_every_metric_is_on_the_dashboard() -> None:
    shown = {str(selector.name) for _, query in dashboard_queries() for selector in selectors(query)}
    for name in collectors(Telemetry().registry):
        assert any(each.startswith(name) for each in shown), name


def test_the_panels_of_the_dashboard_do_not_overlap() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, f"{panel['title']} lies on {taken[x, y]}"
                assert x < 24
                taken[x, y] = panel["title"]
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_every_panel_and_variable_reads_the_chosen_data_source() -> None:
    sources = [panel["datasource"]["uid"] for panel in panels()]
    sources += [target["datasource"]["uid"] for panel in panels() for target in panel["targets"]]
    assert set(sources) == {"${datasource}"}


def documented_alerts() -> set[str]:
    """Return the alerts of the table in docs/operations.md that name a rule."""
    operations = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    table = operations.partition("### Alerts")[2].partition("###")[0]
    return set(re.findall(r"`(PasswordImport\w+)`", table))


def test_the_docs_and_the_rules_name_the_same_alerts() -> None:
    assert documented_alerts() == {rule["alert"] for rule in RULES}


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule["alert"]) for rule in RULES])
def test_every_alert_has_a_severity_and_says_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert set(rule["annotations"]) == {"summary", "description"}


def test_every_alert_has_a_unit_test_that_fires_and_one_that_does_not() -> None:
    outcomes = {
        (case["alertname"], bool(case["exp_alerts"])) for test in UNIT_TESTS for case in test["alert_rule_test"]
    }
    assert outcomes == {(rule["alert"], fires) for rule in RULES for fires in (True, False)}


def test_every_unit_test_feeds_series_that_exist() -> None:
    known = series() | {"up": {"instance", "job"}}
    for test in UNIT_TESTS:
        for fed in test["input_series"]:
            (selector,) = selectors(fed["series"])
            assert {matcher.name for matcher in selector.matchers.matchers} <= known[str(selector.name)]


@pytest.mark.parametrize("command", [("check", "rules", "rules.yml"), ("test", "rules", "rules_test.yml")])
def test_promtool_accepts_the_rules_and_their_unit_tests(command: tuple[str, ...]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    done = subprocess.run([promtool, *command], cwd=PROMETHEUS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
