"""Celery signals: what a worker does when it starts and shuts down."""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import Any

import structlog
from billiard import active_children
from celery.concurrency import get_implementation
from celery.concurrency.thread import TaskPool
from celery.signals import (
    worker_init,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)

from rescind.config.accounts import Accounts, load_accounts
from rescind.config.ledger_url import opened
from rescind.config.redis_client import need_right_kind
from rescind.config.settings import SettingsError, settings
from rescind.garbage import leave_out_what_is_loaded
from rescind.runtime import alive_file, host, shutdown_flag, systemd_watchdog
from rescind.telemetry import tracing
from worker.refused_start import refuse_start

log = structlog.get_logger("rescind.worker")
_signs: list[alive_file.AliveFile | systemd_watchdog.SystemdWatchdog] = []
"""What shows a supervisor that this process moves, if its environment asks for it."""

LONGER_SECONDS = 4.5
"""Time after a provider's longest answer, to record it and to end the worker."""


@worker_init.connect
def _starting(sender: Any, **_rest: Any) -> None:
    _need_threads(sender.pool_cls)
    _need_services()
    _warn()
    tracing.start()
    _show_life()
    shutdown_flag.before_exit.append(_end_beat)


def _show_life() -> None:
    path = alive_file.named()
    if path is not None:
        _signs.append(alive_file.AliveFile(path, host.has_started))
    address = systemd_watchdog.asked()
    if address is not None:
        _signs.append(systemd_watchdog.SystemdWatchdog(address))


def _need_services() -> None:
    """End the worker now if a service can never be used; it may be unreachable."""
    try:
        opened(settings().database).dispose()
        need_right_kind(settings().redis)
    except SettingsError as error:
        refuse_start(error)


def _warn() -> None:
    """Log the faults of the accounts file, such as that other users can read it."""
    accounts = load_accounts(settings().accounts)
    faults = [lane.fault for lane in accounts.lanes.values()]
    for why in (accounts.fault, *faults, *accounts.warnings):
        if why is not None:
            log.warning("accounts", why=why)


def _need_threads(named: type[Any] | str) -> None:
    pool: type[Any] = get_implementation(named)
    if not issubclass(pool, TaskPool):
        kind = pool.__module__.rpartition(".")[2]
        raise SystemExit(
            f"rescind: a worker is one process with threads, so the pool {kind} cannot"
            " be used: leave out --pool, and start several workers to use more cores"
        )


@worker_ready.connect
def _ready(**_rest: Any) -> None:
    leave_out_what_is_loaded()


@worker_shutting_down.connect
def _stopping(**_rest: Any) -> None:
    if shutdown_flag.stopping():
        return
    shutdown_flag.stop()
    host.stop()
    longest = longest_answer(load_accounts(settings().accounts))
    limit = threading.Thread(
        target=_end_after, args=(longest + LONGER_SECONDS,), daemon=True
    )
    limit.start()


def longest_answer(accounts: Accounts) -> float:
    """The longest ``read_timeout`` of all accounts, in seconds; 0 without accounts."""
    waits = (lane.policy.read_timeout for lane in accounts.lanes.values())
    return max(waits, default=0.0)


def _end_after(seconds: float) -> None:
    """End this process after so many seconds: Celery's warm shutdown has no bound.

    Calls that have not ended by then are abandoned. Their leases run out, and their
    orders are read back.
    """
    time.sleep(seconds)
    says = "the worker stopped while calls were under way: their orders are read back"
    shutdown_flag.end(0, partial(log.warning, says))


def _end_beat() -> None:
    # An embedded beat (``celery worker --beat``) is a child process, and would not end.
    for child in active_children():
        child.terminate()


@worker_shutdown.connect
def _stopped(**_rest: Any) -> None:
    host.join()
    for one in _signs:
        one.stop()
    tracing.finish()
