"""Tests that logs describe events, and show no personal data."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import structlog

from rescind.engine.calls import Caller
from rescind.engine.deciding import log_changes
from rescind.ledger.progress import Change, Progress
from rescind.ledger.states import State
from rescind.provider.outcomes import Reason
from rescind.telemetry.logs import FIRST, MOST_NAMED, named, set_up
from tests.engine.test_calls import GOOD, caller, claimed
from tests.ledger.build import LANE

__all__ = ["caller"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root, pool = logging.getLogger(), logging.getLogger("celery.pool")
    handlers, levels = root.handlers[:], (root.level, pool.level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    pool.setLevel(levels[1])
    structlog.reset_defaults()


def fail(token: str) -> None:
    kept = {"token": token}
    raise LookupError(f"{len(kept)} went wrong")


@pytest.mark.parametrize("stream", [Terminal, io.StringIO])
@pytest.mark.parametrize("style", ["auto", "console", "logfmt", "json"])
def test_a_traceback_shows_where_and_no_variable(
    monkeypatch: pytest.MonkeyPatch, stream: type[io.StringIO], style: str
) -> None:
    out = stream()
    monkeypatch.setattr(sys, "stderr", out)
    set_up(logging.DEBUG, style)
    try:
        fail("hush-" + "hush")
    except LookupError:
        structlog.get_logger("rescind.test").exception("failed")
        logging.getLogger("celery").exception("failed")
    said = out.getvalue()
    assert said.count("Traceback (most recent call last)") == 2
    assert said.count("LookupError: 1 went wrong") == 2
    assert "hush-hush" not in said


def test_arguments_of_tasks_are_not_logged_at_any_level(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    set_up(logging.DEBUG)
    logging.getLogger("celery.pool").debug("TaskPool: Apply %s (args:%s)", 1, "hush")
    logging.getLogger("kombu.transport.redis").critical(
        "Could not restore message: %r", {"body": "hush"}
    )
    said = out.getvalue()
    assert "Could not restore message" in said
    assert "hush" not in said


# --- their form ---------------------------------------------------------------------


class LogCapture:
    """Captures the log from ``start`` on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._out = io.StringIO()

    def start(self, level: int) -> None:
        self._monkeypatch.setattr(sys, "stderr", self._out)
        set_up(level, "json")

    @property
    def text(self) -> str:
        return self._out.getvalue()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def capture(monkeypatch: pytest.MonkeyPatch) -> LogCapture:
    return LogCapture(monkeypatch)


def test_in_json_each_event_is_one_object_on_one_line(capture: LogCapture) -> None:
    capture.start(logging.INFO)
    log = structlog.get_logger("rescind.test")
    log.info("on two\nlines", lane="notpanel/default", words="İptal", of=2)
    logging.getLogger("celery").warning("%s of %s", 1, "Celery's")
    try:
        fail("hush")
    except LookupError:
        log.exception("failed")
    ours, others, failed = capture.events
    assert tuple(ours)[:4] == FIRST
    assert ours["event"] == "on two\nlines"
    assert (ours["lane"], ours["words"], ours["of"]) == (LANE_NAME, "İptal", 2)
    assert (others["event"], others["level"]) == ("1 of Celery's", "warning")
    assert others["logger"] == "celery"
    assert failed["exception"].startswith("Traceback (most recent call last):\n")
    assert failed["exception"].endswith("LookupError: 1 went wrong")


LANE_NAME = "/".join(LANE)


@pytest.mark.parametrize(
    ("style", "terminal", "looks"),
    [
        ("auto", True, "\x1b["),
        ("auto", False, "level=info"),
        ("console", False, "[info"),
        ("logfmt", True, "level=info"),
        ("json", True, '"level": "info"'),
    ],
)
def test_the_log_style_is_as_configured_or_fits_the_terminal(
    monkeypatch: pytest.MonkeyPatch, style: str, terminal: bool, looks: str
) -> None:
    out = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    monkeypatch.delenv("NO_COLOR", raising=False)
    set_up(logging.INFO, style)
    structlog.get_logger("rescind.test").info("an event")
    assert looks in out.getvalue()


def test_only_the_first_ids_are_logged_and_all_are_counted() -> None:
    ids = [str(n) for n in range(1000)]
    assert named(ids) == {"cancellations": ids[:MOST_NAMED], "of": 1000}
    assert named(ids[:2]) == {"cancellations": ["0", "1"], "of": 2}


# --- events -------------------------------------------------------------------------


def test_a_call_is_a_line_at_debug_and_none_above(
    caller: Caller, capture: LogCapture
) -> None:
    context = f"00-{'a' * 32}-{'b' * 16}-01"
    orders = [replace(claimed(1, GOOD), trace=context), claimed(2, GOOD)]
    capture.start(logging.INFO)
    caller.call(orders)
    assert capture.text == ""
    capture.start(logging.DEBUG)
    asked = caller.call(orders)
    [said] = [one for one in capture.events if one["event"] == "called"]
    assert asked.call is not None
    assert said["call"] == asked.call.id
    assert said["cancellations"] == ["id-1", "id-2"]
    about = ("lane", "operation", "evidence", "status", "orders", "trace")
    values = ("akinon/default", "cancel", "not_sent", None, 2, "a" * 32)
    assert tuple(said[name] for name in about) == values


def test_an_order_that_cannot_be_built_is_logged_with_its_call(
    caller: Caller, capture: LogCapture
) -> None:
    capture.start(logging.INFO)
    caller.call([claimed(1, GOOD | {"reasons": {101}})])
    [said] = capture.events
    assert said["event"] == "cannot be put into a call"
    assert said["lane"] == "akinon/default"
    assert said["cancellations"] == ["id-1"]
    assert said["call"]


def ended(to: Progress, *ids: str) -> Change:
    return Change(ids, 2, State.SENDING, to, call_id="call-1")


def test_outcomes_are_logged_with_lane_and_calls(capture: LogCapture) -> None:
    capture.start(logging.DEBUG)
    cancelled = ended(Progress(State.CANCELLED, Reason.CONFIRMED), "id-1", "id-2")
    log_changes(LANE, [cancelled], frozenset())
    log_changes(LANE, [cancelled], frozenset({"id-1", "another's"}))
    recorded, stale, *_ = capture.events
    assert (recorded["lane"], recorded["calls"]) == (LANE_NAME, ["call-1"])
    assert recorded["moves"] == {"sending -> cancelled (confirmed)": 2}
    assert stale["event"] == "moved by another worker meanwhile"
    assert stale["cancellations"] == ["id-1"]


def test_orders_that_are_given_up_are_logged(capture: LogCapture) -> None:
    capture.start(logging.INFO)
    failed = Progress(State.FAILED, Reason.ATTEMPTS_EXHAUSTED)
    log_changes(LANE, [ended(failed, "id-1", "id-2")], frozenset({"id-2"}))
    [said] = [one for one in capture.events if "given up" in one["event"]]
    assert (said["lane"], said["cancellations"]) == (LANE_NAME, ["id-1"])
