"""``rescind.sweep``, ``rescind.webhooks``, ``rescind.schedule``: each wakes a thread.

No task holds one of Celery's threads for longer than a moment. A message may come
twice, late, or not at all.
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
    """Beat's tick: move what time has moved, and wake lanes with something to do."""
    _notify("sweep")


@app.task(name=notifications.TELL)
def webhooks() -> None:
    """Deliver the webhooks that are due."""
    _notify("webhooks")


@app.task(name="rescind.schedule")
def schedule(name: str) -> None:
    """Make the runs of schedules that wait; the sweep finds their names."""
    if not isinstance(name, str):
        log.error("a schedule that is not ours")
        return
    _notify("sweep")


def _notify(job: str) -> None:
    try:
        host().notify(job)
    except (LedgerUnreachableError, SealError, EngineStoppedError) as error:
        log.warning("no work", job=job, why=str(error))
