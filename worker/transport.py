"""Kombu's Redis transport, with a channel that cannot lose submissions.

Submissions come through ``intake_channel``. Notifications come through kombu's own
channel, and Redis does not keep them while a task handles them: see
``redis_channel.LocalQoS``.
"""

from __future__ import annotations

from typing import Any

import structlog
from kombu.transport import redis
from redis.exceptions import ResponseError

from rescind.config.queues import INTAKE
from rescind.errors.redis_refusals import refusal
from worker.intake_channel import IntakeChannel
from worker.intake_qos import MOMENT_SECONDS
from worker.redis_channel import RedisChannel

log = structlog.get_logger("rescind.transport")

SUBMIT = "rescind.submit"
"""The task whose messages must not get lost."""
ASK_SECONDS = 5
"""How long Redis may let one request for a message wait. A longer wait costs fewer
commands. A connection that went dead is noticed ``health_check_interval`` later."""


class Channel(RedisChannel):
    """Consumes all queues; for the intake queue it opens an ``IntakeChannel``."""

    _intake: IntakeChannel | None = None

    def basic_consume(self, queue: str, *args: Any, **kwargs: Any) -> Any:
        if queue != INTAKE:
            return super().basic_consume(queue, *args, **kwargs)
        if self._intake is None:
            self._intake = IntakeChannel(self.connection)
            self._intake.basic_qos(prefetch_count=self.qos.prefetch_count)
            self.connection.channels.append(self._intake)
            # Messages of a worker that died are requeued now, not by the timer.
            self._intake.qos.restore_visible()
        return self._intake.basic_consume(queue, *args, **kwargs)

    def basic_qos(
        self,
        prefetch_size: int = 0,
        prefetch_count: int = 0,
        apply_global: bool = False,
    ) -> None:
        super().basic_qos(prefetch_size, prefetch_count, apply_global)
        if self._intake is not None:
            # Celery asks for one more message for each that waits for its eta. The
            # intake channel does not count those, so they are subtracted here.
            more = min(self._intake.qos.postponed, max(0, prefetch_count - 1))
            self._intake.basic_qos(prefetch_count=prefetch_count - more)

    def basic_cancel(self, consumer_tag: str) -> Any:
        if self._intake is not None and consumer_tag in self._intake._consumers:
            return self._intake.basic_cancel(consumer_tag)
        return super().basic_cancel(consumer_tag)

    def stop_acknowledging(self) -> None:
        super().stop_acknowledging()
        if self._intake is not None:
            self._intake.stop_acknowledging()

    def close(self) -> None:
        intake, self._intake = self._intake, None
        if intake is not None:
            intake.close()
        super().close()


class Poller(redis.MultiChannelPoller):
    """Sends acknowledgements before it waits for messages, and restores abandoned
    messages in all channels, where Kombu's poller looks only in the first."""

    is_in_loop = False
    """Whether an event loop calls ``on_poll_start`` before each of its waits."""
    noting: Any = None
    """The timer of ``note``."""

    def on_poll_start(self) -> None:
        for channel in self._intakes():
            channel.qos.settle()
        super().on_poll_start()

    def note(self) -> None:
        """Let each intake channel record the messages that it still holds."""
        for channel in self._intakes():
            try:
                channel.qos.note()
            except channel.connection_errors as error:
                # The messages stay on the list TAKING, as before.
                log.debug("nothing noted", kind=type(error).__name__)

    def _intakes(self) -> list[IntakeChannel]:
        return [one for one in list(self._channels) if isinstance(one, IntakeChannel)]

    def maybe_restore_messages(self) -> None:
        for channel in list(self._channels):
            if not channel.active_queues:
                continue
            try:
                channel.qos.restore_visible()
            except channel.connection_errors as error:
                # The loop reconnects, and restores again a few seconds later.
                log.debug("nothing restored", kind=type(error).__name__)
                return


class Transport(redis.Transport):
    """Kombu's Redis transport with the channels and the poller of this module."""

    Channel = Channel
    brpop_timeout = ASK_SECONDS
    # With Kombu, an error reply of Redis ends the worker. The cause may be over after
    # a reconnect: a demotion to a replica, a full disk, no memory.
    connection_errors = (*redis.Transport.connection_errors, ResponseError)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cycle = Poller()

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        super().register_with_event_loop(connection, loop)
        self.cycle.is_in_loop = True
        if self.cycle.noting is not None:
            self.cycle.noting.cancel()
        self.cycle.noting = loop.call_repeatedly(MOMENT_SECONDS, self.cycle.note)

    def _deliver(self, message: Any, queue: str) -> None:
        if queue not in self._callbacks:
            # Its consumer was cancelled just before. Losing a notification does no
            # harm, and a submission is on the list TAKING, where other workers find it.
            return
        if queue != INTAKE and _is_submission(message):
            # Its producer sent it to another queue, whose messages are lost if the
            # worker is killed: move it to the intake queue.
            try:
                self.channels[0]._put(INTAKE, message)
            except ResponseError as error:
                log.warning(
                    "a submission is accepted without protection against a crash",
                    why=refusal(error),
                )
            else:
                return
        super()._deliver(message, queue)


def _is_submission(message: Any) -> bool:
    headers = message.get("headers") if isinstance(message, dict) else None
    return isinstance(headers, dict) and headers.get("task") == SUBMIT
