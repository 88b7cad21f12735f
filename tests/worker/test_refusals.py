"""While Redis refuses commands, no worker ends and no message is lost."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import ResponseError
from structlog.testing import capture_logs

from rescind.config.queues import INTAKE, TAKING
from rescind.config.redis_client import client_of
from rescind.errors.redis_refusals import refusal
from rescind.operations.findings import Check, Level, redis_checks
from tests.valkey import (
    REFUSALS,
    fill_disk,
    make_full,
    make_replica,
    recover,
    valkey_server,
)
from tests.worker.test_transport import (
    OTHER,
    Hire,
    Worker,
    a_moment_passes,
    age,
    hire,
    send,
    unacknowledged,
)
from worker import intake_channel, refusals
from worker.intake_channel import VISIBILITY_SECONDS
from worker.refusals import STEADY_SECONDS, WAITS, Refusals, without_command

__all__ = ["hire"]


@pytest.fixture
def valkey_url(tmp_path: Path) -> Iterator[str]:
    """A server for one test, which may change it."""
    home = tmp_path / "valkey"
    home.mkdir()
    with valkey_server(home) as url:
        yield url


@pytest.fixture
def client(valkey_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(valkey_url) as client:
        yield client
        with suppress(redis.RedisError):
            recover(client)


# --- the worker -----------------------------------------------------------------------


@pytest.mark.parametrize("code", REFUSALS)
def test_an_error_reply_to_a_waiting_worker_is_a_lost_connection(
    client: redis.Redis, hire: Hire, code: str
) -> None:
    worker = hire()
    worker.intake.brpop_timeout = 0.1
    worker.ask()
    REFUSALS[code](client)
    with pytest.raises(worker.connection.connection_errors) as refused:
        worker.work(lambda: False)
    assert isinstance(refused.value, ResponseError)
    assert code in refusal(refused.value) or "UNBLOCKED" in refusal(refused.value)


@pytest.mark.parametrize("code", ["READONLY", "MISCONF"])
def test_an_error_reply_to_a_starting_worker_is_a_lost_connection(
    client: redis.Redis, valkey_url: str, hire: Hire, code: str
) -> None:
    lost = hire().connection.connection_errors
    REFUSALS[code](client)
    with pytest.raises(lost) as refused:
        Worker(valkey_url).work(lambda: False)
    assert code in refusal(refused.value)


def test_a_worker_that_was_refused_closes_all_its_connections(
    client: redis.Redis, hire: Hire
) -> None:
    before = len(client.client_list())
    worker = hire()
    worker.ask()
    make_replica(client)
    worker.channel.stop_acknowledging()
    worker.connection.close()
    assert len(client.client_list()) == before


def test_waits_grow_while_redis_refuses_and_start_over_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, waited = [1000.0], list[float]()
    monkeypatch.setattr(refusals, "monotonic", lambda: clock[0])
    patience = Refusals(waited.append)
    for _ in range(len(WAITS) + 1):
        patience.wait(ResponseError("READONLY You can't write"))
    clock[0] += STEADY_SECONDS + 1
    with capture_logs() as lines:
        patience.wait(ResponseError("READONLY You can't write"))
    assert waited == [*WAITS, WAITS[-1], WAITS[0]]
    assert "replica" in lines[0]["why"]


@given(st.text(min_size=3), st.sampled_from(["OOM no", "READONLY no", "WHAT no"]))
def test_no_refusal_shows_the_command(sent: str, reply: str) -> None:
    secret = f"<{sent}>"
    error = ResponseError(
        f"Command # 1 (LREM x {secret}) of pipeline caused error: {reply}"
    )
    assert secret not in refusal(error)
    assert secret not in str(without_command(error))


# --- a full Redis ---------------------------------------------------------------------


def test_a_worker_starts_on_a_full_redis_and_drains_it(
    client: redis.Redis, valkey_url: str, hire: Hire
) -> None:
    for n in range(3):
        send(valkey_url, {"n": n})
        send(valkey_url, {"n": 3 + n}, OTHER)
    make_full(client)
    with capture_logs() as lines:
        worker = hire()
        worker.work(lambda: len(worker.got) == 6)
    for _, message in worker.got:
        message.ack()
    assert unacknowledged(client) == client.llen(INTAKE) == client.llen(OTHER) == 0
    assert sum("full" in line["event"] for line in lines) == 1


def test_a_worker_that_waits_when_redis_becomes_full_goes_on(
    client: redis.Redis, valkey_url: str, hire: Hire
) -> None:
    worker = hire()
    worker.ask()
    make_full(client)
    with suppress(socket.timeout):
        worker.connection.drain_events(timeout=0.1)
    recover(client)
    send(valkey_url, {"n": 1})
    worker.work(lambda: worker.got)


def test_a_full_redis_without_messages_is_asked_now_and_then(
    client: redis.Redis, hire: Hire
) -> None:
    worker = hire()
    make_full(client)
    for _ in range(50):
        with suppress(socket.timeout):
            worker.connection.drain_events(timeout=0.002)
    asked = client.info("commandstats")["cmdstat_blmove"]["rejected_calls"]
    assert asked <= 1 + 2 / intake_channel.FULL_SECONDS


def test_messages_can_be_requeued_while_redis_is_full(
    client: redis.Redis, valkey_url: str, hire: Hire
) -> None:
    killed = hire()
    for n in range(2):
        send(valkey_url, {"n": n})
    killed.work(lambda: len(killed.got) == 2)
    send(valkey_url, {"n": 2})
    send(valkey_url, {"n": 3}, priority=9)
    assert client.lmove(INTAKE, TAKING, "RIGHT", "LEFT")
    make_full(client)
    # One is requeued; the other is recorded, and its worker dies.
    killed.got[0][1].reject(requeue=True)
    a_moment_passes(killed)
    assert client.hlen("rescind:unacked") == 1
    killed.die()
    recover(client)
    age(client, VISIBILITY_SECONDS + 1)
    make_full(client)
    worker = hire()
    worker.look_for_what_was_left()
    worker.work(lambda: len(worker.got) == 4)
    assert sorted(body["n"] for body in worker.bodies) == [0, 1, 2, 3]
    # A recorded one is requeued, too.
    a_moment_passes(worker)
    worker.got[0][1].reject(requeue=True)
    worker.work(lambda: len(worker.got) == 5)


def test_a_submission_on_another_queue_is_not_lost_while_redis_is_full(
    client: redis.Redis, valkey_url: str, hire: Hire
) -> None:
    send(valkey_url, {"n": 1}, OTHER, headers={"task": "rescind.submit"})
    make_full(client)
    worker = hire()
    worker.work(lambda: worker.got)
    assert worker.bodies == [{"n": 1}]


def test_an_abandoned_message_found_by_two_workers_is_requeued_once(
    client: redis.Redis, valkey_url: str, hire: Hire
) -> None:
    workers = [hire(), hire()]
    send(valkey_url, {"n": 1})
    assert client.lmove(INTAKE, TAKING, "RIGHT", "LEFT")
    for _ in range(2):
        for worker in workers:
            worker.look_for_what_was_left()
    assert client.llen(INTAKE) + client.llen(TAKING) == 1


# --- other clients --------------------------------------------------------------------


@pytest.mark.parametrize("pipelined", [False, True])
def test_a_connection_to_a_server_that_was_demoted_is_made_again(
    client: redis.Redis, valkey_url: str, pipelined: bool
) -> None:
    with client_of(valkey_url) as ours:
        ours.set("it", json.dumps("works"))
        before = ours.client_id()
        make_replica(client)
        with pytest.raises(ResponseError):
            ours.pipeline().set("it", "fails").execute() if pipelined else ours.set(
                "it", "fails"
            )
        assert ours.client_id() != before


# --- the doctor -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoil", "what", "code"),
    [
        (make_full, "redis writes", "OOM"),
        (make_replica, "redis writes", "READONLY"),
        (fill_disk, "redis", "MISCONF"),
    ],
)
def test_the_doctor_says_what_redis_refuses(
    client: redis.Redis, spoil: Callable[[redis.Redis], None], what: str, code: str
) -> None:
    assert checked(client)["redis writes"].level is Level.OK
    spoil(client)
    found = checked(client)[what]
    assert (found.level, found.problem) == (Level.WRONG, "redis-refuses")
    assert f"({code})" in found.says


def test_a_user_without_the_right_to_info_is_not_reported_as_unreachable(
    client: redis.Redis, valkey_url: str
) -> None:
    client.acl_setuser(
        "shy",
        enabled=True,
        passwords=["+it"],
        categories=["+@all"],
        commands=["-info"],
        keys=["*"],
    )
    with redis.Redis.from_url(valkey_url, username="shy", password="it") as shy:
        found = checked(shy)
    assert found["redis"].level is Level.OK
    for what in ("redis persistence", "redis eviction"):
        assert found[what].level is Level.WARNING
        assert "+info" in found[what].says


def checked(client: redis.Redis) -> dict[str, Check]:
    return {one.what: one for one in redis_checks(client, "it", "do")}
