"""Kombu's Redis transport, with a safe way in for submissions: ``intake_channel``.

Wake-ups come through kombu's own way, and are kept nowhere while they are worked on:
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
    """Consumes all queues but intake's, which it has a channel for."""

    _intake: IntakeChannel | None = None

    def basic_consume(self, queue: str, *args: Any, **kwargs: Any) -> Any:
        if queue != INTAKE:
            return super().basic_consume(queue, *args, **kwargs)
        if self._intake is None:
            self._intake = IntakeChannel(self.connection)
            self._intake.basic_qos(prefetch_count=self.qos.prefetch_count)
            self.connection.channels.append(self._intake)
            # What the last worker to die held should not wait for a timer.
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
            # Celery asks for one more for each that waits for its eta, and the intake
            # channel does not count those.
            more = min(self._intake.qos.postponed, max(0, prefetch_count - 1))
            self._intake.basic_qos(prefetch_count=prefetch_count - more)

    def basic_cancel(self, consumer_tag: str) -> Any:
        if self._intake is not None and consumer_tag in self._intake._consumers:
            return self._intake.basic_cancel(consumer_tag)
        return super().basic_cancel(consumer_tag)

    def let_go(self) -> None:
        super().let_go()
        if self._intake is not None:
            self._intake.let_go()

    def close(self) -> None:
        intake, self._intake = self._intake, None
        if intake is not None:
            intake.close()
        super().close()


class Poller(redis.MultiChannelPoller):
    """Sends acknowledgements before it asks for more, and looks in every channel for
    what was left behind, not in the first alone."""

    is_in_loop = False
    """Whether an event loop calls ``on_poll_start`` before each of its waits."""
    noting: Any = None
    """The timer of ``note``."""

    def on_poll_start(self) -> None:
        for channel in self._intakes():
            channel.qos.settle()
        super().on_poll_start()

    def note(self) -> None:
        """Have each channel write down what it has held for a moment."""
        for channel in self._intakes():
            try:
                channel.qos.note()
            except channel.connection_errors as error:
                # It is on its list as before.
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
                # The loop reconnects; the next look is some seconds away.
                log.debug("nothing restored", kind=type(error).__name__)
                return


class Transport(redis.Transport):
    """Kombu's Redis transport, with a safe way in for submissions."""

    Channel = Channel
    brpop_timeout = ASK_SECONDS
    # Kombu lets an error reply end the worker. Each may be over when it has connected
    # again: a demotion, a full disk, no memory.
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
            # Its consumer was cancelled a moment ago. A wake-up is nothing, and a
            # submission is on its list, where others find it.
            return
        if queue != INTAKE and _is_submission(message):
            # Its producer named another queue, whose messages a worker that is
            # killed takes with it.
            try:
                self.channels[0]._put(INTAKE, message)
            except ResponseError as error:
                log.warning("a submission is taken in unsafely", why=refusal(error))
            else:
                return
        super()._deliver(message, queue)


def _is_submission(message: Any) -> bool:
    headers = message.get("headers") if isinstance(message, dict) else None
    return isinstance(headers, dict) and headers.get("task") == SUBMIT
