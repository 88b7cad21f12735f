"""A submission is always in some list of Redis until it is acknowledged."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import redis
from kombu import Connection, Consumer, Queue
from kombu.exceptions import OperationalError

from worker.broker import INTAKE, TAKING
from worker.intake_channel import VISIBILITY_SECONDS

OTHER = "notpanel"


@pytest.fixture
def client(valkey_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(valkey_url) as client:
        client.flushdb()
        yield client
        client.flushdb()


Hire = Callable[..., "Worker"]


@pytest.fixture
def hire(valkey_url: str, client: redis.Redis) -> Iterator[Hire]:
    """Makes workers, and dismisses them in the end."""
    del client
    hired: list[Worker] = []

    def hire(**options: int) -> Worker:
        hired.append(Worker(valkey_url, **options))
        return hired[-1]

    yield hire
    for worker in hired:
        worker.connection.close()


class Worker:
    """A consumer of the intake queue and another, as a Celery worker is one."""

    def __init__(self, url: str, prefetch: int = 0) -> None:
        self.connection = Connection(url, transport="worker.transport:Transport")
        self.channel = self.connection.channel()
        self.got: list[Any] = []
        queues = [Queue(INTAKE), Queue(OTHER)]
        self.consumer = Consumer(
            self.channel, queues, callbacks=[self._take], accept=["json"]
        )
        self.consumer.qos(prefetch_count=prefetch)
        self.consumer.consume()

    @property
    def intake(self) -> Any:
        return self.channel._intake

    def _take(self, body: Any, message: Any) -> None:
        self.got.append((body, message))

    @property
    def bodies(self) -> list[Any]:
        return [body for body, _ in self.got]

    def work(self, until: Callable[[], object]) -> None:
        for _ in range(20):
            if until():
                return
            with suppress(socket.timeout):
                self.connection.drain_events(timeout=0.5)
        raise TimeoutError(f"in vain; it got {self.bodies}")

    def ask(self) -> None:
        """Ask for a message, and do not wait for the answer."""
        self.connection.transport.cycle.on_poll_start()

    def die(self) -> None:
        """As a kill does it: the sockets close, and nothing else happens."""
        for channel in (self.channel, self.intake):
            channel.client.connection.disconnect()
            channel.qos._delivered.clear()

    def note(self) -> None:
        """As its loop does it each moment."""
        self.connection.transport.cycle.note()

    def look_for_what_was_left(self) -> None:
        self.intake.qos.restore_visible()


def send(url: str, body: Any, queue: str = INTAKE, **options: Any) -> None:
    """As any producer does, with Kombu's own transport."""
    with Connection(url) as connection:
        producer = connection.Producer(serializer="json")
        producer.publish(body, routing_key=queue, declare=[Queue(queue)], **options)


@pytest.fixture
def a_moment_passes(monkeypatch: pytest.MonkeyPatch) -> Callable[[Worker], None]:
    def pass_for(worker: Worker) -> None:
        with monkeypatch.context() as patch:
            patch.setattr("worker.intake_channel.MOMENT_SECONDS", 0.0)
            worker.note()

    return pass_for


def unacknowledged(client: redis.Redis) -> int:
    """Messages that a worker has, noted or not yet."""
    return int(client.llen(TAKING)) + int(client.hlen("rescind:unacked"))


def age(client: redis.Redis, seconds: float) -> None:
    """Make what is unacknowledged so much older."""
    for tag in client.hkeys("rescind:unacked"):
        client.zincrby("rescind:unacked_index", -seconds, tag)


def test_a_message_is_taken_and_acknowledged(
    client: redis.Redis, valkey_url: str, hire: Hire
) -> None:
    worker = hire()
    send(valkey_url, {"n": 1})
    worker.work(lambda: worker.got)
    assert worker.bodies == [{"n": 1}]
    assert unacknowledged(client) == 1
    worker.got[0][1].ack()
    assert unacknowledged(client) == client.llen(INTAKE) == 0


def test_a_message_that_is_held_for_a_moment_is_noted_and_acknowledged_all_the_same(
    client: redis.Redis,
    valkey_url: str,
    hire: Hire,
    a_moment_passes: Callable[[Worker], None],
) -> None:
    worker = hire()
    send(valkey_url, {"n": 1})
    worker.work(lambda: worker.got)
    worker.note()
    assert client.hlen("rescind:unacked") == 0, "it may be over in a moment"
    a_moment_passes(worker)
    assert client.llen(TAKING) == 0
    assert client.hlen("rescind:unacked") == 1
    worker.got[0][1].ack()
    assert unacknowledged(client) == client.llen(INTAKE) == 0


def test_what_was_acknowledged_or_given_back_is_never_noted(
    client: redis.Redis,
    valkey_url: str,
    hire: Hire,
    a_moment_passes: Callable[[Worker], None],
) -> None:
    worker = hire()
    for n in range(3):
        send(valkey_url, {"n": n})
    worker.work(lambda: len(worker.got) == 3)
    for (_, message), requeue in zip(worker.got, (None, False, True), strict=True):
        message.ack() if requeue is None else message.reject(requeue=requeue)
    a_moment_passes(worker)
    assert client.llen(INTAKE) == 1
    assert unacknowledged(client) == 0


def test_other_queues_are_consumed_beside_it(
    client: redis.Redis, valkey_url: str, hire: Hire
) -> None:
    worker = hire()
    send(valkey_url, {"n": 1}, OTHER)
    send(valkey_url, {"n": 2})
    worker.work(lambda: len(worker.got) == 2)
    assert sorted(body["n"] for body in worker.bodies) == [1, 2]
    for _, message in worker.got:
        message.ack()
    assert client.hlen("unacked") == unacknowledged(client) == 0


def test_a_message_whose_taker_died_on_the_way_is_queued_again(
    client: redis.Redis, valkey_url: str, hire: Hire
) -> None:
    send(valkey_url, {"n": 1})
    # As far as a worker gets that is killed before it has noted what it took.
    assert client.lmove(INTAKE, TAKING, "RIGHT", "LEFT")
    worker = hire()
    assert client.llen(TAKING) == 1, "it may be under way just now"
    worker.look_for_what_was_left()
    worker.work(lambda: worker.got)
    assert worker.bodies == [{"n": 1}]
    worker.got[0][1].ack()
    assert client.llen(TAKING) == 0


def test_a_message_taken_by_a_connection_that_went_dead_is_not_lost(
    client: redis.Redis, valkey_url: str, hire: Hire
) -> None:
    dead = hire()
    dead.ask()
    send(valkey_url, {"n": 1})
    # The reply is on its way, and will never be read.
    assert client.llen(INTAKE) == 0
    worker = hire()
    worker.look_for_what_was_left()
    worker.work(lambda: worker.got)
    assert worker.bodies == [{"n": 1}]


def test_a_message_of_a_worker_that_was_killed_at_once_goes_to_another(
    client: redis.Redis, valkey_url: str, hire: Hire
) -> None:
    killed = hire()
    send(valkey_url, {"n": 1})
    killed.work(lambda: killed.got)
    killed.die()
    worker = hire()
    assert client.llen(TAKING) == 1, "it may have been taken just now"
    worker.look_for_what_was_left()
    worker.work(lambda: worker.got)
    assert worker.bodies == [{"n": 1}]


def test_a_message_of_a_worker_that_was_killed_later_goes_to_another(
    client: redis.Redis,
    valkey_url: str,
    hire: Hire,
    a_moment_passes: Callable[[Worker], None],
) -> None:
    killed = hire()
    send(valkey_url, {"n": 1})
    killed.work(lambda: killed.got)
    a_moment_passes(killed)
    killed.die()
    worker = hire()
    worker.look_for_what_was_left()
    assert client.hlen("rescind:unacked") == 1, "its time is not over yet"
    age(client, VISIBILITY_SECONDS + 1)
    worker.look_for_what_was_left()
    worker.work(lambda: worker.got)
    assert worker.bodies == [{"n": 1}]


def test_a_new_worker_looks_at_once_for_what_a_dead_one_held(
    client: redis.Redis,
    valkey_url: str,
    hire: Hire,
    a_moment_passes: Callable[[Worker], None],
) -> None:
    killed = hire()
    send(valkey_url, {"n": 1})
    killed.work(lambda: killed.got)
    a_moment_passes(killed)
    killed.die()
    age(client, VISIBILITY_SECONDS + 1)
    worker = hire()
    worker.work(lambda: worker.got)
    assert worker.bodies == [{"n": 1}]


def test_a_message_with_a_priority_is_taken_too(
    client: redis.Redis, valkey_url: str, hire: Hire
) -> None:
    send(valkey_url, {"n": 1}, priority=9)
    assert client.llen(INTAKE) == 0
    worker = hire()
    worker.work(lambda: worker.got)
    assert worker.bodies == [{"n": 1}]


def test_no_more_is_taken_than_was_asked_for(
    client: redis.Redis, valkey_url: str, hire: Hire
) -> None:
    worker = hire(prefetch=1)
    for n in range(3):
        send(valkey_url, {"n": n})
    worker.work(lambda: worker.got)
    with pytest.raises(socket.timeout):
        worker.connection.drain_events(timeout=0.3)
    assert len(worker.got) == 1
    assert client.llen(INTAKE) + client.llen(TAKING) == 3


@pytest.mark.parametrize(("prefetch", "share"), [(1, 1), (6, 1), (8, 2), (14, 3)])
def test_intake_has_a_quarter_of_the_children_and_one_at_least(
    valkey_url: str, hire: Hire, prefetch: int, share: int
) -> None:
    worker = hire(prefetch=prefetch)
    for n in range(share + 1):
        send(valkey_url, {"n": n})
    worker.work(lambda: len(worker.got) == share)
    with pytest.raises(socket.timeout):
        worker.connection.drain_events(timeout=0.3)
    assert len(worker.got) == share


def test_what_waits_for_its_eta_keeps_nothing_else_waiting(
    valkey_url: str, hire: Hire
) -> None:
    worker = hire(prefetch=14)
    later = {"eta": "2126-11-20T12:00:00+00:00"}
    for n in range(12):
        send(valkey_url, {"n": n}, headers=later)
        worker.work(lambda: len(worker.got) == n + 1)  # noqa: B023  (called at once)
        # As Celery does it.
        worker.consumer.qos(prefetch_count=15 + n)
    for n in range(4):
        send(valkey_url, {"now": n})
    worker.work(lambda: len(worker.got) == 15)
    with pytest.raises(socket.timeout):
        worker.connection.drain_events(timeout=0.3)
    assert len(worker.got) == 15, "more than a quarter of the children"


def test_what_is_given_back_is_taken_again(
    client: redis.Redis, valkey_url: str, hire: Hire
) -> None:
    worker = hire()
    send(valkey_url, {"n": 1})
    worker.work(lambda: worker.got)
    worker.got[0][1].reject(requeue=True)
    worker.work(lambda: len(worker.got) == 2)
    assert unacknowledged(client) == 1


def test_what_was_held_for_a_moment_and_is_given_back_is_taken_again(
    client: redis.Redis,
    valkey_url: str,
    hire: Hire,
    a_moment_passes: Callable[[Worker], None],
) -> None:
    worker = hire()
    send(valkey_url, {"n": 1})
    worker.work(lambda: worker.got)
    a_moment_passes(worker)
    worker.got[0][1].reject(requeue=True)
    worker.work(lambda: len(worker.got) == 2)
    assert unacknowledged(client) == 1


def test_closing_gives_back_what_was_not_acknowledged(
    client: redis.Redis, valkey_url: str, hire: Hire
) -> None:
    worker = hire()
    send(valkey_url, {"n": 1})
    worker.work(lambda: worker.got)
    worker.connection.close()
    assert client.llen(INTAKE) == 1
    assert unacknowledged(client) == 0


def test_a_consumer_that_was_cancelled_takes_nothing(
    client: redis.Redis, valkey_url: str, hire: Hire
) -> None:
    worker = hire()
    worker.consumer.cancel_by_queue(INTAKE)
    send(valkey_url, {"n": 1}, OTHER)
    send(valkey_url, {"n": 2})
    worker.work(lambda: worker.got)
    assert worker.bodies == [{"n": 1}]
    # What its last request may have moved, others find.
    assert client.llen(INTAKE) + client.llen(TAKING) == 1


def test_a_server_that_is_gone_is_said_so(hire: Hire) -> None:
    worker = hire()
    worker.ask()
    worker.intake.client.connection.disconnect()
    worker.connection.transport.cycle.maybe_restore_messages()
    worker.connection.close()
    with pytest.raises((OperationalError, redis.RedisError)):
        Connection(
            "redis://127.0.0.1:1/0",
            transport="worker.transport:Transport",
            connect_timeout=1,
        ).channel()


@pytest.mark.parametrize(
    "envelope",
    [
        {"exchange": "celery", "routing_key": "celery"},
        {"exchange": "", "routing_key": "celery"},
        {"exchange": INTAKE, "routing_key": INTAKE},
    ],
    ids=["of others", "of nobody", "of all"],
)
def test_what_is_given_back_goes_to_the_intake_queue_whatever_its_producer_wrote(
    client: redis.Redis, valkey_url: str, hire: Hire, envelope: dict[str, str]
) -> None:
    send(valkey_url, {"n": 1})
    raw = json.loads(client.rpop(INTAKE) or b"")  # type: ignore[arg-type]
    raw["properties"]["delivery_info"] = envelope
    client.lpush(INTAKE, json.dumps(raw))
    worker = hire()
    worker.work(lambda: worker.got)
    worker.got[0][1].reject(requeue=True)
    worker.work(lambda: len(worker.got) == 2)
    assert worker.bodies == [{"n": 1}] * 2
    assert client.llen(OTHER) == client.llen("celery") == 0


def test_two_messages_of_one_tag_are_two(
    client: redis.Redis, valkey_url: str, hire: Hire
) -> None:
    worker = hire()
    for n in (1, 2):
        send(valkey_url, {"n": n})
        raw = json.loads(client.rpop(INTAKE) or b"")  # type: ignore[arg-type]
        raw["properties"]["delivery_tag"] = "0"
        client.lpush(INTAKE, json.dumps(raw))
    worker.work(lambda: len(worker.got) == 2)
    worker.got[0][1].ack()
    assert unacknowledged(client) == 1
