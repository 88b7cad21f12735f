"""The real HTTP API answers every example of docs/http.md as the page says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from redis import Redis

from rescind.api import admission, budgets
from rescind.api.bodies import LARGEST
from rescind.api.bounded_protocol import REQUEST_SECONDS
from rescind.api.crowding import CROWDED
from rescind.api.event_routes import RATE
from rescind.api.fair_queue import TURN
from rescind.api.group_commit import ROOM
from rescind.api.http_server import GRACE_SECONDS
from rescind.api.problem_details import TITLES
from rescind.api.request_heads import LINE_BYTES
from rescind.api.wrong_tokens import FAILURES
from rescind.config.settings import Settings
from rescind.ledger.changes.rereading import SPACING
from rescind.provider.events import LARGEST_EVENT, MOST_ORDERS
from rescind.telemetry import heartbeat
from tests.api.conftest import ApiServer, opened, settings_for

GUIDE = (Path(__file__).parents[2] / "docs" / "http.md").read_text()
EXAMPLE = re.compile(r"```http\n(.*?)\n```\n(.*?)```json (\d+)\n(.*?)\n```", re.DOTALL)
ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
VARIES = [ID, re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")]
VARIES.append(re.compile(r"refused:[0-9a-f]{32}"))


@dataclass
class Example:
    """One request of the guide, and its answer."""

    request: str
    status: int
    answer: Any

    @property
    def name(self) -> str:
        return self.request.splitlines()[0]


EXAMPLES = [
    Example(request, int(status), json.loads(answer))
    for request, _, status, answer in EXAMPLE.findall(GUIDE)
]


@pytest.fixture
def answering(
    tmp_path: Path, sqlite_ledger_url: str, valkey_url: str
) -> Iterator[ApiServer]:
    given: dict[str, Any] = {
        "redis_url": SecretStr(valkey_url),
        "webhook_hosts": "shop.example.com",
        "webhook_secret": SecretStr(f"whsec_{'A' * 44}"),
    }
    with (
        Redis.from_url(valkey_url) as client,
        opened(settings_for(tmp_path, sqlite_ledger_url, **given)) as api,
    ):
        client.delete(heartbeat.KEY)
        heartbeat.write(client, datetime.now(UTC))
        yield api
        client.delete(heartbeat.KEY)


def test_every_example_is_answered_as_the_guide_says(answering: ApiServer) -> None:
    assert len(EXAMPLES) > 10
    known: dict[str, str] = {}
    for one in EXAMPLES:
        head, _, body = one.request.partition("\n\n")
        line, *headers = head.splitlines()
        method, path = line.split()
        for written, real in known.items():
            path = path.replace(written, real)
        given = dict(header.split(": ", 1) for header in headers)
        if body:
            given["Content-Type"] = "application/json"
        told = answering.ask(method, path, headers=given, data=body or None)
        assert told.status_code == one.status, (one.name, told.text)
        assert shape(told.json()) == shape(one.answer), one.name
        if isinstance(one.answer.get("id"), str):
            known.setdefault(one.answer["id"], told.json()["id"])


def shape(value: Any) -> Any:
    """``value`` without ids and times, which differ each time."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value]
    if isinstance(value, float):
        return 0.0
    if isinstance(value, str):
        for one in VARIES:
            value = one.sub("…", value)
    return value


def test_every_kind_of_problem_is_listed() -> None:
    listed = set(re.findall(r"`/errors/([a-z-]+)`", GUIDE))
    of_health = {"no-worker", "redis-unreachable", "redis-refuses", "clock"}
    assert listed | of_health == set(TITLES)
    assert all(f"`{one}`" in GUIDE for one in of_health)


def test_the_guide_states_the_limits_in_force() -> None:
    for said in (
        f"| {LARGEST // 2**20} MiB, in chunks or not.",
        f"has {REQUEST_SECONDS:g} s to arrive whole",
        f"`RESCIND_API_RATE`, {Settings.model_fields['api_rate'].default} unless set",
        f"where each line counts {LINE_BYTES} bytes more",
        f"has {admission.STRANGER_SECONDS:g} s for its body",
        f"for its body, and {admission.STRANGER_BYTES // 1024} KiB",
        f"`RESCIND_API_ENTRY_RATE`, {Settings.model_fields['api_entry_rate'].default}",
        f"{budgets.API_PLACES} requests with a token",
        f"so {budgets.API_PLACES // 2} alone",
        f"{budgets.PAGE_PLACES} requests for pages of signed-in users",
        f"and {budgets.STREAM_PLACES} event streams",
        f"{budgets.STRANGER_PLACES} requests without a valid token",
        f"{budgets.STRANGER_SHARE} of them from one address",
        f"with more than {CROWDED}, each new one",
        f"| wrong tokens | {FAILURES.amount} a minute from one address",
        f"A transaction takes {ROOM} cancellations. Tokens take turns in it, of {TURN}",
        f"has {GRACE_SECONDS} s to end",
        f"3 s for its body, and {LARGEST_EVENT // 1024} KiB. {MOST_ORDERS} orders",
        f"{RATE.amount}/second of one account",
        f"{budgets.EVENT_PLACES} events of providers",
        f"within {SPACING.total_seconds():g} s of its last change",
    ):
        assert said in GUIDE
