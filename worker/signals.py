"""What happens to a worker: it starts, forks, and is told to stop."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any

import structlog
from celery.concurrency import get_implementation
from celery.concurrency.prefork import TaskPool
from celery.signals import (
    setup_logging,
    worker_before_create_process,
    worker_init,
    worker_process_shutdown,
    worker_shutdown,
    worker_shutting_down,
)

from worker import leaving, sharing, slots, stopping, tracing
from worker.accounts import load_accounts
from worker.logs import set_up
from worker.settings import settings

log = structlog.get_logger("rescind.accounts")


@setup_logging.connect
def _logging(loglevel: int | str | None = None, **_rest: Any) -> None:
    level = logging.getLevelName(loglevel) if isinstance(loglevel, str) else loglevel
    number = level if isinstance(level, int) else logging.INFO
    set_up(number, settings().log_format)


_workers: list[Any] = []
"""This process's worker, once it has begun."""


@worker_init.connect
def _starting(sender: Any, **_rest: Any) -> None:
    _need_prefork(sender.pool_cls)
    _workers.append(sender)
    slots.adopt()
    _warn()
    sharing.prepare()


@worker_before_create_process.connect
def _forking(**_rest: Any) -> None:
    sharing.keep()


def _warn() -> None:
    """Say what is amiss with the accounts file, such as that others can read it."""
    accounts = load_accounts(settings().accounts)
    faults = [lane.fault for lane in accounts.lanes.values()]
    for why in (accounts.fault, *faults, *accounts.warnings):
        if why is not None:
            log.warning("accounts", why=why)


def _need_prefork(named: type[Any] | str) -> None:
    pool: type[Any] = get_implementation(named)
    if not issubclass(pool, TaskPool):
        kind = pool.__module__.rpartition(".")[2]
        raise SystemExit(
            f"rescind: a worker needs the pool prefork, not {kind}: elsewhere time"
            " limits do nothing, and a lost connection ends no task; leave out --pool"
        )


@worker_shutting_down.connect
def _stopping(**_rest: Any) -> None:
    if stopping.stopping():
        return
    stopping.stop()
    longest = leaving.longest_answer(load_accounts(settings().accounts))
    leaving.end_within(longest + leaving.LONGER_SECONDS, _children)


def _children() -> list[int]:
    # There is no pool yet, or no longer, in a worker that starts or ends.
    with suppress(Exception):
        return [pid for one in _workers for pid in _of(one)]
    return []


@worker_process_shutdown.connect
def _child_ends(**_rest: Any) -> None:
    tracing.finish()


def _of(worker: Any) -> list[int]:
    """The pool's processes, and that of a beat embedded by ``--beat``."""
    beat = getattr(getattr(worker, "beat", None), "pid", None)
    return [*worker.pool.info["processes"], *([] if beat is None else [beat])]


@worker_shutdown.connect
def _stopped(**_rest: Any) -> None:
    slots.clear()
