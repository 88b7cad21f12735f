"""``rescind.schedule``: runs a rule of the schedules file whose moment has come."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import structlog
from kombu.exceptions import OperationalError

from ledger.database import LedgerUnreachableError
from ledger.seal import SealError
from worker import slots, wake
from worker.accounts import Lane
from worker.celery import app
from worker.runtime import runtime, utc_now
from worker.schedules.firing import Firing
from worker.schedules.rules import Schedules, load_schedules
from worker.schedules.running import Runner
from worker.settings import settings
from worker.watched import Watched

log = structlog.get_logger("rescind.schedules")
_firing = Firing()


@cache
def _file(path: Path) -> Watched[Schedules]:
    return Watched(path, load_schedules)


def _schedules() -> Schedules:
    return _file(settings().schedules).current()


def fire() -> None:
    """Open the runs that are due, and ask for those that wait: a part of the sweep."""
    for name in _firing.tick(runtime().engine, _schedules(), utc_now()):
        wake.wake_schedule(app, name)


@app.task(name="rescind.schedule")
def schedule(name: str) -> None:
    """Run what waits of this schedule, unless a child of this worker runs another."""
    if not isinstance(name, str):
        log.error("a schedule that is not ours")
        return
    with slots.turn("schedules") as mine:
        if not mine:
            return
        try:
            _run(name)
        except (LedgerUnreachableError, SealError) as error:
            # Its lease runs out, and the sweep finds it.
            log.warning("no scheduled work", schedule=name, why=str(error))


def _run(name: str) -> None:
    here = runtime()
    known = (here.engine, here.accounts, here.seal)
    runner = Runner(*known, utc_now, _wake, here.callbacks)
    runner.run_waiting(name, _schedules())


def _wake(lanes: Iterable[Lane]) -> None:
    try:
        wake.wake_here(app, lanes)
    except OperationalError as error:
        log.warning("not woken: the sweep will find it", error=str(error))
