"""How Celery and Redis are used: one module, since it must be the same everywhere.

Every setting closes a trap that was seen with these versions (celery 5.7.0, kombu
5.7.0, Redis 6.2, Valkey 9.1; November 2026); ``docs/operating.md`` lists them.
"""

from __future__ import annotations

import os
from typing import Any

from rescind.config.queues import INTAKE, REDIS_OPTIONS, SWEEPS
from rescind.config.settings import CONCURRENCY

SWEEP_SECONDS = 1.0


def _concurrency() -> int:
    """Celery's own tasks that run at once, unless ``-c`` says otherwise."""
    given = os.environ.get("RESCIND_CONCURRENCY", str(CONCURRENCY))
    if not (given.isascii() and given.isdigit() and 1 <= int(given) <= 1000):
        raise SystemExit("rescind: RESCIND_CONCURRENCY must be a number from 1 to 1000")
    return int(given)


BROKER_OPTIONS: dict[str, Any] = {
    # The same in every app on one broker, or the shortest one redelivers too early.
    "visibility_timeout": 600,
    # Looked for each 5 s, not each 100 s; submissions need not wait for the timeout:
    # see worker.intake_channel.
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    # A worker killed inside the restore must not lock it for five minutes.
    "unacked_mutex_expire": 30,
    **REDIS_OPTIONS,
}

CONFIG: dict[str, Any] = {
    "task_serializer": "json",
    "accept_content": ["json"],
    "result_backend": None,
    "task_ignore_result": True,
    # Early acks lose what a dying worker was doing.
    "task_acks_late": True,
    "worker_prefetch_multiplier": 1,
    # One process: the engine makes the calls to providers in threads of its own.
    "worker_pool": "threads",
    # A thread cannot be told to end its task; the message comes back, and does no harm.
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    # It would be restored one acknowledgement at a time, from several threads.
    "worker_enable_prefetch_count_reduction": False,
    "worker_concurrency": _concurrency(),
    "worker_send_task_events": True,
    "worker_hijack_root_logger": False,
    # Celery's own logs what it cannot use with all that is in it, and may end at it.
    "worker_consumer": "worker.consumer:Consumer",
    "broker_transport_options": BROKER_OPTIONS,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "broker_pool_acquire_timeout": 10,
    "task_default_queue": INTAKE,
    "task_create_missing_queues": True,
    "timezone": "UTC",
    "enable_utc": True,
    "beat_schedule": {
        "sweep": {
            "task": "rescind.sweep",
            "schedule": SWEEP_SECONDS,
            # Ticks that nobody took in time are worthless: the next one does it all.
            "options": {"queue": SWEEPS, "expires": 10},
        }
    },
}
