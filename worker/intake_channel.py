"""Taking submissions off Redis so that none can get lost on the way.

Celery's Redis transport pops a message first and notes that it has it afterwards: a
worker that is killed between the two, or a reply that never arrives (a half-open
connection), loses it (github.com/celery/kombu/issues/305). For wake-ups that does no
harm. A submission is nowhere else until it is in the ledger. So the intake queue has a
channel of its own here, which moves each message in one step to a list of those being
taken; ``intake_qos`` says how it leaves that list. Whoever finds one left behind there
puts it back. Duplicates are harmless: intake is idempotent.
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
from worker.redis_channel import ODD, RedisChannel

log = structlog.get_logger("rescind.transport")

VISIBILITY_SECONDS = 20
"""After so long a submission that a worker holds goes to another one, too."""
FULL_SECONDS = 0.5
"""A full Redis lets nobody wait for a message, so it is asked again after so long."""
SAY_SECONDS = 60.0


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
        """Until when a full Redis is left alone, and until when that was said."""

    def basic_cancel(self, consumer_tag: str) -> Any:
        cancelled = super().basic_cancel(consumer_tag)
        if self.do_restore and not self.active_queues:
            # No timer of the loop's notes it while the worker waits for its threads.
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
        """What Redis has moved; nothing, if there was nothing."""
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
            log.warning("Redis is full: what is queued is taken, nothing can be added")
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
            # Not the producer's own: two of one tag would stand for each other.
            message["properties"]["delivery_tag"] = str(uuid.uuid4())
            self.connection._deliver(message, INTAKE)
        except ODD:
            with self.conn_or_acquire() as client:
                client.lrem(TAKING, 1, item)
            raise
        return True
