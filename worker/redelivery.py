"""Submissions that no worker brought home: delivered again within seconds.

Celery on Redis gives back what a killed worker held when the visibility timeout is
over: after ten minutes. Wake-ups can wait so long, since each sweep sends others; a
submission cannot, for until it is taken in it is nowhere else. Taken in twice it
changes nothing, so nobody need know whether its worker is dead or only slow.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from celery import Celery
from redis import Redis

from worker.broker import INTAKE

OVERDUE_SECONDS = 15
"""How long a submission may be under way until it is delivered once more."""


def redeliver(app: Celery) -> int:
    """Put overdue submissions back into their queue; says how many.

    Raises ``RedisError``, or ``kombu``'s ``OperationalError``.
    """
    with app.producer_or_acquire() as producer:
        channel = producer.channel
        with channel.conn_or_acquire() as client:
            overdue = list(_overdue(channel, client))
            for tag in overdue:
                # Celery's own restore does this under a lock, which a worker that is
                # killed leaves behind. Two at once are harmless: it is a transaction.
                channel.qos.restore_by_tag(tag, client)
    return len(overdue)


def _overdue(channel: Any, client: Redis) -> Iterator[bytes]:
    since = time.time() - OVERDUE_SECONDS
    tags: Any = client.zrange(channel.unacked_index_key, 0, since, byscore=True)
    held: Any = client.hmget(channel.unacked_key, tags) if tags else []
    for tag, message in zip(tags, held, strict=True):
        if message is not None and _is_submission(message):
            yield tag


def _is_submission(held: bytes) -> bool:
    message, _exchange, queue = json.loads(held)
    # One with an eta waits on purpose, and each copy of it would wait beside it.
    return queue == INTAKE and not (message.get("headers") or {}).get("eta")
