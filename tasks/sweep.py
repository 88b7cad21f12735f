"""``rescind.sweep``: beat's tick. It may run twice, late, or not at all."""

from __future__ import annotations

from contextlib import suppress

import structlog
from redis import RedisError

from ledger.database import LedgerUnreachableError, reading
from ledger.seal import SealError
from ledger.told import anything_due
from tasks import schedules
from worker import pulse, wake
from worker.celery import app
from worker.retention import Retention
from worker.runtime import Runtime, runtime, utc_now
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
    if _somebody_waits(here):
        wake.tell_now(app)
    try:
        _retention.tick(here.engine, settings().keep_for, utc_now())
    except LedgerUnreachableError as error:
        log.warning("nothing is deleted", why=str(error))
    try:
        schedules.fire()
    except LedgerUnreachableError as error:
        log.warning("nothing is scheduled", why=str(error))


def _somebody_waits(here: Runtime) -> bool:
    """Whether a producer is to be told of something now."""
    try:
        with reading(here.engine) as connection:
            return anything_due(connection, utc_now())
    except LedgerUnreachableError as error:
        log.warning("nobody is told", why=str(error))
        return False
