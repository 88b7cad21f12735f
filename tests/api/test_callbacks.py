"""The callbacks that a caller may ask for by HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from rescind.ledger.deliveries.delivery_queries import delivery_page
from rescind.ledger.storage.transactions import reading
from tests.api.conftest import ApiServer, opened, problem, settings_for

GOOD = {"provider": "notpanel", "order": "ord_1"}
URL = "https://shop.example.com/done"


@pytest.fixture
def notified_api(tmp_path: Path, sqlite_ledger_url: str) -> Iterator[ApiServer]:
    """An HTTP API that allows callbacks to one host."""
    secret = SecretStr(f"whsec_{'A' * 44}")
    listed: dict[str, Any] = {"webhook_hosts": "shop.example.com"}
    chosen = settings_for(tmp_path, sqlite_ledger_url, webhook_secret=secret, **listed)
    with opened(chosen) as api:
        yield api


def deliveries(api: ApiServer) -> list[str]:
    with reading(api.context.engine) as connection:
        return [one.order_id for one in delivery_page(connection, None, 10)]


def test_an_address_is_refused_until_its_host_is_allowed(api: ApiServer) -> None:
    answer = api.submit({**GOOD, "callback_url": URL})
    told = problem(answer, 422, "invalid-request")
    assert "RESCIND_WEBHOOK_HOSTS" in told["detail"]


def test_an_address_that_is_allowed_is_kept(notified_api: ApiServer) -> None:
    assert notified_api.submit({**GOOD, "callback_url": URL}).status_code == 202
    [row] = notified_api.rows()
    assert row.callback_url == URL


def test_a_callback_task_is_refused_by_http(notified_api: ApiServer) -> None:
    answer = notified_api.submit({**GOOD, "callback_task": "shop.ended"})
    told = problem(answer, 422, "invalid-request")
    assert "callback_task is not accepted here" in told["detail"]


def test_a_refused_submission_causes_no_notification(notified_api: ApiServer) -> None:
    assert (
        notified_api.submit({**GOOD, "order": "", "callback_url": URL}).status_code
        == 422
    )
    late = {**GOOD, "callback_url": URL, "cancel_before": "2001-01-01T00:00:00Z"}
    assert notified_api.submit(late).status_code == 202
    assert deliveries(notified_api) == ["ord_1"]


def test_a_group_says_who_is_told_of_its_end(notified_api: ApiServer) -> None:
    asked = {"group": "g", "on_group_end": f"{URL}?key=secret"}
    assert notified_api.submit({**GOOD, **asked}).status_code == 202
    # A repetition asks for nothing.
    assert notified_api.submit({**GOOD, **asked}).json()["receipt"] == "duplicate"
    answer = notified_api.get("/v1/groups/g")
    [told] = answer.json()["told"]
    assert (told["target"], told["told_at"]) == ("shop.example.com", None)
    assert "secret" not in answer.text


def test_the_end_of_a_group_is_told_to_no_other_host(notified_api: ApiServer) -> None:
    asked = {"group": "g", "on_group_end": "https://evil.example.org/"}
    told = problem(notified_api.submit({**GOOD, **asked}), 422, "invalid-request")
    assert told["param"] == "/on_group_end"
    assert "RESCIND_WEBHOOK_HOSTS does not list" in told["detail"]
