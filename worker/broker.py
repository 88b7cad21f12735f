"""The configuration of Celery and its broker, the same in every process.

Every setting closes a trap that was seen with these versions (celery 5.7.0, kombu
5.7.0, Redis 6.2, Valkey 9.1; November 2026); ``docs/operating.md`` lists the traps.
"""

from __future__ import annotations

import os
from typing import Any

from rescind.config.queues import INTAKE, REDIS_OPTIONS, SWEEPS
from rescind.config.settings import CONCURRENCY

SWEEP_SECONDS = 1.0


def _concurrency() -> int:
    """How many of Celery's own tasks run at once, unless ``-c`` sets another number."""
    given = os.environ.get("RESCIND_CONCURRENCY", str(CONCURRENCY))
    if not (given.isascii() and given.isdigit() and 1 <= int(given) <= 1000):
        raise SystemExit("rescind: RESCIND_CONCURRENCY must be a number from 1 to 1000")
    return int(given)


BROKER_OPTIONS: dict[str, Any] = {
    # It must be equal in all apps on one broker: the shortest one redelivers for all.
    "visibility_timeout": 600,
    # Kombu looks for overdue messages each 5 s instead of each 100 s. Submissions do
    # not wait for the timeout: see worker.intake_channel.
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    # A worker that is killed during a restore must not lock it for five minutes.
    "unacked_mutex_expire": 30,
    **REDIS_OPTIONS,
}

CONFIG: dict[str, Any] = {
    "task_serializer": "json",
    "accept_content": ["json"],
    "result_backend": None,
    "task_ignore_result": True,
    # There are no results to delete: beat would send a message for that each night.
    "result_expires": None,
    # With early acknowledgement, a task is lost when its worker dies.
    "task_acks_late": True,
    "worker_prefetch_multiplier": 1,
    # One process: the engine makes the calls to providers in threads of its own.
    "worker_pool": "threads",
    # A task in a thread cannot be ended; its message comes again, which does no harm.
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    # Several threads would raise the count again, with each acknowledgement.
    "worker_enable_prefetch_count_reduction": False,
    "worker_concurrency": _concurrency(),
    "worker_send_task_events": True,
    "worker_hijack_root_logger": False,
    # Celery's own consumer logs the content of malformed messages, or crashes on them.
    "worker_consumer": "worker.consumer:Consumer",
    "broker_transport_options": BROKER_OPTIONS,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "broker_pool_acquire_timeout": 10,
    "task_default_queue": INTAKE,
    "task_create_missing_queues": True,
    "beat_scheduler": "worker.beat_scheduler:Scheduler",
    "timezone": "UTC",
    "enable_utc": True,
    "beat_schedule": {
        "sweep": {
            "task": "rescind.sweep",
            "schedule": SWEEP_SECONDS,
            # A late tick is useless, since the next one does the same.
            "options": {"queue": SWEEPS, "expires": 10},
        }
    },
}
