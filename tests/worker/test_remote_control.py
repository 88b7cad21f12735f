"""Remote control over the broker inspects workers, and changes nothing."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery
from celery.utils.collections import AttributeDict
from celery.worker.control import Panel
from flower.inspector import Inspector
from kombu.exceptions import OperationalError
from structlog.testing import capture_logs

from rescind.config.queues import SWEEPS
from tests.worker.threads import ROOT, Running, started
from worker.remote_control import ANSWERED, INSTEAD, Node

MARK = "TR560006100519786457800001"
NOT_BY_NAME = {"dump_active", "dump_conf", "dump_reserved", "dump_revoked"}
NOT_BY_NAME |= {"dump_schedule", "dump_tasks"}
"""Celery's older names of commands that inspect."""
COSTLY = {"memdump", "memsample", "objgraph"}
"""Commands that inspect but cost a worker much time, memory or disk."""
CHANGES: dict[str, dict[str, Any]] = {
    "add_consumer": {"queue": "other"},
    "autoscale": {"max": 1, "min": 1},
    "cancel_consumer": {"queue": SWEEPS},
    "disable_events": {},
    "election": {"id": "1", "topic": "task", "action": {"task": "rescind.fatal"}},
    "pool_grow": {"n": 5},
    "pool_restart": {},
    "pool_shrink": {"n": 1},
    "rate_limit": {"task_name": "rescind.sweep", "rate_limit": "1/h"},
    "revoke": {"task_id": "a-sweep", "terminate": True},
    "revoke_by_stamped_headers": {"headers": {"stamp": ["a"]}},
    "shutdown": {},
    "terminate": {"task_id": "a-sweep", "signal": "SIGKILL"},
    "time_limit": {"task_name": "rescind.sweep", "hard": 1, "soft": 1},
}


@pytest.fixture(scope="module")
def worker(
    valkey_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    url = valkey_url.removesuffix("/0") + "/7"
    log = tmp_path_factory.mktemp("worker") / "log"
    with redis.Redis.from_url(url, client_name="test") as client:
        client.flushdb()
        with started(url, client, log, "-c", "2") as running:
            yield running
        client.flushdb()


def ask(worker: Running, command: str, **arguments: Any) -> Any:
    """The answer of the only worker."""
    control = worker.producer.control
    (answer,) = control.broadcast(
        command, arguments=arguments, reply=True, limit=1, timeout=60
    )
    (said,) = answer.values()
    return said


def state_of(worker: Running) -> dict[str, Any]:
    """The state that the commands would change."""
    stats = ask(worker, "stats")
    queues = sorted(queue["name"] for queue in ask(worker, "active_queues"))
    registered = ask(worker, "registered", taskinfoitems=["rate_limit", "time_limit"])
    known = {name: stats[name] for name in ("pid", "prefetch_count")}
    size = stats["pool"]["max-concurrency"]
    revoked = ask(worker, "revoked")
    return {**known, "n": size, "q": queues, "r": registered, "revoked": revoked}


def test_every_command_that_celery_knows_is_either_answered_or_refused() -> None:
    named = ANSWERED | set(CHANGES) | NOT_BY_NAME | COSTLY
    assert set(Panel.data) == named
    changing = {name for name, meta in Panel.meta.items() if meta.type == "control"}
    assert changing == set(CHANGES) | {"enable_events", "heartbeat"}
    assert set(INSTEAD) <= set(CHANGES)


def test_flowers_commands_are_answered() -> None:
    assert set(Inspector.inspect_methods) <= ANSWERED


@pytest.mark.parametrize("command", sorted(CHANGES))
def test_a_command_that_changes_is_refused_and_the_sweep_goes_on(
    worker: Running, command: str
) -> None:
    before = state_of(worker)
    answer = ask(worker, command, **CHANGES[command])
    assert answer["error"].startswith(
        f"refused: workers of Rescind do not obey {command};"
    )
    assert f"command={command} " in worker.said() or command in worker.said()
    assert state_of(worker) == before
    swept = worker.sweeps
    worker.producer.send_task("rescind.sweep", queue=SWEEPS, task_id="a-sweep")
    worker.sweep()
    worker.until(lambda: worker.sweeps == swept + 2, "sweeps")


@pytest.mark.parametrize("command", sorted(ANSWERED - {"hello", "query_task"}))
def test_a_command_that_inspects_is_answered(worker: Running, command: str) -> None:
    answer = ask(worker, command)
    assert not (isinstance(answer, dict) and "error" in answer)


def test_another_worker_says_hello_and_revokes_nothing(worker: Running) -> None:
    answer = ask(worker, "hello", from_node="other@host", revoked=["a-sweep"])
    assert answer["revoked"] == []
    assert ask(worker, "revoked") == []


def test_arguments_of_tasks_are_not_shown(worker: Running) -> None:
    """Celery's own workers show them in ``celery inspect active``, for example."""
    for number, when in ((1, {}), (2, {"countdown": 60})):
        worker.submit(number, kwargs={"gate": MARK}, task_id=f"id-{number}", **when)
    worker.until(lambda: 1 in worker.numbers("began"), "the first one")
    worker.until(lambda: ask(worker, "scheduled"), "the second one")
    shown = {
        "active": ask(worker, "active"),
        "reserved": ask(worker, "reserved"),
        "scheduled": ask(worker, "scheduled"),
        "query_task": ask(worker, "query_task", ids=["id-1", "id-2"]),
    }
    worker.redis.set(MARK, "open")
    assert [one["id"] for one in shown["active"]] == ["id-1"]
    assert set(shown["query_task"]) == {"id-1", "id-2"}
    assert MARK not in json.dumps(shown)
    assert MARK not in worker.said()


def test_a_malformed_command_is_logged_and_stops_nothing(
    worker: Running,
) -> None:
    pings = [{"method": "ping"}, {"method": 5}, {"arguments": {}}]
    with worker.producer.connection() as connection:
        producer = connection.Producer(serializer="json")
        for body in (
            [MARK],
            MARK,
            5,
            None,
            {"pattern": "(", "matcher": "pcre"},
            *pings,
        ):
            producer.publish(
                body, exchange="celery.pidbox", declare=[_exchange(worker.producer)]
            )
    assert ask(worker, "ping") == {"ok": "pong"}
    assert worker.said().count("malformed") >= 5
    assert "remote control by pattern was refused" in worker.said()
    assert MARK not in worker.said()
    assert "Traceback" not in worker.said()


def _exchange(app: Celery) -> Any:
    return app.control.mailbox.exchange


def test_a_producer_with_few_rights_can_submit_and_nothing_else(
    worker: Running,
) -> None:
    page = (ROOT / "docs" / "operating.md").read_text()
    (line,) = re.findall(r"(?m)^ACL SETUSER (shop .*)$", page)
    user, *rights = shlex.split(line)
    as_sent = [right.encode().decode("unicode_escape") for right in rights]
    ask_redis: Any = worker.redis.execute_command
    ask_redis("ACL SETUSER", user, *as_sent)
    port = worker.redis.connection_pool.connection_kwargs["port"]
    shop = Celery(broker=f"redis://shop:PASSWORD@127.0.0.1:{port}/7")
    shop.conf.task_publish_retry = False
    try:
        shop.send_task("rescind.submit", [77], queue="rescind")
        worker.until(lambda: 77 in worker.numbers("taken in"), "the submission")
        with pytest.raises(OperationalError, match="no permissions"):
            shop.control.broadcast("cancel_consumer", {"queue": SWEEPS})
        with pytest.raises(OperationalError, match="No permissions"):
            shop.send_task("rescind.sweep", queue=SWEEPS)
    finally:
        worker.redis.acl_deluser("shop")


# --- without a worker ---------------------------------------------------------------


@pytest.fixture
def node() -> Node:
    app = Celery("secretive", broker="redis://user:hush-hush@127.0.0.1:1/0")
    app.conf.result_backend = "redis://:hush-hush@127.0.0.1:1/0"
    app.conf.broker_read_url = "redis://:hush-hush@127.0.0.1:1/0"
    app.control.mailbox.node_cls = Node
    state = AttributeDict(app=app, hostname="worker@host")
    made: Node = app.control.mailbox.Node("worker@host", state, None, Panel.data)
    return made


@pytest.mark.parametrize("arguments", [{}, {"with_defaults": True}])
def test_settings_are_shown_without_passwords(
    node: Node, arguments: dict[str, Any]
) -> None:
    shown = json.dumps(node.handle("conf", arguments))
    assert "broker_read_url" in shown
    assert "hush" not in shown
    assert "hush" not in str(node.handle("report"))


@pytest.mark.parametrize(
    "method",
    ["nothing-like-it", "__class__", "dump_conf", "", None, 5, [MARK], MARK * 9],
)
def test_a_command_that_is_unknown_is_refused_and_not_repeated(
    node: Node, method: Any
) -> None:
    with capture_logs() as lines:
        answer = node.handle(method)
    (line,) = lines
    assert line["event"] == "a remote control command was refused"
    assert "only commands that inspect are answered" in answer["error"]
    assert len(str(line)) < 300


def test_flowers_requests_for_events_are_not_logged(
    worker: Running, tmp_path: Path
) -> None:
    before = len(worker.said())
    worker.producer.control.enable_events()
    assert ask(worker, "enable_events") == {"ok": "task events already enabled"}
    assert worker.said()[before:] == ""
