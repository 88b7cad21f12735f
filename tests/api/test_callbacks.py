"""By what who comes by HTTP may ask to be told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from rescind.ledger.deliveries.delivery_queries import delivery_page
from rescind.ledger.storage.transactions import reading
from tests.api.conftest import Door, opened, problem, settings_for

GOOD = {"provider": "notpanel", "order": "ord_1"}
URL = "https://shop.example.com/done"


@pytest.fixture
def told_door(tmp_path: Path, sqlite_ledger_url: str) -> Iterator[Door]:
    """A door whose callers may be told at one host."""
    secret = SecretStr(f"whsec_{'A' * 44}")
    listed: dict[str, Any] = {"webhook_hosts": "shop.example.com"}
    chosen = settings_for(tmp_path, sqlite_ledger_url, webhook_secret=secret, **listed)
    with opened(chosen) as door:
        yield door


def deliveries(door: Door) -> list[str]:
    with reading(door.front.engine) as connection:
        return [one.order_id for one in delivery_page(connection, None, 10)]


def test_an_address_is_refused_until_its_host_is_allowed(door: Door) -> None:
    answer = door.submit({**GOOD, "callback_url": URL})
    told = problem(answer, 422, "invalid-request")
    assert "RESCIND_WEBHOOK_HOSTS" in told["detail"]


def test_an_address_that_is_allowed_is_kept(told_door: Door) -> None:
    assert told_door.submit({**GOOD, "callback_url": URL}).status_code == 202
    [row] = told_door.rows()
    assert row.callback_url == URL


def test_nobody_has_a_task_sent_on_the_broker_by_http(told_door: Door) -> None:
    answer = told_door.submit({**GOOD, "callback_task": "shop.ended"})
    told = problem(answer, 422, "invalid-request")
    assert "callback_task is not accepted here" in told["detail"]


def test_what_is_refused_on_the_spot_is_not_told_again(told_door: Door) -> None:
    assert (
        told_door.submit({**GOOD, "order": "", "callback_url": URL}).status_code == 422
    )
    late = {**GOOD, "callback_url": URL, "cancel_before": "2001-01-01T00:00:00Z"}
    assert told_door.submit(late).status_code == 202
    assert deliveries(told_door) == ["ord_1"]
