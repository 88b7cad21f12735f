"""Notifications to workers from other processes: messages that only name a lane.

A notification that is lost, doubled or late delays work until the next sweep.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError

from providers.registry import BY_NAME
from rescind.config.accounts import Lane
from rescind.config.queues import WEBHOOKS

OPERATIONS = ("cancel", "verify", "poll")
STALE_SECONDS = 60
"""A notification that no worker has taken by then expires: a sweep has sent others."""
WEBHOOKS_TASK = "rescind.webhooks"
"""The task that delivers webhooks to producers."""


def task_name(provider: str, operation: str) -> str:
    """The task's name, such as ``notpanel.cancel``."""
    return f"{provider}.{operation}"


def send_task(app: Celery, name: str, **options: Any) -> None:
    """``app.send_task``, which raises ``ConnectionError`` without a broker."""
    try:
        app.send_task(name, **options)
    except OperationalError as error:
        raise ConnectionError(str(error)) from error


def notify_lanes(app: Celery, lanes: Iterable[Lane], operation: str = "cancel") -> None:
    """Ask for one operation on each of ``lanes``. Raises ``ConnectionError``."""
    for lane in sorted(set(lanes)):
        notify_lane(app, lane, operation)


def notify_lane(app: Celery, lane: Lane, operation: str) -> None:
    """Ask for one operation on one lane. Raises ``ConnectionError``.

    For a provider that cannot be used nothing is sent: no worker takes its messages.
    """
    provider, account = lane
    if provider not in BY_NAME:
        return
    send_task(
        app,
        task_name(provider, operation),
        args=[account],
        queue=provider,
        expires=STALE_SECONDS,
        ignore_result=True,
        retry=False,
    )


def notify_webhooks(app: Celery) -> None:
    """Ask a worker to deliver the webhooks that are due. Raises ``ConnectionError``."""
    send_task(
        app,
        WEBHOOKS_TASK,
        queue=WEBHOOKS,
        expires=STALE_SECONDS,
        ignore_result=True,
        retry=False,
    )
