"""Kombu's Redis transport, with a safe way in for submissions: ``intake_channel``."""

from __future__ import annotations

from typing import Any

import structlog
from kombu.transport import redis

from worker.broker import INTAKE
from worker.intake_channel import MOMENT_SECONDS, IntakeChannel
from worker.redis_channel import RedisChannel

log = structlog.get_logger("rescind.transport")


class Channel(RedisChannel):
    """Kombu's own, but for the intake queue."""

    _intake: IntakeChannel | None = None

    def basic_consume(self, queue: str, *args: Any, **kwargs: Any) -> Any:
        if queue != INTAKE:
            return super().basic_consume(queue, *args, **kwargs)
        if self._intake is None:
            self._intake = IntakeChannel(self.connection)
            self._intake.basic_qos(prefetch_count=_share(self.qos.prefetch_count))
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
            # Celery asks for one more for each that waits for its eta.
            more = min(self._intake.qos.postponed, max(0, prefetch_count - 1))
            self._intake.basic_qos(prefetch_count=_share(prefetch_count - more))

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


def _share(prefetch: int) -> int:
    """Intake is a part of the work: it must not take all children, nor more messages
    than are soon taken in. Each child that has ever taken one in keeps 20 MB more.
    0 stands for as many as there are."""
    return prefetch and max(1, prefetch // 4)


class Poller(redis.MultiChannelPoller):
    """Looks for unacknowledged messages in every channel, not in the first alone."""

    noting: Any = None
    """The timer of ``note``."""

    def note(self) -> None:
        """Have each channel write down what it has held for a moment."""
        for channel in list(self._channels):
            if isinstance(channel, IntakeChannel):
                try:
                    channel.qos.note()
                except channel.connection_errors as error:
                    # It is on its list as before.
                    log.debug("nothing noted", kind=type(error).__name__)

    def maybe_restore_messages(self) -> None:
        for channel in list(self._channels):
            if not channel.active_queues:
                continue
            try:
                channel.qos.restore_visible(
                    num=channel.unacked_restore_limit,
                    interval=channel.unacked_restore_throttle,
                )
            except channel.connection_errors as error:
                # The loop reconnects; the next look is some seconds away.
                log.debug("nothing restored", kind=type(error).__name__)
                return


class Transport(redis.Transport):
    """Kombu's Redis transport, with a safe way in for submissions."""

    Channel = Channel

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cycle = Poller()

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        super().register_with_event_loop(connection, loop)
        if self.cycle.noting is not None:
            self.cycle.noting.cancel()
        self.cycle.noting = loop.call_repeatedly(MOMENT_SECONDS, self.cycle.note)
