"""One trace from the producer's header to the provider call, through a real worker."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rescind.sandbox import Sandbox
from tests.collector import attributes, collecting
from tests.tasks.conftest import accounts_toml, start

TRACE, PRODUCER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def test_one_trace_from_the_producers_header_to_the_call_and_logs_in_json(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = tmp_path / "accounts.toml"
    accounts.write_text(accounts_toml(sandbox))
    accounts.chmod(0o600)
    monkeypatch.setenv("RESCIND_LOG_FORMAT", "json")
    # Spans are sent only when the worker ends.
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "3600000")
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        with start(tmp_path, accounts, sandbox, loglevel="DEBUG") as running:
            running.producer.send_task(
                "rescind.submit",
                kwargs={"cancellations": [{"provider": "ithink", "order": "70707070"}]},
                queue="rescind",
                task_id="the-message",
                headers={"traceparent": f"00-{TRACE}-{PRODUCER}-01"},
            )
            ended = running.ends("ithink/default/70707070")
    [intake] = collector.named("rescind.submit")
    [call] = collector.named("POST ithink.cancel")
    assert intake.trace_id.hex() == call.trace_id.hex() == TRACE
    assert intake.parent_span_id.hex() == PRODUCER
    assert call.parent_span_id == intake.span_id
    assert attributes(intake)["messaging.message.id"] == "the-message"
    _told_in_json(running.said, ended, attributes(call)["rescind.call"])


def _told_in_json(said: list[str], ended: dict[str, Any], call: str) -> None:
    """The lines of the worker's log, one of which is about the call."""
    lines = [line.partition(": ")[2] for line in said if line.startswith("worker: ")]
    begun = [line for line in lines if line.startswith("{")]
    events = [json.loads(line) for line in begun]
    [called] = [
        one
        for one in events
        if one["event"] == "called" and one["operation"] == "cancel"
    ]
    assert called["cancellations"] == [ended["id"]]
    assert (called["call"], called["trace"]) == (call, TRACE)
    assert called["lane"] == "ithink/default"
