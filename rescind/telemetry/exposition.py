"""The metrics at ``/metrics``, counted in the ledger and so for all workers.

Any process can answer, because the counters are not in a worker's memory. If the ledger
or Redis cannot be reached, the metrics of the other are given, and ``rescind_up`` is 0
for the missing part. No label has a value that a producer may choose: no order, no key,
no text.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from importlib.metadata import version

import structlog
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import Engine

from rescind.config.accounts import Accounts
from rescind.config.redis_client import client_of
from rescind.ledger.storage.transactions import LedgerUnreachableError
from rescind.telemetry.collector import of_ledger, of_redis
from rescind.telemetry.measured import Measured
from rescind.telemetry.text_format import as_text

PATIENCE = 3
"""Timeout in seconds; less than that of Prometheus, which is 10 s."""

log = structlog.get_logger("rescind.metrics")


def impatient(url: str) -> Redis:
    """A client that fails within seconds, without a retry, if Redis does not answer."""
    once = Retry(NoBackoff(), 0)
    return client_of(
        url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=once
    )


def exposition(
    engine: Engine,
    redis: Redis,
    now: datetime,
    accounts: Accounts | None = None,
    retention: timedelta | None = None,
) -> bytes:
    """All metrics, in Prometheus' text format; an unreachable service never raises.

    ``redis`` should be an ``impatient`` client. With ``accounts``, the metrics also
    show which lanes have no usable account. With ``retention``, they show whether old
    cancellations are deleted in time.
    """
    parts: dict[str, Callable[[], Iterable[Measured]]] = {
        "ledger": lambda: of_ledger(engine, now, accounts, retention),
        "redis": lambda: of_redis(redis, now),
    }
    # In parallel, because an unreachable service takes its whole timeout.
    with ThreadPoolExecutor(len(parts)) as threads:
        asked = {name: threads.submit(_ask, name, ask) for name, ask in parts.items()}
        answers = {name: future.result() for name, future in asked.items()}
    up = {name: answer is not None for name, answer in answers.items()}
    found = list(_own(up, now))
    for answer in answers.values():
        found += answer or []
    return as_text(found)


def _ask(part: str, ask: Callable[[], Iterable[Measured]]) -> list[Measured] | None:
    try:
        return list(ask())
    except (LedgerUnreachableError, RedisError) as error:
        log.warning("metrics are missing", part=part, why=type(error).__name__)
        return None


def _own(up: dict[str, bool], now: datetime) -> Iterator[Measured]:
    for part, answers in up.items():
        yield "rescind_up", (part,), int(answers)
    yield "rescind_build_info", (version("rescind"), platform.python_version()), 1
    yield "rescind_collected_timestamp_seconds", (), now.timestamp()
