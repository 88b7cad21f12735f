"""``rescind.sweep``: beat's tick. It may run twice, late, or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial
from socket import gethostname

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
from worker.sweeper import Due, each
from worker.sweeper import sweep as sweep_ledger

log = structlog.get_logger("rescind.sweep")
_retention = Retention()


@app.task(name="rescind.sweep")
def sweep() -> None:
    """Move what time has moved, and wake the lanes that have something to do."""
    try:
        here = runtime()
        holder = f"{gethostname()} {os.getpid()}"
        due = sweep_ledger(here.engine, here.accounts, utc_now(), holder) or {}
    except (LedgerUnreachableError, SealError) as error:
        log.warning("no sweep", why=str(error))
        return
    with suppress(RedisError):
        pulse.leave(here.redis, utc_now())
    each(
        {
            "not woken: the next sweep does": partial(_wake, due),
            "nobody is told": partial(_tell, here),
            "nothing is deleted": partial(_forget, here),
            "nothing is scheduled": schedules.fire,
        }
    )


def _wake(due: Due) -> None:
    for lane, operations in due.items():
        for operation in sorted(operations):
            wake.wake_one(app, lane, operation)


def _tell(here: Runtime) -> None:
    """Where a producer is to be told of something now, ask for it."""
    with reading(here.engine) as connection:
        waits = anything_due(connection, utc_now())
    if waits:
        wake.tell_now(app)


def _forget(here: Runtime) -> None:
    _retention.tick(here.engine, settings().keep_for, utc_now())
