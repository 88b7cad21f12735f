"""Notifications to producers are listed by state and page by page."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine

from rescind.ledger.deliveries.delivery_queries import as_listed, delivery_page
from rescind.ledger.storage.transactions import reading
from tests.api.conftest import ApiServer, problem
from tests.ledger.delivering import GONE, NOT_TAKEN, TAKEN, ended, holding, settling


def fill(engine: Engine) -> list[str]:
    """A delivery in each state, and one more that waits, the oldest first."""
    ids = [ended(engine, str(number)) for number in range(4)]
    held = {one.cancellation_id: one for one in holding(engine)}
    for one, heard in zip(ids, (GONE, TAKEN, NOT_TAKEN), strict=False):
        settling(engine, held[one], heard)
    return ids


def listed(api: ApiServer, query: str = "") -> list[str]:
    found = api.get(f"/v1/webhooks{query}")
    assert found.status_code == 200, found.text
    return [one["cancellation"] for one in found.json()["webhooks"]]


def test_deliveries_are_listed_newest_first_and_by_state(either: ApiServer) -> None:
    ids = fill(either.context.engine)
    assert listed(either) == ids[::-1]
    assert listed(either, "?limit=2") == ids[:1:-1]
    assert listed(either, "?state=given_up") == [ids[0]]
    assert listed(either, "?state=delivered") == [ids[1]]
    # Sorted by due time; a claimed delivery is due when its lease runs out.
    assert listed(either, "?state=waiting") == [ids[2], ids[3]]


def test_each_has_the_command_lines_format_without_its_address(
    api: ApiServer,
) -> None:
    fill(api.context.engine)
    told = api.get("/v1/webhooks")
    with reading(api.context.engine) as connection:
        rows = delivery_page(connection, None, 10)
    assert told.json() == {"webhooks": [as_listed(row) for row in rows], "next": None}
    assert "shop.example.com" in told.text
    assert "hook?key" not in told.text


@pytest.mark.parametrize("state", ["", "&state=waiting"])
def test_pages_hold_each_one_once_and_in_order(api: ApiServer, state: str) -> None:
    for number in range(7):
        ended(api.context.engine, str(number))
    whole = listed(api, f"?limit=1000{state}")
    found: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        after = f"&cursor={cursor}" if cursor else ""
        page = api.get(f"/v1/webhooks?limit=3{state}{after}").json()
        found += [one["cancellation"] for one in page["webhooks"]]
        cursor = page["next"]
    assert len(whole) == 7
    assert found == whole


def test_a_cursor_is_valid_for_one_list(api: ApiServer) -> None:
    for number in range(2):
        ended(api.context.engine, str(number))
    states = ("", "&state=waiting")
    cursors = [api.get(f"/v1/webhooks?limit=1{one}").json()["next"] for one in states]
    submitted = [{"provider": "notpanel", "order": f"ord_{n}"} for n in range(2)]
    api.submit(*submitted)
    other = api.get("/v1/cancellations?limit=1").json()["next"]
    for query in (
        f"?cursor={cursors[0]}&state=waiting",
        f"?cursor={cursors[1]}",
        f"?cursor={cursors[1]}&state=given_up",
        f"?cursor={other}",
    ):
        told = problem(api.get(f"/v1/webhooks{query}"), 422, "invalid-request")
        assert told["detail"].startswith("cursor: ")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?cursor=x", "cursor"),
        ("?cursor=MjpnaXZlbl91cDo6", "cursor"),
        ("?limit=0", "limit"),
        ("?limit=1001", "limit"),
        ("?state=failed", "state"),
    ],
)
def test_a_wrong_parameter_is_named(api: ApiServer, query: str, names: str) -> None:
    told = problem(api.get(f"/v1/webhooks{query}"), 422, "invalid-request")
    assert told["detail"].startswith(f"{names}: ")
