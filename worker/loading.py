"""What Celery's programs load: all of them the logs, and a worker the tasks, too.

A beat and Flower send and show messages by the names of tasks. The tasks themselves,
with the engine and the ledger, would take 60 MB and 0.7 s of each of them.
"""

from __future__ import annotations

import logging
import traceback
from typing import Any

from celery.signals import celeryd_init, setup_logging

from rescind.config.settings import settings
from rescind.telemetry.logs import set_up

OF_WORKERS = ("worker.signals", "tasks")


@setup_logging.connect
def _logging(loglevel: int | str | None = None, **_rest: Any) -> None:
    level = logging.getLevelName(loglevel) if isinstance(loglevel, str) else loglevel
    number = level if isinstance(level, int) else logging.INFO
    set_up(number, settings().log_format)


@celeryd_init.connect
def _load(instance: Any, **_rest: Any) -> None:
    """Load the tasks, as a worker begins to start."""
    try:
        for name in OF_WORKERS:
            instance.app.loader.import_task_module(name)
    except Exception:  # noqa: BLE001  (the program ends)
        # Celery would log it, and run a worker that knows no task.
        traceback.print_exc()
        raise SystemExit("rescind: a worker cannot load its tasks") from None
