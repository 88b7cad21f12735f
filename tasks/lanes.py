"""``<provider>.cancel``, ``.verify`` and ``.poll``: work on one account's lane."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from kombu.exceptions import OperationalError

from ledger.database import LedgerUnreachableError, reading
from ledger.lanes import may_call, read_lane
from ledger.seal import SealError
from providers.registry import PROVIDERS
from worker import slots, wake
from worker.accounts import Lane
from worker.celery import app
from worker.pump import Pump
from worker.runtime import Runtime, runtime, utc_now
from worker.sweeper import due

log = structlog.get_logger("rescind.lanes")


def work(provider: str, operation: str, account: str) -> None:
    """Do what is due on the lane, unless another child of this worker is at it."""
    lane = (provider, account)
    count = slots.slots_for(int(app.conf.worker_concurrency))
    with slots.held(provider, account, operation, count) as mine:
        if not mine:
            return
        try:
            here = runtime()
            pump = _pump(here, lane, operation)
            if pump is not None and pump.recorded:
                _wake_others(here, pump, operation)
        except (LedgerUnreachableError, SealError) as error:
            # What was claimed is found again when its lease runs out.
            log.warning("work stopped", lane="/".join(lane), why=str(error))
        except OperationalError as error:
            log.warning("not woken: the sweep will find it", error=str(error))


def _pump(here: Runtime, lane: Lane, operation: str) -> Pump | None:
    config = here.accounts.lane(lane)
    if config.account is None:
        log.error("lane cannot be called", lane="/".join(lane), why=config.fault)
        return None
    pump = Pump(here, lane, operation, config)
    if pump.run():
        wake.wake_one(app, lane, operation)
    return pump


def _wake_others(here: Runtime, pump: Pump, operation: str) -> None:
    """What this work has made due (a lost answer to verify) need not wait.

    Only work that was done wakes other work, or two operations of a lane that may
    not be called would wake each other for ever.
    """
    now = utc_now()
    with reading(here.engine) as connection:
        lane = read_lane(connection, pump.lane)
        operations = due(connection, pump.lane, now)
    if may_call(lane, pump.config.policy, now) == 0:
        return
    for other in operations:
        if other != operation:
            wake.wake_one(app, pump.lane, other)


def _task(provider: str, operation: str) -> Callable[[str], None]:
    def run(account: str) -> None:
        work(provider, operation, account)

    run.__doc__ = f"{operation} on one account of {provider}"
    return run


for _provider in PROVIDERS:
    for _operation in wake.OPERATIONS:
        app.task(name=wake.task_name(_provider.name, _operation))(
            _task(_provider.name, _operation)
        )
