"""``rescind.sweep``, ``rescind.webhooks`` and ``rescind.schedule``.

Each task notifies a thread of the worker and ends, so it holds one of Celery's threads
only briefly. A message may come twice, late, or not at all.
"""

from __future__ import annotations

from functools import partial

import structlog

from rescind.engine.engine import EngineStoppedError
from rescind.ledger.seal import SealError
from rescind.ledger.storage.transactions import LedgerUnreachableError
from rescind.runtime.host import host, use
from rescind.runtime.periodic_jobs import jobs_with
from worker import notifications
from worker.celery import app

log = structlog.get_logger("rescind.worker")

use(jobs_with(partial(notifications.send_task, app)))


@app.task(name="rescind.sweep")
def sweep() -> None:
    """Beat's tick: run the sweep, which moves due rows and notifies their lanes."""
    _notify("sweep")


@app.task(name=notifications.WEBHOOKS_TASK)
def webhooks() -> None:
    """Deliver the webhooks that are due."""
    _notify("webhooks")


@app.task(name="rescind.schedule")
def schedule(name: str) -> None:
    """Start the schedules' runs that wait in the ledger; the sweep finds them."""
    if not isinstance(name, str):
        log.error("a malformed message named no schedule")
        return
    _notify("sweep")


def _notify(job: str) -> None:
    try:
        host().notify(job)
    except (LedgerUnreachableError, SealError, EngineStoppedError) as error:
        log.warning("this worker cannot work now", job=job, why=str(error))
