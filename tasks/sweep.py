"""``rescind.sweep``: beat's tick. It may run twice, late, or not at all."""

from __future__ import annotations

from contextlib import suppress

import structlog
from redis import RedisError

from ledger.database import LedgerUnreachableError
from ledger.seal import SealError
from worker import pulse, wake
from worker.celery import app
from worker.retention import Retention
from worker.runtime import runtime, utc_now
from worker.settings import settings
from worker.sweeper import sweep as sweep_ledger

log = structlog.get_logger("rescind.sweep")
_retention = Retention()


@app.task(name="rescind.sweep")
def sweep() -> None:
    """Move what time has moved, and wake the lanes that have something to do."""
    try:
        here = runtime()
        wakes = sweep_ledger(here.engine, here.accounts, utc_now())
    except (LedgerUnreachableError, SealError) as error:
        log.warning("no sweep", why=str(error))
        return
    with suppress(RedisError):
        pulse.leave(here.redis, utc_now())
    for lane, operation in wakes:
        wake.wake_one(app, lane, operation)
    try:
        _retention.tick(here.engine, settings().keep_for, utc_now())
    except LedgerUnreachableError as error:
        log.warning("nothing is deleted", why=str(error))
