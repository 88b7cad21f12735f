"""Beat's scheduler sleeps until an entry is due, and says once what keeps it back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from redis.exceptions import ResponseError
from structlog.testing import capture_logs

from rescind.errors.redis_refusals import refusal
from worker.beat_scheduler import Scheduler
from worker.broker import CONFIG

MESSAGES = 5
TASK = "rescind.tick-of-a-test"
"""No task has this name: a beat has loaded none, and the process of a test may have."""
SENDS_NOTHING = "beat cannot send its messages"


class Sending:
    """Takes the place of the app's sending: counts, or fails."""

    def __init__(self) -> None:
        self.sent = 0
        self.error: Exception | None = None

    def __call__(self, *_args: Any, **_kwargs: Any) -> None:
        if self.error is not None:
            raise self.error
        self.sent += 1


class Unconnected(Scheduler):
    """Makes no connection to a broker."""

    producer = None


@pytest.fixture
def sending() -> Sending:
    return Sending()


@pytest.fixture
def scheduler(
    tmp_path: Path, sending: Sending, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Scheduler]:
    app = Celery("test", set_as_current=False)
    every = {"task": TASK, "schedule": 0.1}
    app.conf.update(CONFIG, beat_schedule={"sweep": every})
    monkeypatch.setattr(app, "send_task", sending)
    made = Unconnected(app=app, schedule_filename=str(tmp_path / "beat"))
    yield made
    made.close()


def test_a_beat_looks_at_its_entries_only_when_one_is_due(
    scheduler: Scheduler, sending: Sending
) -> None:
    looks = 0
    while sending.sent < MESSAGES:
        wait = scheduler.tick()
        looks += 1
        time.sleep(max(0.0, wait))
    # Celery's own scheduler looks 50 times for each message.
    assert looks <= 5 * MESSAGES


def test_why_a_beat_cannot_send_is_logged_once_and_so_is_the_end(
    scheduler: Scheduler, sending: Sending
) -> None:
    [entry] = scheduler.schedule.values()
    full = ResponseError("MISCONF Errors writing to the AOF file: No space left")
    away = ConnectionRefusedError(111, "Connection refused")
    with capture_logs() as logs:
        for sending.error in (None, full, full, away, away, None, None):
            scheduler.apply_entry(entry)
    assert [(one["log_level"], one["event"], one.get("why")) for one in logs] == [
        ("warning", SENDS_NOTHING, refusal(full)),
        (
            "warning",
            SENDS_NOTHING,
            "ConnectionRefusedError: [Errno 111] Connection refused",
        ),
        ("info", "beat sends its messages again", None),
    ]


def test_every_beat_has_this_scheduler() -> None:
    app = Celery("test", set_as_current=False)
    app.conf.update(CONFIG)
    assert (
        app.Beat(schedule="nowhere").scheduler_cls == "worker.beat_scheduler:Scheduler"
    )
