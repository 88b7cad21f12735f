"""A worker with our transport and consumer, and tasks that log their end.

Only for ``celery -A``. Its waits are short, so that a test can see them end.
"""

from __future__ import annotations

import os
import random
import time
from typing import Any

from celery import Celery
from celery.exceptions import Reject
from kombu.entity import Queue
from kombu.transport import TRANSPORT_ALIASES
from redis import Redis

from rescind.config.queues import INTAKE, REDIS_OPTIONS, SWEEPS
from worker import intake_channel, redis_channel
from worker.broker import CONFIG

QUICKER = {
    "unacked_restore_interval": 1,
    "socket_timeout": 2,
    "socket_connect_timeout": 1,
    "health_check_interval": 1,
}
TRANSPORT_ALIASES.update(redis="worker.transport:Transport")
intake_channel.VISIBILITY_SECONDS = 3
redis_channel.OVERDUE_SECONDS = int(os.environ.get("OVERDUE_SECONDS", "60"))
seen = Redis.from_url(os.environ["SEEN_URL"], client_name="seen", **REDIS_OPTIONS)

app = Celery("threaded", broker=os.environ["BROKER_URL"])
app.conf.update(CONFIG)
app.conf.update(
    broker_transport_options={**CONFIG["broker_transport_options"], **QUICKER},
    task_queues=[Queue(name, routing_key=name) for name in (INTAKE, SWEEPS)],
    task_soft_time_limit=None,
    task_time_limit=None,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_enable_prefetch_count_reduction=False,
    worker_max_memory_per_child=None,
    worker_pool="threads",
)


@app.task(name="rescind.submit", bind=True)
def submit(task: Any, number: int, gate: str | None = None) -> None:
    """Runs until the gate is open, if there is one; one in ten is requeued first."""
    seen.sadd("began", number)
    while gate is not None and not seen.exists(gate):
        time.sleep(0.02)
    time.sleep(random.random() * 0.02)
    if number % 10 == 9 and seen.sadd("given back", number):
        raise Reject("try again", requeue=True)
    seen.sadd("taken in", number)


@app.task(name="rescind.sweep")
def sweep() -> None:
    seen.incr("sweeps")


@app.task(name="rescind.fatal")
def fatal() -> None:
    """Ends with an exception that Celery's thread pool does not handle."""
    raise SystemExit(1)
