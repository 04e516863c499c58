"""What operators deploy beside offgil: alerts, scrape configuration and dashboard."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from offgil import Client, Unauthenticated
from prometheus_client.parser import text_string_to_metric_families

from admin import AdminServer
from processes import ROOT, App
from promtool import needs_promtool, run_promtool

DEPLOY = ROOT / "deploy"
ALERTS = DEPLOY / "prometheus/alerts.yml"
ALERT_TESTS = DEPLOY / "prometheus/alerts.test.yml"
SCRAPES = DEPLOY / "prometheus/prometheus.yml"
DASHBOARD = DEPLOY / "grafana/offgil.json"
RUNBOOK = ROOT / "docs/operations.md"
METRIC = re.compile(r"\b(?:offgil|process)_[a-z_]+\b")
SELECTOR = re.compile(r"\b((?:offgil|process)_[a-z_]+)\{([^}]*)\}")
LABEL = re.compile(r"([a-z_]+)\s*[=!]~?\"")
# What Prometheus adds to each sample.
TARGET_LABELS = {"instance", "job"}


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return found


def dashboard_expressions() -> list[str]:
    panels = dashboard()["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", [])]


def expressions() -> list[str]:
    return [rule["expr"] for rule in alerts()] + dashboard_expressions()


def used_metrics() -> list[str]:
    return sorted({name for expression in expressions() for name in METRIC.findall(expression)})


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, app: App) -> Iterator[dict[str, set[str]]]:
    """The labels of every sample that a server and an app export, by its name."""
    folder = tmp_path_factory.mktemp("exported")
    (folder / "tokens").write_text("the-first-of-the-tokens\n")
    server = AdminServer(folder, "--token-file", str(folder / "tokens"))
    server.start()
    try:
        server.wait_until_ready()
        # Families with labels have no sample before the first event.
        with Client(server.target) as client, pytest.raises(Unauthenticated):
            client.sum_squares(3, 4)
        server.wait_for_value("offgil_refusals_total", 1)
        app.get("/sum-squares-rust?a=3&b=4")
        labels: dict[str, set[str]] = {}
        for text in (server.ask("/metrics").text, app.get("/metrics").text):
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    labels.setdefault(sample.name, set()).update(sample.labels)
        yield labels
    finally:
        server.stop()


@pytest.mark.parametrize("name", used_metrics())
def test_every_metric_in_use_is_exported(exported: dict[str, set[str]], name: str) -> None:
    assert name in exported


def test_every_label_in_use_is_exported(exported: dict[str, set[str]]) -> None:
    for expression in expressions():
        for name, selector in SELECTOR.findall(expression):
            if name in exported:
                assert set(LABEL.findall(selector)) <= exported[name] | TARGET_LABELS, expression


def test_every_alert_says_how_bad_it_is_since_when_and_what_to_do() -> None:
    names = [rule["alert"] for rule in alerts()]
    assert len(set(names)) == len(names)
    for rule in alerts():
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert re.fullmatch(r"\d+[sm]", rule["for"])
        annotations = rule["annotations"]
        assert annotations["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"
        assert f"### {rule['alert']}" in RUNBOOK.read_text().splitlines()
        assert annotations["summary"]
        assert annotations["description"].endswith(".")


@needs_promtool
def test_promtool_accepts_the_rules_and_the_scrape_configuration() -> None:
    run_promtool("check", "rules", "--lint=all", "--lint-fatal", str(ALERTS))
    run_promtool("check", "config", str(SCRAPES))


@needs_promtool
def test_every_alert_fires_when_it_should_and_none_when_all_is_well() -> None:
    run_promtool("test", "rules", str(ALERT_TESTS))
    tested = ALERT_TESTS.read_text()
    assert [rule["alert"] for rule in alerts() if f'"{rule["alert"]}"' not in tested] == []


@needs_promtool
def test_every_expression_of_the_dashboard_is_one(tmp_path: Path) -> None:
    rules = []
    for index, expression in enumerate(dashboard_expressions()):
        plain = expression.replace("$__rate_interval", "5m")
        rules.append({"record": f"expression_{index}", "expr": plain})
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    run_promtool("check", "rules", str(file))


def test_the_dashboard_is_laid_out_without_overlaps() -> None:
    shown = dashboard()
    panels = shown["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    variables = {variable["name"] for variable in shown["templating"]["list"]}
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["targets"] and panel["description"], panel["title"]
            assert panel["datasource"]["uid"] == "${datasource}"
    used = set(re.findall(r"\$\{?([a-z]+)", json.dumps(panels)))
    assert used == variables


def test_prometheus_finds_what_compose_deploys() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    scraped = yaml.safe_load(SCRAPES.read_text())["scrape_configs"]
    by_name = {config["job_name"]: config for config in scraped}
    (servers,) = by_name["offgil-server"]["dns_sd_configs"]
    for name in servers["names"]:
        assert services[name]["environment"]["OFFGIL_ADMIN"] == f"0.0.0.0:{servers['port']}"
        published = services[name].get("ports", [])
        assert not any(str(servers["port"]) in port for port in published)
    (apps,) = by_name["offgil-app"]["static_configs"]
    (target,) = apps["targets"]
    assert target.partition(":")[0] in services
