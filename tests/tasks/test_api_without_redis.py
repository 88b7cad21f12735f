"""The sweep finds orders that the HTTP API accepted while Redis was down."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import requests
from redis import Redis

from rescind.telemetry import heartbeat
from tests.conftest import free_port
from tests.tasks.conftest import Running, until

TOKEN = "0123456789abcdef-shop"
NOWHERE = "redis://127.0.0.1:1/0"


def test_an_order_accepted_without_redis_is_found_by_the_sweep_and_cancelled(
    system: Running, tmp_path: Path
) -> None:
    port = str(free_port())
    env = {
        **system.system.environment(),
        # Only the HTTP API cannot reach Redis.
        "RESCIND_REDIS_URL": NOWHERE,
        "RESCIND_API_PORT": port,
        "RESCIND_API_TOKENS": f"shop:submit+read:{TOKEN}",
        "PATH": os.environ["PATH"],
    }
    url = f"http://127.0.0.1:{port}/v1/cancellations"
    headers = {"Authorization": f"Bearer {TOKEN}"}
    entry = {"provider": "notpanel", "order": "ord_api1"}

    system.sandbox.seed("notpanel", ["ord_api1"], "pending")

    def accepted() -> bool:
        try:
            sent = requests.post(url, json=entry, headers=headers, timeout=60)
        except requests.ConnectionError:
            return False
        assert sent.status_code == 202, sent.text
        return True

    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "rescind.api"], env=env, stdout=log, stderr=log
        )
        try:
            until(accepted, "the HTTP API")
            system.ends("notpanel/default/ord_api1")
            shown = requests.get(
                f"{url}/notpanel/default/ord_api1", headers=headers, timeout=60
            )
        finally:
            process.terminate()
            assert process.wait(20) == 0
    assert shown.json()["state"] == "cancelled"
    assert len(system.events("notpanel", "ord_api1", "cancel")) == 1


def test_a_worker_that_sweeps_leaves_its_heartbeat(system: Running) -> None:
    with Redis.from_url(system.system.redis_url) as client:
        until(lambda: heartbeat.ages(client, datetime.now(UTC)), "a pulse")
