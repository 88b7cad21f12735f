"""Notifications: one message for each lane, which holds only its name."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest
from celery import Celery
from redis import Redis

from worker.broker import CONFIG
from worker.notifications import notify_lanes

LANE = ("akinon", "shop")


@pytest.fixture
def client(valkey_url: str) -> Iterator[Redis]:
    with Redis.from_url(valkey_url) as client:
        client.flushdb()
        yield client
        client.flushdb()


@pytest.fixture
def app(valkey_url: str, client: Redis) -> Celery:
    del client
    made = Celery(broker=valkey_url)
    made.conf.update(CONFIG)
    return made


def test_a_lane_that_is_named_twice_gets_one_message_in_its_providers_queue(
    app: Celery, client: Redis
) -> None:
    notify_lanes(app, [LANE, ("ithink", "default"), LANE])
    assert (client.llen("akinon"), client.llen("ithink")) == (1, 1)


def test_a_notification_has_the_accounts_name_and_expires(
    app: Celery, client: Redis
) -> None:
    notify_lanes(app, [LANE], "verify")
    [raw] = client.lrange("akinon", 0, -1)
    message = json.loads(raw)
    args, kwargs, _ = json.loads(base64.b64decode(message["body"]))
    assert message["headers"]["task"] == "akinon.verify"
    assert (args, kwargs) == (["shop"], {})
    assert message["headers"]["expires"]
