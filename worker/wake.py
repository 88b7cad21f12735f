"""Waking lanes: by bell in one's own worker, else by messages that carry their names.

A wake-up that is lost, doubled or late delays work until the next sweep, no more.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

import structlog
from celery import Celery
from kombu.exceptions import OperationalError

from worker import slots
from worker.accounts import Lane
from worker.broker import SCHEDULES, WEBHOOKS

log = structlog.get_logger("rescind.webhooks")

OPERATIONS = ("cancel", "verify", "poll")
STALE_SECONDS = 60
"""A wake-up that nobody took by then is dropped: a sweep has sent others."""
TELL = "rescind.webhooks"
"""The task that tells producers of what has ended."""
QUIET_SECONDS = 0.5
"""A process asks for it no more often: who tells goes on looking for longer."""
_asked_at = 0.0


STALE_SCHEDULE_SECONDS = 10


def task_name(provider: str, operation: str) -> str:
    """How Flower shows it: ``notpanel.cancel``."""
    return f"{provider}.{operation}"


def wake(app: Celery, lanes: Iterable[Lane], operation: str = "cancel") -> None:
    """Ask for work on ``lanes``. Raises ``kombu``'s ``OperationalError``."""
    for lane in sorted(set(lanes)):
        wake_one(app, lane, operation)


def wake_here(app: Celery, lanes: Iterable[Lane]) -> None:
    """Ask for cancels on ``lanes``, of this worker's children first.

    Raises ``kombu``'s ``OperationalError``.
    """
    places = slots.places_for(int(app.conf.worker_concurrency))
    for provider, account in sorted(set(lanes)):
        if not slots.ring(provider, places, (account, "cancel")):
            wake_one(app, (provider, account), "cancel")


def wake_one(app: Celery, lane: Lane, operation: str) -> None:
    """Ask for one operation on one lane."""
    provider, account = lane
    app.send_task(
        task_name(provider, operation),
        args=[account],
        queue=provider,
        expires=STALE_SECONDS,
        ignore_result=True,
        retry=False,
    )


def wake_schedule(app: Celery, name: str) -> None:
    """Ask for the run of a schedule that waits in the ledger."""
    app.send_task(
        "rescind.schedule",
        args=[name],
        queue=SCHEDULES,
        # The sweep asks again each second until somebody has taken it.
        expires=STALE_SCHEDULE_SECONDS,
        ignore_result=True,
        retry=False,
    )


def wake_webhooks() -> None:
    """Ask for producers to be told. What this does not wake the next sweep does."""
    global _asked_at  # noqa: PLW0603  (of this process alone)
    now = time.monotonic()
    if now - _asked_at < QUIET_SECONDS:
        return
    _asked_at = now
    # Celery's app needs a broker, and whoever only submits need not have one.
    from worker.celery import app

    try:
        tell_now(app)
    except OperationalError as error:
        log.warning("not woken: the sweep will find it", error=str(error))


def tell_now(app: Celery) -> None:
    """Ask for producers to be told. Raises ``kombu``'s ``OperationalError``."""
    app.send_task(
        TELL, queue=WEBHOOKS, expires=STALE_SECONDS, ignore_result=True, retry=False
    )
