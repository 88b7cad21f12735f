"""The channel of the intake queue, which cannot lose a submission.

Celery's Redis transport pops a message first, and records that it holds the message
afterwards. If the worker is killed between the two, or the reply never arrives (a
half-open connection), the message is lost (github.com/celery/kombu/issues/305). For
notifications that does no harm. A submission exists nowhere else until it is in the
ledger. So the intake queue has this channel of its own. It moves each message in one
step to the list ``TAKING``; ``intake_qos`` says how a message leaves that list. A
worker that finds an abandoned message in the list puts it back. Duplicates are
harmless, because intake is idempotent.
"""

from __future__ import annotations

import uuid
from queue import Empty
from time import monotonic
from typing import Any

import structlog
from kombu.utils.encoding import bytes_to_str
from kombu.utils.json import loads
from redis.exceptions import ResponseError

from rescind.config.queues import INTAKE, TAKING
from rescind.errors.redis_refusals import is_full
from worker import intake_scripts
from worker.intake_qos import IntakeQoS
from worker.redis_channel import MALFORMED_ERRORS, RedisChannel

log = structlog.get_logger("rescind.transport")

VISIBILITY_SECONDS = 20
"""After so long, a submission that a worker still holds is delivered to others too."""
FULL_SECONDS = 0.5
"""Seconds between two requests to a full Redis, which refuses to let clients wait."""
SAY_SECONDS = 60.0
"""Seconds between two log messages about a full Redis."""


class IntakeChannel(RedisChannel):
    """Consumes the intake queue, and nothing else."""

    QoS = IntakeQoS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.visibility_timeout = VISIBILITY_SECONDS
        self.unacked_key = "rescind:unacked"
        self.unacked_index_key = "rescind:unacked_index"
        self.arrived = b""
        self._asks_at = self._says_at = 0.0
        """Monotonic times before which a full Redis is neither asked nor logged."""

    def basic_cancel(self, consumer_tag: str) -> Any:
        cancelled = super().basic_cancel(consumer_tag)
        if self.do_restore and not self.active_queues:
            # While the worker waits for its threads, the loop's timer does not run.
            self._note_all()
        return cancelled

    def _note_all(self) -> None:
        try:
            self.qos.note(0.0)
        except self.connection_errors as error:
            log.debug("nothing noted", kind=type(error).__name__)

    def _brpop_start(self, timeout: float | None = None) -> None:
        if monotonic() < self._asks_at:
            return
        self._in_poll = self.client.connection
        self._brpop_sent_at = monotonic()
        seconds = self.brpop_timeout if timeout is None else timeout
        self._in_poll.send_command("BLMOVE", INTAKE, TAKING, "RIGHT", "LEFT", seconds)

    def _answer(self, **options: Any) -> Any:
        """The message that Redis has moved, or nothing if the queue was empty."""
        connection = self.client.connection
        try:
            return self.client.parse_response(connection, "BLMOVE", **options)
        except self.connection_errors as error:
            if isinstance(error, ResponseError) and is_full(error):
                return self._moved_without_room()
            connection.disconnect()
            raise
        finally:
            self._in_poll = None

    def _moved_without_room(self) -> Any:
        if monotonic() >= self._says_at:
            self._says_at = monotonic() + SAY_SECONDS
            log.warning(
                "Redis is full: queued messages are consumed, none can be added"
            )
        with self.conn_or_acquire() as client:
            found = intake_scripts.move(client, INTAKE, TAKING)
        if not found:
            self._asks_at = monotonic() + FULL_SECONDS
        return found

    def _take(self, **options: Any) -> bool:
        item = self._answer(**options)
        if not item:
            raise Empty
        self.arrived = item
        try:
            message = loads(bytes_to_str(item))
            # Two messages with the same tag of a producer would replace each other.
            message["properties"]["delivery_tag"] = str(uuid.uuid4())
            self.connection._deliver(message, INTAKE)
        except MALFORMED_ERRORS:
            with self.conn_or_acquire() as client:
                client.lrem(TAKING, 1, item)
            raise
        return True
