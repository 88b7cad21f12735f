"""``rescind.sweep``: beat's tick. It may run twice, late, or not at all."""

from __future__ import annotations

import structlog
from kombu.exceptions import OperationalError
from redis import RedisError

from ledger.database import LedgerUnreachableError
from ledger.seal import SealError
from worker import wake
from worker.celery import app
from worker.redelivery import redeliver
from worker.runtime import runtime, utc_now
from worker.sweeper import sweep as sweep_ledger

log = structlog.get_logger("rescind.sweep")


@app.task(name="rescind.sweep")
def sweep() -> None:
    """Move what time has moved, and wake the lanes that have something to do."""
    try:
        here = runtime()
        wakes = sweep_ledger(here.engine, here.accounts, utc_now())
    except (LedgerUnreachableError, SealError) as error:
        # Nor could a submission be taken in: none is delivered again meanwhile.
        log.warning("no sweep", why=str(error))
        return
    try:
        for lane, operation in wakes:
            wake.wake_one(app, lane, operation)
        _redeliver()
    except (RedisError, OperationalError) as error:
        log.warning("redis is away", error=type(error).__name__)


def _redeliver() -> None:
    found = redeliver(app)
    if found:
        log.warning("submissions delivered again", messages=found)
