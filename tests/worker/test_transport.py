"""Until it is acknowledged, a submission is always in some list of Redis."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
import redis
from kombu import Connection, Consumer, Queue
from kombu.asynchronous import Hub
from kombu.exceptions import OperationalError
from structlog.testing import capture_logs

from rescind.config.queues import INTAKE, TAKING
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
    """Makes workers, and closes them at the end."""
    del client
    hired: list[Worker] = []

    def hire(**options: int) -> Worker:
        hired.append(Worker(valkey_url, **options))
        return hired[-1]

    yield hire
    for worker in hired:
        worker.connection.close()


class Worker:
    """Consumes the intake queue and another one, as a Celery worker does."""

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
        for _ in range(60):
            if until():
                return
            with suppress(socket.timeout):
                self.connection.drain_events(timeout=0.5)
        raise TimeoutError(f"in vain; it got {self.bodies}")

    def ask(self) -> None:
        """Ask for a message without waiting for the answer."""
        self.connection.transport.cycle.on_poll_start()

    def die(self) -> None:
        """Simulate a kill: close the sockets, and do nothing else."""
        self.channel.stop_acknowledging()
        for channel in (self.channel, self.intake):
            channel.client.connection.disconnect()

    def note(self) -> None:
        """Do what the worker's loop does regularly."""
        self.connection.transport.cycle.note()

    def look_for_what_was_left(self) -> None:
        self.intake.qos.restore_visible()


def send(url: str, body: Any, queue: str = INTAKE, **options: Any) -> None:
    """Send as any producer does, with Kombu's own transport."""
    with Connection(url) as connection:
        producer = connection.Producer(serializer="json")
        producer.publish(body, routing_key=queue, declare=[Queue(queue)], **options)


def a_moment_passes(worker: Worker) -> None:
    worker.intake.qos.note(0.0)


def unacknowledged(client: redis.Redis) -> int:
    """The messages that workers hold, recorded or not yet."""
    return int(client.llen(TAKING)) + int(client.hlen("rescind:unacked"))


def age(client: redis.Redis, seconds: float) -> None:
    """Make the unacknowledged messages so much older."""
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


def test_a_message_that_is_held_longer_is_recorded_and_acknowledged(
    client: redis.Redis,
    valkey_url: str,
    hire: Hire,
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


def test_an_acknowledged_or_requeued_message_is_never_recorded(
    client: redis.Redis,
    valkey_url: str,
    hire: Hire,
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
    assert unacknowledged(client) == 0


def test_a_message_whose_worker_died_before_recording_it_is_requeued(
    client: redis.Redis, valkey_url: str, hire: Hire
) -> None:
    send(valkey_url, {"n": 1})
    # The state that a worker leaves if it is killed before it has recorded a message.
    assert client.lmove(INTAKE, TAKING, "RIGHT", "LEFT")
    worker = hire()
    assert client.llen(TAKING) == 1, "it may be under way just now"
    worker.look_for_what_was_left()
    worker.work(lambda: worker.got)
    assert worker.bodies == [{"n": 1}]
    worker.got[0][1].ack()
    assert client.llen(TAKING) == 0


def test_a_message_taken_over_a_dead_connection_is_not_lost(
    client: redis.Redis, valkey_url: str, hire: Hire
) -> None:
    dead = hire()
    dead.ask()
    send(valkey_url, {"n": 1})
    # The reply was sent, and will never be read.
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


def test_a_new_worker_requeues_a_dead_workers_messages_at_once(
    client: redis.Redis,
    valkey_url: str,
    hire: Hire,
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


def test_no_more_messages_are_taken_than_the_prefetch_count(
    client: redis.Redis, valkey_url: str, hire: Hire
) -> None:
    worker = hire(prefetch=1)
    for n in range(3):
        send(valkey_url, {"n": n})
    worker.work(lambda: worker.got)
    nothing_else_comes(worker)
    assert client.llen(INTAKE) + client.llen(TAKING) == 3


@pytest.mark.parametrize("prefetch", [1, 6, 14])
def test_intake_and_other_queues_each_have_the_whole_prefetch_count(
    valkey_url: str, hire: Hire, prefetch: int
) -> None:
    worker = hire(prefetch=prefetch)
    for n in range(prefetch + 1):
        send(valkey_url, {"submission": n})
        send(valkey_url, {"wake-up": n}, OTHER)
    worker.work(lambda: len(worker.got) == 2 * prefetch)
    nothing_else_comes(worker)
    assert sum("submission" in body for body in worker.bodies) == prefetch


def nothing_else_comes(worker: Worker) -> None:
    before = list(worker.bodies)
    with pytest.raises(socket.timeout):
        worker.connection.drain_events(timeout=0.3)
    assert worker.bodies == before


def test_a_notification_is_not_kept_and_counts_until_it_is_acknowledged(
    client: redis.Redis, valkey_url: str, hire: Hire
) -> None:
    worker = hire(prefetch=1)
    for n in range(3):
        send(valkey_url, {"n": n}, OTHER)
    worker.work(lambda: worker.got)
    nothing_else_comes(worker)
    assert client.keys("*unacked*") == []
    worker.got[0][1].ack()
    worker.work(lambda: len(worker.got) == 2)
    worker.got[1][1].reject(requeue=True)
    worker.work(lambda: len(worker.got) == 3)


def test_an_unacknowledged_notification_stops_counting_after_a_while(
    valkey_url: str, hire: Hire, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = hire(prefetch=1)
    for n in range(2):
        send(valkey_url, {"n": n}, OTHER)
    worker.work(lambda: worker.got)
    worker.connection.transport.cycle.maybe_restore_messages()
    nothing_else_comes(worker)
    monkeypatch.setattr("worker.redis_channel.OVERDUE_SECONDS", -1)
    with capture_logs() as lines:
        worker.connection.transport.cycle.maybe_restore_messages()
    assert [line["event"] for line in lines] == ["a notification was not acknowledged"]
    worker.work(lambda: len(worker.got) == 2)


def test_a_submission_that_takes_too_long_goes_to_others_and_stops_counting(
    client: redis.Redis, valkey_url: str, hire: Hire
) -> None:
    worker = hire(prefetch=1)
    send(valkey_url, {"n": 1})
    worker.work(lambda: worker.got)
    a_moment_passes(worker)
    worker.intake.visibility_timeout = -1
    worker.look_for_what_was_left()
    worker.work(lambda: len(worker.got) == 2)
    # A late acknowledgement is not an error.
    for _, message in worker.got:
        message.ack()
    assert unacknowledged(client) == client.llen(INTAKE) == 0


def test_a_submission_on_another_queue_is_accepted_as_safely(
    client: redis.Redis, valkey_url: str, hire: Hire
) -> None:
    worker = hire()
    send(valkey_url, {"n": 1}, OTHER, headers={"task": "rescind.submit"})
    worker.work(lambda: worker.got)
    assert worker.got[0][1].channel is worker.intake
    assert unacknowledged(client) == 1
    worker.got[0][1].ack()
    assert unacknowledged(client) == client.llen(INTAKE) == client.llen(OTHER) == 0


def test_a_requeued_message_is_taken_again(
    client: redis.Redis, valkey_url: str, hire: Hire
) -> None:
    worker = hire()
    send(valkey_url, {"n": 1})
    worker.work(lambda: worker.got)
    worker.got[0][1].reject(requeue=True)
    worker.work(lambda: len(worker.got) == 2)
    assert unacknowledged(client) == 1


def test_a_recorded_message_that_is_requeued_is_taken_again(
    client: redis.Redis,
    valkey_url: str,
    hire: Hire,
) -> None:
    worker = hire()
    send(valkey_url, {"n": 1})
    worker.work(lambda: worker.got)
    a_moment_passes(worker)
    worker.got[0][1].reject(requeue=True)
    worker.work(lambda: len(worker.got) == 2)
    assert unacknowledged(client) == 1


def test_closing_requeues_unacknowledged_messages(
    client: redis.Redis, valkey_url: str, hire: Hire
) -> None:
    worker = hire()
    send(valkey_url, {"n": 1})
    worker.work(lambda: worker.got)
    worker.connection.close()
    assert client.llen(INTAKE) == 1
    assert unacknowledged(client) == 0


def test_closing_leaves_no_connection_open(
    client: redis.Redis, valkey_url: str, hire: Hire
) -> None:
    send(valkey_url, {"n": 1})
    before = len(client.client_list())
    worker = hire()
    worker.work(lambda: worker.got)
    worker.connection.close()
    give_up = time.monotonic() + 60
    while len(client.client_list()) > before:
        assert time.monotonic() < give_up, client.client_list()


def test_a_consumer_that_was_cancelled_takes_nothing(
    client: redis.Redis, valkey_url: str, hire: Hire
) -> None:
    worker = hire()
    worker.consumer.cancel_by_queue(INTAKE)
    send(valkey_url, {"n": 1}, OTHER)
    send(valkey_url, {"n": 2})
    worker.work(lambda: worker.got)
    assert worker.bodies == [{"n": 1}]
    # Other workers find a message that its last request may have moved.
    assert client.llen(INTAKE) + client.llen(TAKING) == 1


def test_a_worker_that_takes_no_more_leaves_all_messages_to_others_at_once(
    client: redis.Redis, valkey_url: str, hire: Hire
) -> None:
    worker = hire()
    worker.ask()
    assert client.info("clients")["blocked_clients"] == 2
    worker.consumer.cancel()
    give_up = time.monotonic() + 60
    while client.info("clients")["blocked_clients"]:
        assert time.monotonic() < give_up, "it still waits for messages"
    for queue in (INTAKE, OTHER):
        send(valkey_url, {"n": 1}, queue)
        assert client.llen(queue) == 1


def test_a_stopped_server_is_reported(hire: Hire) -> None:
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
def test_a_requeued_message_goes_to_the_intake_queue_whatever_its_producer_wrote(
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


def test_a_channel_that_stops_acknowledging_does_not_requeue_either(
    client: redis.Redis, valkey_url: str, hire: Hire
) -> None:
    worker = hire()
    for n in range(3):
        send(valkey_url, {"n": n})
    worker.work(lambda: len(worker.got) == 3)
    worker.channel.stop_acknowledging()
    worker.got[0][1].ack()
    worker.got[1][1].reject(requeue=True)
    worker.connection.close()
    assert client.llen(TAKING) == 3
    assert client.llen(INTAKE) == 0


def test_a_worker_that_stops_consuming_records_its_messages_first(
    client: redis.Redis, valkey_url: str, hire: Hire
) -> None:
    worker = hire()
    send(valkey_url, {"n": 1})
    worker.work(lambda: worker.got)
    worker.consumer.cancel()
    assert client.llen(TAKING) == 0
    assert client.hlen("rescind:unacked") == 1


# --- in an event loop -----------------------------------------------------------------


@pytest.fixture
def loop(hire: Hire) -> Iterator[tuple[Worker, Hub]]:
    worker, hub = hire(), Hub()
    worker.connection.register_with_event_loop(hub)
    yield worker, hub
    hub.close()


def turn(hub: Hub, until: Callable[[], object]) -> None:
    for _ in range(200):
        if until():
            return
        hub.run_once()
    raise TimeoutError("in vain")


def test_acknowledgements_of_threads_share_one_round_trip(
    client: redis.Redis, valkey_url: str, loop: tuple[Worker, Hub]
) -> None:
    worker, hub = loop
    for n in range(20):
        send(valkey_url, {"n": n})
    turn(hub, lambda: len(worker.got) == 20)
    messages = [message for _, message in worker.got]
    a_moment_passes(worker)
    for n in range(20, 40):
        send(valkey_url, {"n": n})
    turn(hub, lambda: len(worker.got) == 40)
    messages += [message for _, message in worker.got[20:]]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda message: hub.call_soon(message.ack), messages))
    before = round_trips(client)
    assert unacknowledged(client) == 40
    turn(hub, lambda: not unacknowledged(client))
    # The acknowledgements and the next request, and this test's own command.
    assert round_trips(client) - before <= 10


def round_trips(client: redis.Redis) -> int:
    """Reads from all clients' sockets since the server started."""
    return int(client.info("stats")["total_reads_processed"])


def test_only_the_requeued_message_of_a_batch_is_taken_again(
    client: redis.Redis, valkey_url: str, loop: tuple[Worker, Hub]
) -> None:
    worker, hub = loop
    for n in range(10):
        send(valkey_url, {"n": n})
    turn(hub, lambda: len(worker.got) == 10)
    for body, message in worker.got[:10]:
        message.reject(requeue=True) if body["n"] == 3 else message.ack()
    turn(hub, lambda: len(worker.got) == 11)
    assert worker.bodies[10] == {"n": 3}
    assert unacknowledged(client) == 1


def test_closing_sends_the_gathered_acknowledgements(
    client: redis.Redis, valkey_url: str, loop: tuple[Worker, Hub]
) -> None:
    worker, hub = loop
    for n in range(2):
        send(valkey_url, {"n": n})
    turn(hub, lambda: len(worker.got) == 2)
    worker.got[0][1].ack()
    worker.connection.close()
    assert unacknowledged(client) == 0
    assert client.llen(INTAKE) == 1, "the other one"


def test_call_soon_from_a_thread_ends_the_loops_wait() -> None:
    """Acknowledgements of the pool's threads need this. It is new in kombu 5.7."""
    hub = Hub()
    hub.call_later(60, lambda: None)
    mute, other = socket.socketpair()
    hub.add_reader(mute.fileno(), lambda: None)
    done = threading.Event()
    running = threading.Thread(target=hub.run_forever, daemon=True)
    running.start()
    for _ in range(3):
        hub.call_soon(done.set)
        # The loop's own wait would take ten seconds.
        assert done.wait(5)
        done.clear()
    hub.stop()
    running.join(10)
    mute.close()
    other.close()
    hub.close()
