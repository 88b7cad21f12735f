"""Taking submissions off Redis so that none can get lost on the way.

Celery's Redis transport pops a message first and notes that it has it afterwards: a
worker that is killed between the two, or a reply that never arrives (a half-open
connection), loses it (github.com/celery/kombu/issues/305). For wake-ups that does no
harm. A submission is nowhere else until it is in the ledger. So the intake queue has a
channel of its own here, which moves each message in one step to a list of those being
taken, and takes it off that list in the same step that notes it as unacknowledged.
Whoever finds one left behind there puts it back. Duplicates are harmless: intake is
idempotent.
"""

from __future__ import annotations

import uuid
from queue import Empty
from time import monotonic, time
from typing import Any

import structlog
from kombu.transport import redis
from kombu.utils.encoding import bytes_to_str
from kombu.utils.json import loads

from worker.broker import INTAKE

log = structlog.get_logger("rescind.transport")

TAKING = "rescind:taking"
"""Messages on their way from the queue to a worker."""
VISIBILITY_SECONDS = 20
"""After so long a submission that a worker holds goes to another one, too."""

ODD = (
    TypeError,
    ValueError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
"""What Kombu and Celery raise for a message of a shape that they did not expect."""
GATHERED = 200
"""Messages of each priority that one look brings to the intake queue."""
WAITING_SECONDS = 580
"""So much longer where its producer asked for a delay: Celery's own ten minutes."""


class IntakeQoS(redis.QoS):
    """Notes what is unacknowledged, and finds what was left behind."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._seen: frozenset[bytes] = frozenset()

    def append(self, message: Any, delivery_tag: str) -> None:
        arrived = self.channel.arrived
        with self.pipe_or_acquire() as pipe:
            pipe.zadd(self.unacked_index_key, {delivery_tag: time() + _waits(message)})
            pipe.hset(self.unacked_key, delivery_tag, arrived)
            pipe.lrem(TAKING, 1, arrived)
            pipe.execute()
        # What the Redis QoS adds to it is the above; the rest is in its own parent.
        super(redis.QoS, self).append(message, delivery_tag)

    def restore_visible(self, *args: Any, **kwargs: Any) -> None:
        """Give to others what was held for too long, or left behind on its way.

        Kombu does this under a lock, which a worker that is killed leaves behind. Two
        at once are harmless here: each step is a transaction, and duplicates are no
        matter.
        """
        del args, kwargs
        with self.channel.conn_or_acquire() as client:
            until = time() - self.channel.visibility_timeout
            held = client.zrange(self.unacked_index_key, 0, until, byscore=True)
            for tag in held:
                self.restore_by_tag(tag, client)
            self._put_back(client)
            self._gather(client)

    def restore_by_tag(
        self, tag: str, client: Any = None, leftmost: bool = False
    ) -> None:
        """Back to the end of its queue, as it came.

        Kombu would send it where its producer's exchange and routing key point, which
        need be nowhere, or everywhere.
        """
        del leftmost

        def restore(pipe: Any) -> None:
            arrived = pipe.hget(self.unacked_key, tag)
            pipe.multi()
            self._remove_from_indices(tag, pipe)
            if arrived:
                pipe.lpush(INTAKE, arrived)

        with self.channel.conn_or_acquire(client) as connection:
            connection.transaction(restore, self.unacked_key)

    def _put_back(self, client: Any) -> None:
        """What has been on its way since we last looked, some seconds ago."""
        taking = frozenset(client.lrange(TAKING, 0, -1))
        for left_behind in taking & self._seen:
            pipe = client.pipeline()
            pipe.rpush(INTAKE, left_behind)
            pipe.lrem(TAKING, 1, left_behind)
            pipe.execute()
            log.warning("a submission was left behind on its way: queued again")
        self._seen = taking

    def _gather(self, client: Any) -> None:
        """A message that was sent with a priority lies in a list of its own."""
        for step in self.channel.priority_steps[1:]:
            other = self.channel._q_for_pri(INTAKE, step)
            for _ in range(GATHERED):
                if not client.lmove(other, INTAKE, "RIGHT", "LEFT"):
                    break


def _waits(message: Any) -> float:
    """One with an ``eta`` is kept by a worker on purpose, and not for all to keep."""
    return WAITING_SECONDS if (message.headers or {}).get("eta") else 0.0


class RedisChannel(redis.Channel):
    """Closes at once, however its connection is; what is no message stops nobody."""

    _in_poll: Any = None

    def _brpop_read(self, **options: Any) -> bool:
        try:
            return self._take(**options)
        except ODD as error:
            kind = type(error).__name__
            # Without the error itself, whose text may be what must not show.
            log.error("no message, so it was dropped", kind=kind)  # noqa: TRY400
            raise Empty from None

    def _take(self, **options: Any) -> bool:
        return bool(super()._brpop_read(**options))

    def let_go(self) -> None:
        """Nothing is acknowledged or given back through this channel any more."""
        self.do_restore = False
        self.qos.ack = self.qos.reject = _nothing

    def close(self) -> None:
        if self._in_poll:
            # Kombu would wait for what this brings. A wake-up more or less is nothing,
            # and a submission is on its list, where others find it.
            self._in_poll.disconnect()
            self._in_poll = None
        try:
            super().close()
        except self.connection_errors as error:
            # What it could not give back goes to others when its time is over.
            log.debug("nothing given back", kind=type(error).__name__)


class IntakeChannel(RedisChannel):
    """Consumes the intake queue, and nothing else."""

    QoS = IntakeQoS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.visibility_timeout = VISIBILITY_SECONDS
        self.unacked_key = "rescind:unacked"
        self.unacked_index_key = "rescind:unacked_index"
        self.arrived = b""

    def _brpop_start(self, timeout: float | None = None) -> None:
        self._in_poll = self.client.connection
        self._brpop_sent_at = monotonic()
        seconds = self.brpop_timeout if timeout is None else timeout
        self._in_poll.send_command("BLMOVE", INTAKE, TAKING, "RIGHT", "LEFT", seconds)

    def _take(self, **options: Any) -> bool:
        connection = self.client.connection
        try:
            item = self.client.parse_response(connection, "BLMOVE", **options)
        except self.connection_errors:
            connection.disconnect()
            raise
        finally:
            self._in_poll = None
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
            self._intake.basic_qos(prefetch_count=_share(prefetch_count))

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


def _nothing(_tag: str, requeue: bool = False) -> None:
    del requeue


class Poller(redis.MultiChannelPoller):
    """Looks for unacknowledged messages in every channel, not in the first alone."""

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
