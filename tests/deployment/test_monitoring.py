"""The deployed monitoring matches Rescind's metrics."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests
import yaml
from redis import Redis
from sqlalchemy import Engine

from bench.monitoring.panel_drawing import NO_DATA
from bench.monitoring.panel_page import page
from bench.monitoring.panel_queries import Prometheus
from rescind.ledger.storage.transactions import open_ledger
from rescind.telemetry.exposition import exposition
from rescind.telemetry.metric_catalogue import METRICS
from rescind.telemetry.text_format import CONTENT_TYPE
from tests.conftest import free_port
from tests.deployment.files import ROOT
from tests.intake.test_validation import ACCOUNTS
from tests.ledger.build import NOW
from tests.promtool import needs_promtool, promtool
from tests.tasks.conftest import until
from tests.telemetry.test_metrics import YEAR, live

RULES = ROOT / "deploy" / "prometheus"
DASHBOARD: dict[str, Any] = json.loads(
    (ROOT / "deploy" / "grafana" / "rescind.json").read_text()
)
GROUPS = yaml.safe_load((RULES / "rescind.rules.yml").read_text())["groups"]
ALERTS: list[dict[str, Any]] = [rule for group in GROUPS for rule in group["rules"]]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = [one["expr"] for panel in PANELS for one in panel["targets"]]
STILL = {
    "Oldest wait: the ten longest",
    "Attempts for each outcome",
    "Call duration: 95th percentile",
    "Call duration: mean",
    "Share of calls without an answer",
    "Orders in a call",
    "Outcomes in 15 minutes: the ten busiest lanes",
}
"""Panels that have no data while nothing happens."""
PROMETHEUS = shutil.which("prometheus")


def named(expression: str) -> set[str]:
    """The metrics that an expression names, with their names in the catalogue."""
    found = set(re.findall(r"\brescind_\w+", expression))
    return {re.sub(r"(?<=_seconds)_(?:bucket|count|sum)$", "", name) for name in found}


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"(?m)^#+ (.+)$", page.read_text())
    return {
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles
    }


def test_every_metric_of_the_dashboard_and_the_alerts_exists() -> None:
    rules = [rule["expr"] for rule in ALERTS]
    queries = [one.get("definition", "") for one in DASHBOARD["templating"]["list"]]
    for expression in [*EXPRESSIONS, *rules, *queries]:
        assert named(expression) <= METRICS.keys(), expression


def test_every_label_in_the_dashboard_and_the_alerts_exists() -> None:
    for expression in [*EXPRESSIONS, *(rule["expr"] for rule in ALERTS)]:
        for metric, matchers in re.findall(r"(rescind_\w+)\{([^}]*)\}", expression):
            [name] = named(metric)
            asked = set(re.findall(r"(\w+)\s*(?:=|!=|=~|!~)\"", matchers)) - {"le"}
            assert asked <= set(METRICS[name].labels), expression


def test_the_dashboard_shows_every_metric_but_those_beside_others() -> None:
    shown = set().union(*map(named, EXPRESSIONS))
    assert METRICS.keys() - shown == {
        "rescind_lane_held_since_timestamp_seconds",
        "rescind_schedule_last_run_timestamp_seconds",
        # An autoscaler reads it.
        "rescind_workable_backlog",
    }


def test_the_dashboard_can_be_imported() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    for panel in PANELS:
        asked = [panel["datasource"], *(t["datasource"] for t in panel["targets"])]
        assert {one["uid"] for one in asked} == {"${datasource}"}
        assert panel["title"]
        assert panel["description"]
        assert len({one["refId"] for one in panel["targets"]}) == len(panel["targets"])
    first = DASHBOARD["templating"]["list"][0]
    assert (first["name"], first["type"]) == ("datasource", "datasource")
    assert "id" not in DASHBOARD


def test_no_two_panels_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (place["x"] + x, place["y"] + y)
            for x in range(place["w"])
            for y in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_has_a_summary_and_a_runbook(
    alert: dict[str, Any],
) -> None:
    assert alert["labels"]["severity"] in ("critical", "warning")
    notes = alert["annotations"]
    assert notes["summary"]
    assert notes["description"]
    page, _, anchor = notes["runbook"].partition("#")
    assert anchor in anchors(ROOT / page)


def test_every_alert_is_tested_to_fire() -> None:
    tested = (RULES / "rescind.rules.test.yml").read_text()
    for alert in ALERTS:
        assert f'alertname="{alert["alert"]}"' in tested, alert["alert"]


@needs_promtool
def test_promtool_takes_the_rules() -> None:
    promtool("check", "rules", "--lint-fatal", RULES / "rescind.rules.yml")


@needs_promtool
def test_each_alert_fires_when_it_must_and_not_before() -> None:
    promtool("test", "rules", RULES / "rescind.rules.test.yml")


@needs_promtool
def test_promtool_takes_the_example_of_a_configuration(tmp_path: Path) -> None:
    for name in ("prometheus.yml", "rescind.rules.yml"):
        shutil.copy(RULES / name, tmp_path)
    (tmp_path / "rescind.token").write_text("a token")
    promtool("check", "config", tmp_path / "prometheus.yml")


# --- a real Prometheus --------------------------------------------------------------


@contextmanager
def serving(text: bytes) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            good = self.headers.get("Authorization") == "Bearer a-token"
            self.send_response(200 if good else 401)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.end_headers()
            self.wfile.write(text if good else b"")

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def prometheus(home: Path, port: int) -> Iterator[str]:
    """The example's Prometheus, which scrapes this port each second."""
    assert PROMETHEUS is not None
    example = yaml.safe_load((RULES / "prometheus.yml").read_text())
    example["global"]["scrape_interval"] = "1s"
    scrape = example["scrape_configs"][0]
    scrape["scrape_timeout"] = "1s"
    scrape["static_configs"] = [{"targets": [f"127.0.0.1:{port}"]}]
    shutil.copy(RULES / "rescind.rules.yml", home)
    (home / "rescind.token").write_text("a-token")
    (home / "prometheus.yml").write_text(yaml.safe_dump(example))
    address = f"127.0.0.1:{free_port()}"
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            [
                PROMETHEUS,
                f"--config.file={home / 'prometheus.yml'}",
                f"--storage.tsdb.path={home / 'data'}",
                f"--web.listen-address={address}",
            ],
            stdout=log,
            stderr=log,
        )
        try:
            yield f"http://{address}"
        finally:
            server.kill()
            server.wait(10)


def ask(url: str, expression: str) -> list[Any]:
    answer = requests.get(
        f"{url}/api/v1/query", params={"query": expression}, timeout=60
    )
    assert answer.ok, f"{expression}: {answer.text}"
    return list(answer.json()["data"]["result"])


def is_scraped(url: str) -> bool:
    try:
        return bool(ask(url, "count_over_time(rescind_build_info[1m]) >= 2"))
    except (requests.ConnectionError, AssertionError):
        return False


@pytest.mark.skipif(PROMETHEUS is None, reason="no prometheus: apt-get install it")
def test_a_real_prometheus_scrapes_it_and_answers_every_panel(
    sqlite_ledger_url: str, valkey_url: str, tmp_path: Path
) -> None:
    engine: Engine = open_ledger(sqlite_ledger_url)
    redis = Redis.from_url(valkey_url)
    redis.flushdb()
    live(engine, redis)
    text = exposition(engine, redis, NOW, ACCOUNTS, YEAR)
    engine.dispose()
    began = time.time()
    with serving(text) as port, prometheus(tmp_path, port) as url:
        until(lambda: is_scraped(url), "two scrapes, as a rate needs")
        asked = Prometheus(url, began, time.time() + 2, 1, 15)
        empty = {panel["title"] for panel in PANELS if not asked.series(panel)}
        drawn = page(DASHBOARD, asked)
        for name in METRICS:
            samples = f'{{__name__=~"{name}(_count)?"}}'
            assert ask(url, samples), name
        for expression in EXPRESSIONS:
            chosen = re.sub(r"\$(?:provider|account)", ".*", expression)
            # Of metrics that do not change, no rate is above 0.
            every = chosen.replace("$__rate_interval", "1m").replace(" > 0", "")
            assert ask(url, every), expression
    # Nothing changes between these scrapes, and no order is due.
    assert empty <= STILL, empty
    assert drawn.count(NO_DATA) == len(empty)
    assert all(escape(panel["title"]) in drawn for panel in PANELS)
