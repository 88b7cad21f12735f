"""Malformed messages stop no worker, and their content is not shown."""

from __future__ import annotations

import base64
import json
import uuid
from itertools import count
from typing import Any

import pytest
import redis

from tests.tasks.conftest import Running, until

MARK = "TR560006100519786457800001"
_numbers = count(640_000_001)


def headers(task: object = "rescind.submit", **more: object) -> dict[str, object]:
    return {"lang": "py", "task": task, "id": str(uuid.uuid4()), **more}


def message(
    body: bytes | str, head: object, kind: str = "application/json", **more: object
) -> str:
    """A message as Celery's Redis transport writes it."""
    tag = str(uuid.uuid4())
    text = body if isinstance(body, str) else base64.b64encode(body).decode()
    where = {"exchange": "", "routing_key": "rescind"}
    properties = {"delivery_tag": tag, "delivery_info": where, "priority": 0}
    properties |= {"body_encoding": "base64", "correlation_id": tag}
    whole = {"body": text, "headers": head, "properties": properties}
    return json.dumps(
        {"content-type": kind, "content-encoding": "utf-8", **whole, **more}
    )


def body(*args: object, **kwargs: object) -> bytes:
    return json.dumps([args, kwargs, {}]).encode()


FORMER = {"task": "rescind.submit", "id": "1", "args": [], "kwargs": MARK}
UNUSABLE: dict[str, str] = {
    "a task's name misspelt": message(
        body(cancellations=[{"params": {"ibans": {"1": MARK}}}]),
        headers("rescind.sumbit", argsrepr=MARK, kwargsrepr=MARK),
    ),
    "the same, in the former protocol": message(
        json.dumps({**FORMER, "task": "rescind.sumbit", "kwargs": {}}).encode(), {}
    ),
    "no JSON": message(b"{" + MARK.encode(), headers()),
    "no UTF-8": message(b"\xff" + MARK.encode(), headers()),
    "no base64": message("###" + MARK, headers()),
    "too deep": message(b"[" * 5000 + b"]" * 5000, headers()),
    "a number": message(b"5", headers()),
    "a text": message(json.dumps(MARK).encode(), headers()),
    "four parts": message(json.dumps([[], {}, {}, MARK]).encode(), headers()),
    "arguments that are none": message(
        json.dumps([{MARK: 1}, {}, {}]).encode(), headers()
    ),
    "keywords that are none": message(json.dumps([[], MARK, {}]).encode(), headers()),
    "keywords that are none, former": message(json.dumps(FORMER).encode(), {}),
    "a pickle": message(MARK.encode(), headers(), "application/x-python-serialize"),
    "another kind": message(MARK.encode(), headers(), "text/x-" + MARK),
    "another compression": message(MARK.encode(), headers(compression=MARK)),
    "no headers": message(MARK.encode(), None),
    "headers without a task": message(body(MARK), {"x": MARK}),
    "a task that is a list": message(body(), headers([MARK])),
    "a task that is an IBAN with spaces": message(body(), headers("TR56 " + MARK)),
    "no id": message(body(MARK), {"task": "rescind.submit"}),
    "a bad eta": message(body(MARK), headers(eta=MARK)),
    "no properties": json.dumps({"body": MARK, "headers": {}}),
    "no message": "nonsense " + MARK,
    "a list": json.dumps([MARK]),
}
USABLE: dict[str, str] = {
    "a keyword misspelt": message(body(cancelations=[MARK]), headers()),
    "time limits that are none": message(body(MARK), headers(timelimit=[MARK, MARK])),
    "retries that are none": message(body(MARK), headers(retries=MARK)),
    "a bad expiry": message(body(MARK), headers(expires=MARK)),
    "an entry that is none": message(body(cancellations=[MARK]), headers()),
}


@pytest.fixture
def valkey(system: Running) -> redis.Redis:
    return redis.Redis.from_url(system.system.redis_url)


def good_one_ends(system: Running) -> None:
    order = str(next(_numbers))
    system.sandbox.seed("iletimerkezi", order, "scheduled")
    system.submit({"provider": "iletimerkezi", "order": order})
    assert system.ends(f"iletimerkezi/default/{order}")["state"] == "cancelled"


def test_no_malformed_message_stops_a_worker_or_shows_or_stays(
    system: Running, valkey: redis.Redis
) -> None:
    good_one_ends(system)
    worker, heard = system.system.pids["worker"], len(system.said)
    valkey.lpush("rescind", *UNUSABLE.values(), *USABLE.values())
    good_one_ends(system)
    waiting, taken = "rescind", "rescind:taking"
    held = "rescind:unacked"
    until(
        lambda: not (valkey.llen(waiting) + valkey.llen(taken) + valkey.hlen(held)),
        "intake",
    )
    said = "\n".join(system.said[heard:])
    assert system.system.pids["worker"] == worker
    assert said.count("dropped") == len(UNUSABLE), said
    assert MARK not in said
    assert "Traceback" not in said


def test_a_dropped_message_is_logged_with_its_id_and_size(
    system: Running, valkey: redis.Redis
) -> None:
    head = headers("rescind.sumbit")
    valkey.lpush("rescind", message(body(cancellations=[MARK]), head))

    def line() -> list[str]:
        return [one for one in system.said if str(head["id"]) in one]

    until(line, "the line")
    (said,) = line()
    size = len(body(cancellations=[MARK]))
    assert "task=rescind.sumbit" in said
    assert f"bytes={size} queue=rescind" in said
    assert "there is no such task" in said


def test_arguments_in_a_producers_headers_reach_no_event(
    system: Running, valkey: redis.Redis
) -> None:
    seen: list[dict[str, Any]] = []
    with system.producer.connection() as connection:
        receiver = system.producer.events.Receiver(
            connection, handlers={"task-received": seen.append}
        )
        told = receiver.itercapture(limit=None, timeout=10, wakeup=False)
        until(lambda: next(told) or seen, "the first event")
        odd = {"retries": MARK, "root_id": [MARK], "parent_id": f"TR56 {MARK}"}
        valkey.lpush("rescind", message(body(), headers(**odd)))
        for task in ("rescind.submit", "akinon.cancel"):
            system.producer.send_task(task, kwargs={"ibans": MARK}, queue="rescind")
        until(
            lambda: next(told) or any(e["name"] == "akinon.cancel" for e in seen),
            "both events",
        )
    assert any(event["kwargs"] == "{...}" for event in seen)
    assert MARK not in str(seen)


def told(system: Running, order: str, raw: str) -> dict[str, Any]:
    """The record that results from a raw message about ``order``."""
    redis.Redis.from_url(system.system.redis_url).lpush("rescind", raw)
    return system.ends(f"iletimerkezi/default/{order}")


def entry_of(system: Running) -> tuple[str, dict[str, Any]]:
    order = str(next(_numbers))
    system.sandbox.seed("iletimerkezi", order, "scheduled")
    return order, {"cancellations": [{"provider": "iletimerkezi", "order": order}]}


PAST, FUTURE = "2020-01-01T00:00:00+00:00", "2999-01-01T00:00:00"


@pytest.mark.parametrize(
    ("expires", "state"),
    [(PAST, "expired"), (FUTURE, "cancelled"), ("soon", "cancelled")],
)
def test_a_message_with_expires_is_always_accepted(
    system: Running, expires: str, state: str
) -> None:
    order, kwargs = entry_of(system)
    raw = message(body(**kwargs), headers(expires=expires))
    found = told(system, order, raw)
    assert found["state"] == state
    assert len(system.events("iletimerkezi", order, "cancel")) == (state != "expired")


def test_a_message_in_the_former_protocol_is_accepted_too(system: Running) -> None:
    order, kwargs = entry_of(system)
    former = {**FORMER, "id": str(uuid.uuid4()), "kwargs": kwargs, "expires": PAST}
    assert told(system, order, message(json.dumps(former).encode(), {}))[
        "provider_message"
    ] == ("the message's expires had passed when it was taken in")


def test_a_stray_keyword_costs_no_entry(system: Running) -> None:
    order, kwargs = entry_of(system)
    raw = message(body(**kwargs, dry_run=True), headers())
    assert told(system, order, raw)["state"] == "cancelled"
    assert any("unknown arguments" in one and "dry_run" in one for one in system.said)
