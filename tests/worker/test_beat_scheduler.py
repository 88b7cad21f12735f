"""Beat's scheduler sleeps until an entry is due."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from celery import Celery

from worker.beat_scheduler import Scheduler
from worker.broker import CONFIG

MESSAGES = 5


class Counted(Scheduler):
    """Sends nothing, and counts what it would send."""

    producer = None
    sent = 0

    def apply_async(self, *_args: Any, **_kwargs: Any) -> None:
        self.sent += 1


def test_a_beat_looks_at_its_entries_only_when_one_is_due(tmp_path: Path) -> None:
    app = Celery("test", set_as_current=False)
    every = {"task": "rescind.sweep", "schedule": 0.1}
    app.conf.update(timezone="UTC", beat_schedule={"sweep": every})
    scheduler = Counted(app=app, schedule_filename=str(tmp_path / "beat"))
    looks = 0
    while scheduler.sent < MESSAGES:
        wait = scheduler.tick()
        looks += 1
        time.sleep(max(0.0, wait))
    scheduler.close()
    # Celery's own scheduler looks 50 times for each message.
    assert looks <= 5 * MESSAGES


def test_every_beat_has_this_scheduler() -> None:
    app = Celery("test", set_as_current=False)
    app.conf.update(CONFIG)
    assert (
        app.Beat(schedule="nowhere").scheduler_cls == "worker.beat_scheduler:Scheduler"
    )
