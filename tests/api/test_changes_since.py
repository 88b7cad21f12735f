"""Listing what has changed since a time, for callers that keep a copy."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import ApiServer, problem

GOOD = {"provider": "notpanel", "order": "ord_1"}


def test_changes_since_a_time_are_listed_the_oldest_first(either: ApiServer) -> None:
    ids = [either.submit({**GOOD, "order": f"ord_{n}"}).json()["id"] for n in range(5)]
    rows = sorted(either.rows(), key=lambda row: (row.updated_at, row.id))
    listed = _changes(either, "2020-01-01T00:00:00Z", limit=2)
    assert [one["id"] for one in listed] == [row.id for row in rows]
    assert {one["id"] for one in listed} == set(ids)
    last = listed[-1]["updated_at"]
    assert _changes(either, last)[-1]["id"] == rows[-1].id
    assert _changes(either, "2999-01-01T00:00:00Z") == []
    assert _changes(either, "2020-01-01T00:00:00Z", state="failed") == []


@pytest.mark.parametrize("looked_at", [1, 2, 3, 50])
def test_a_page_of_changes_looks_at_a_bounded_number_of_rows(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch, looked_at: int
) -> None:
    for n in range(5):
        api.submit(
            {**GOOD, "order": f"ord_{n}", "group": "even" if n % 2 == 0 else "odd"}
        )
    monkeypatch.setattr("rescind.browse.updates.LOOKED_AT_ONCE", looked_at)
    listed = _changes(api, "2020-01-01T00:00:00Z", limit=1, group="even")
    assert [one["order"] for one in listed] == ["ord_0", "ord_2", "ord_4"]


@pytest.mark.parametrize("since", ["2020-01-01T00:00:00+03:00", "+15m"])
def test_an_unescaped_plus_in_a_time_is_explained(api: ApiServer, since: str) -> None:
    answer = api.get(f"/v1/cancellations?updated_since={since}")
    told = problem(answer, 422, "invalid-request")
    assert told["detail"].endswith("; in an address, + is written %2B")


def test_a_time_in_the_future_is_no_time_of_a_change(api: ApiServer) -> None:
    answer = api.get("/v1/cancellations", params={"updated_since": "+15m"})
    told = problem(answer, 422, "invalid-request")
    assert "relative" not in told["detail"]


def _changes(api: ApiServer, since: str, **more: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    asked = {"updated_since": since, **more}
    while True:
        page = api.get("/v1/cancellations", params=asked).json()
        found += page["cancellations"]
        if page["next"] is None:
            return found
        asked["cursor"] = page["next"]
