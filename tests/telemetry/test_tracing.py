"""Tests that traces go from the producer to the provider, and delay no work."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.trace import SpanKind, StatusCode
from sqlalchemy import Engine

from rescind.intake.submissions import take_in
from rescind.ledger.changes.recording import new_id
from rescind.ledger.progress import Claimed
from rescind.ledger.states import State
from rescind.provider.http import Evidence, Exchange
from rescind.provider.http_messages import Request
from rescind.telemetry import tracing
from rescind.telemetry.tracing import (
    call_made,
    configured,
    from_headers,
    submission,
    trace_id,
)
from tests.collector import Collector, attributes, collecting
from tests.intake.test_submissions import SEAL
from tests.intake.test_validation import ACCOUNTS, GOOD
from tests.ledger.build import BY, NOW, claimed, hold

ROOT = Path(__file__).parent.parent.parent
LANE = ("notpanel", "default")
REQUEST = Request(
    "POST", "https://panel.example:8443/api/v2?key=hush&order=77", {}, b"x"
)


def context(number: int) -> str:
    return f"00-{number:032x}-{number:016x}-01"


def held(*traces: str | None) -> list[Claimed]:
    one = claimed(State.SENDING)
    return [replace(one, id=new_id(), trace=trace) for trace in traces]


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A configured collector, for a process that has no tracer yet."""
    with collecting() as found:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.url)
        tracing._tracer.cache_clear()
        yield found
        tracing.finish()
        tracing._tracers.clear()
        tracing._tracer.cache_clear()


# --- the context --------------------------------------------------------------------


@given(number=st.integers(1, 2**64 - 1), flags=st.integers(0, 255))
def test_a_valid_context_is_kept_unchanged(number: int, flags: int) -> None:
    given = f"00-{number:032x}-{number:016x}-{flags:02x}"
    assert from_headers({"traceparent": given, "other": 1}) == given
    assert trace_id(given) == f"{number:032x}"


GOOD_ONE = context(7)


@pytest.mark.parametrize(
    "given",
    [
        None,
        7,
        ["00"],
        "",
        GOOD_ONE.upper().replace("7", "A"),
        GOOD_ONE[:-1],
        f"{GOOD_ONE}-more",
        f" {GOOD_ONE}",
        f"{GOOD_ONE}\n",
        f"ff{GOOD_ONE[2:]}",
        context(0),
        f"00-{7:032x}-{0:016x}-01",
        f"01{GOOD_ONE[2:]}more",
        f"01{GOOD_ONE[2:]}-İ",
    ],
)
def test_an_invalid_context_is_ignored(given: Any) -> None:
    assert from_headers({"traceparent": given}) is None
    assert from_headers({}) is None


@given(text=st.text() | st.binary() | st.none() | st.lists(st.text()))
def test_no_header_raises_an_error(text: Any) -> None:
    found = from_headers({"traceparent": text})
    assert found is None or found == text


def test_the_known_fields_of_a_later_version_are_kept() -> None:
    assert from_headers({"traceparent": f"01{GOOD_ONE[2:]}-more"}) == GOOD_ONE


def test_the_context_is_kept_and_comes_back_with_the_claim(engine: Engine) -> None:
    entries = [GOOD, GOOD | {"order": "12345679"}]
    take_in(engine, ACCOUNTS, SEAL, entries[:1], NOW, trace=GOOD_ONE, by=BY)
    take_in(engine, ACCOUNTS, SEAL, entries, NOW, trace=context(8), by=BY)
    lane = (GOOD["provider"], "default")
    kept = {one.order.id: one.trace for one in hold(engine, lane=lane)}
    assert kept == {GOOD["order"]: GOOD_ONE, "12345679": context(8)}


# --- without traces -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "rescind"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://a:4318/v1"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "x"}, False),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "otlp"}, False),
    ],
)
def test_tracing_is_on_only_if_configured(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], expected: bool
) -> None:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert configured() is expected


BLOCKED = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
"""
TRACED = """
import sys
from rescind.provider.http import Evidence, Exchange
from rescind.provider.http_messages import Request
from rescind.telemetry import tracing
# The Redis client imports parts of OpenTelemetry, too, if it is installed.
before = set(sys.modules)
tracing.start()
context = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
with tracing.submission(context, "id", 1) as kept:
    assert kept == context, kept
request, result = Request("GET", "http://nowhere"), Exchange(Evidence.ANSWERED)
for _ in range(3):
    tracing.call_made(("a", "b"), "cancel", "id", [], request, result)
tracing.finish()
print([name for name in set(sys.modules) - before if "opentelemetry" in name])
"""


def run(code: str, **env: str) -> tuple[str, str]:
    quiet = {k: v for k, v in os.environ.items() if not k.startswith("OTEL_")}
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**quiet, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout, ended.stderr


def test_without_configuration_opentelemetry_is_not_imported() -> None:
    assert run(TRACED)[0].strip() == "[]"


def test_a_missing_extra_is_logged_once() -> None:
    output = run(BLOCKED + TRACED, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    said = "".join(output)
    assert said.count("traces are asked for, and none are made") == 1
    assert "pip install 'rescind[otel]'" in said


# --- spans --------------------------------------------------------------------------


def test_a_call_is_a_span_of_its_first_cancellations_trace(
    collector: Collector,
) -> None:
    result = Exchange(Evidence.ANSWERED, status=200, took=timedelta(seconds=2))
    ones = held(context(1), None, context(1), context(2))
    call_made(LANE, "cancel", "the-call", ones, REQUEST, result)
    tracing.finish()
    [span] = collector.spans
    assert span.name == "POST notpanel.cancel"
    assert span.kind == SpanKind.CLIENT.value + 1
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (
        f"{1:032x}",
        f"{1:016x}",
    )
    assert [link.trace_id.hex() for link in span.links] == [f"{2:032x}"]
    assert span.end_time_unix_nano - span.start_time_unix_nano == 2_000_000_000
    assert span.status.code == StatusCode.UNSET.value
    assert attributes(span) == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "server.address": "panel.example",
        "server.port": 8443,
        "rescind.lane": "notpanel/default",
        "rescind.operation": "cancel",
        "rescind.call": "the-call",
        "rescind.evidence": "answered",
        "rescind.orders": 4,
    }
    assert collector.services == {"rescind"}


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        (Exchange(Evidence.NOT_SENT), "not_sent"),
        (Exchange(Evidence.MAYBE_DONE, status=502), "502"),
        (Exchange(Evidence.THROTTLED, status=429), "429"),
    ],
)
def test_a_failed_call_is_marked(
    collector: Collector, result: Exchange, kind: str
) -> None:
    call_made(LANE, "verify", "id", held(None), REQUEST, result)
    tracing.finish()
    [span] = collector.spans
    assert span.status.code == StatusCode.ERROR.value
    assert attributes(span)["error.type"] == kind


def test_an_exporter_that_raises_loses_no_answer(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    with submission(None, None, 1):
        pass
    for processor in tracing._tracers[0]._active_span_processor._span_processors:
        monkeypatch.setattr(processor, "on_end", lambda _: 1 / 0)
    call_made(LANE, "cancel", "id", held(), REQUEST, Exchange(Evidence.ANSWERED))


def test_the_number_of_linked_traces_is_bounded(collector: Collector) -> None:
    ones = held(*(context(n) for n in range(1, 101)))
    call_made(LANE, "cancel", "id", ones, REQUEST, Exchange(Evidence.ANSWERED))
    tracing.finish()
    [span] = collector.spans
    assert len(span.links) == tracing.MOST_LINKS


def test_a_trace_that_its_producer_does_not_sample_is_not_sent(
    collector: Collector,
) -> None:
    unsampled = f"{GOOD_ONE[:-2]}00"
    with submission(unsampled, None, 1) as kept:
        assert kept is not None
        assert (trace_id(kept), kept[-2:]) == (trace_id(unsampled), "00")
    call_made(LANE, "cancel", "id", held(kept), REQUEST, Exchange(Evidence.ANSWERED))
    tracing.finish()
    assert collector.spans == []


def test_a_submission_is_the_parent_of_its_calls(collector: Collector) -> None:
    with pytest.raises(LookupError), submission(GOOD_ONE, "msg", 3) as kept:
        raise LookupError("holds what was submitted")
    tracing.finish()
    [span] = collector.spans
    assert kept == f"00-{span.trace_id.hex()}-{span.span_id.hex()}-01"
    assert span.trace_id.hex() == trace_id(GOOD_ONE)
    assert span.parent_span_id.hex() == GOOD_ONE.split("-")[2]
    assert attributes(span)["messaging.message.id"] == "msg"
    assert attributes(span)["rescind.entries"] == 3
    assert "submitted" not in str(span)


def test_a_collector_that_never_answers_delays_no_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tracing, "FINISH_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "60")
        monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "512")
        tracing._tracer.cache_clear()
        for _ in range(3_000):
            answer = Exchange(Evidence.ANSWERED)
            call_made(LANE, "cancel", "id", held(None), REQUEST, answer)
        tracing.finish()
        [provider] = tracing._tracers
        # The process has gone on, and the collector has still not answered.
        silent.accept()[0].close()
    provider.shutdown()
    tracing._tracers.clear()
    tracing._tracer.cache_clear()
