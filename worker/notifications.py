"""Wake-ups for workers, from other processes: messages that name a lane, and no more.

A wake-up that is lost, doubled or late delays work until the next sweep.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError

from rescind.config.accounts import Lane
from rescind.config.queues import SCHEDULES, WEBHOOKS

OPERATIONS = ("cancel", "verify", "poll")
STALE_SECONDS = 60
"""A wake-up that nobody took by then is dropped: a sweep has sent others."""
TELL = "rescind.webhooks"
"""The task that tells producers of what has ended."""
STALE_SCHEDULE_SECONDS = 10


def task_name(provider: str, operation: str) -> str:
    """How Flower shows it: ``notpanel.cancel``."""
    return f"{provider}.{operation}"


def send_task(app: Celery, name: str, **options: Any) -> None:
    """Celery's own; raises ``ConnectionError`` where the broker cannot be reached."""
    try:
        app.send_task(name, **options)
    except OperationalError as error:
        raise ConnectionError(str(error)) from error


def wake(app: Celery, lanes: Iterable[Lane], operation: str = "cancel") -> None:
    """Ask for work on ``lanes``. Raises ``ConnectionError``."""
    for lane in sorted(set(lanes)):
        wake_one(app, lane, operation)


def wake_one(app: Celery, lane: Lane, operation: str) -> None:
    """Ask for one operation on one lane."""
    provider, account = lane
    send_task(
        app,
        task_name(provider, operation),
        args=[account],
        queue=provider,
        expires=STALE_SECONDS,
        ignore_result=True,
        retry=False,
    )


def wake_schedule(app: Celery, name: str) -> None:
    """Ask for the run of a schedule that waits in the ledger."""
    send_task(
        app,
        "rescind.schedule",
        args=[name],
        queue=SCHEDULES,
        # The sweep asks again each second until somebody has taken it.
        expires=STALE_SCHEDULE_SECONDS,
        ignore_result=True,
        retry=False,
    )


def tell_now(app: Celery) -> None:
    """Ask for producers to be told. Raises ``ConnectionError``."""
    send_task(
        app,
        TELL,
        queue=WEBHOOKS,
        expires=STALE_SECONDS,
        ignore_result=True,
        retry=False,
    )
