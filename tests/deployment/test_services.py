"""Compose's services work together, with two of each that may run twice."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import requests

from rescind.sandbox import Sandbox, running
from tests.deployment.containers import API_TOKEN, Containers
from tests.deployment.processes import status_of, until

TWICE = {
    "worker": ("-n", "second@%h", "-c", "7"),
    "beat": ("--schedule", "{}/second-schedule"),
}
"""Options of the second instance, which containers do not need."""


def test_every_service_of_compose_runs_and_is_healthy_and_they_cancel_together(
    tmp_path: Path, valkey_url: str, postgres_empty_url: str
) -> None:
    containers = Containers(tmp_path, valkey_url, postgres_empty_url)
    assert containers.run("migrate") == 0
    with ExitStack() as stack:
        box = stack.enter_context(running())
        _write_accounts(tmp_path, box)
        for name, options in TWICE.items():
            log = tmp_path / f"second {name}.log"
            more = tuple(word.format(tmp_path) for word in options)
            stack.enter_context(containers.start(name, log, more))
        for name in ("worker", "beat", "flower", "api"):
            assert not containers.is_healthy(name)
            log = tmp_path / f"{name}.log"
            process = stack.enter_context(containers.start(name, log))
            containers.pids[name] = process.pid
            # It reads /proc.
            if sys.platform == "linux":
                until(partial(containers.is_healthy, name), process, log)
        workers = f"http://127.0.0.1:{containers.flower}/workers"
        assert status_of(workers) == 401
        assert status_of(workers, "ann:wrong") == 401
        assert status_of(workers, "ann:secret") == 200
        state = _submitted(f"http://127.0.0.1:{containers.api_port}")
        until(lambda: state() == "cancelled", process, log)
        events = [one["op"] for one in box.order("notpanel", "ord_1")["events"]]
        assert events.count("cancel") == 1
    logs = list(tmp_path.glob("*.log"))
    assert len(logs) == 6
    for log in logs:
        assert "Traceback" not in log.read_text()


def _write_accounts(home: Path, box: Sandbox) -> None:
    base = box.base_url("notpanel")
    text = f'[notpanel.default]\nkey = "k"\nbase_url = "{base}"\n'
    (home / "accounts.toml").write_text(text)


def _submitted(base: str) -> Callable[[], str]:
    """Submit a cancellation by HTTP; gives back a function that reads its state."""
    given = {"Authorization": f"Bearer {API_TOKEN}"}
    entry = {"provider": "notpanel", "order": "ord_1"}
    url = f"{base}/v1/cancellations"
    sent = requests.post(url, json=entry, headers=given, timeout=60)
    assert sent.status_code == 202
    assert requests.get(f"{base}/healthz", timeout=60).status_code == 200
    where = base + sent.headers["Location"]
    return lambda: str(requests.get(where, headers=given, timeout=60).json()["state"])
