"""Reading cancellations by HTTP: one with its history, lists, groups; and retries."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from rescind.ledger.reading.queries import as_record
from rescind.ledger.states import State
from rescind.ledger.storage.tables import CANCELLATION
from rescind.ledger.storage.transactions import writing
from tests.api.conftest import ApiServer, problem
from tests.ledger.build import HOUR, NOW, SECOND, add, change, hold, make
from tests.tasks.conftest import until

C = CANCELLATION.c


def orders(api: ApiServer, query: str = "") -> list[str]:
    found = api.get(f"/v1/cancellations{query}")
    assert found.status_code == 200, found.text
    return [one["order"] for one in found.json()["cancellations"]]


@pytest.mark.parametrize("key", ["7", "a/b/c", "7 & 8?", "é/ş", "a//b/", "50%"])
def test_one_is_found_by_its_id_and_by_its_key_with_its_history(
    api: ApiServer, key: str
) -> None:
    entry = {"provider": "notpanel", "order": "ord_1", "key": key}
    told = api.submit(entry).json()
    by_id = api.get(f"/v1/cancellations/{told['id']}").json()
    path = quote(key, safe="/")
    by_key = api.get(f"/v1/cancellations/notpanel/default/{path}").json()
    assert by_id == by_key
    [row] = api.rows()
    steps = by_id.pop("history")
    assert by_id.pop("after") == []
    assert by_id == as_record(row)
    assert [(one["from"], one["to"]) for one in steps] == [(None, "queued")]


def test_a_history_has_the_providers_own_words(either: ApiServer) -> None:
    engine = either.context.engine
    one = add(engine)
    [held] = hold(engine, now=NOW + SECOND)
    make(engine, [change(held, State.CANCELLED)], NOW + 2 * SECOND)
    told = either.get(f"/v1/cancellations/{one}").json()
    assert [step["to"] for step in told["history"]] == [
        "queued",
        "sending",
        "cancelled",
    ]
    assert told["state"] == "cancelled"


@pytest.mark.parametrize(
    "path",
    [
        "nobody",
        "notpanel/default/none",
        "notpanel/default/",
        "%00",
        "\u00e9/x/y",
        "x" * 3000,
    ],
)
def test_an_unknown_cancellation_or_group_is_not_found(
    api: ApiServer, path: str
) -> None:
    problem(api.get(f"/v1/cancellations/{path}"), 404, "not-found")


# --- lists --------------------------------------------------------------------------


def fill(api: ApiServer) -> None:
    engine = api.context.engine
    add(engine, order="a", group="g/1")
    add(engine, State.FAILED, order="b", group="g/1")
    add(engine, State.CANCELLED, order="c", lane=("ithink", "b"))
    add(engine, State.EXPIRED, order="d", lane=("ithink", "default"))


def test_a_list_is_newest_first_and_every_filter_must_fit(either: ApiServer) -> None:
    fill(either)
    for query, found in {
        "": ["d", "c", "b", "a"],
        "?state=failed&state=queued": ["b", "a"],
        "?provider=ithink": ["d", "c"],
        "?provider=ithink&account=b": ["c"],
        "?group=g/1": ["b", "a"],
        "?group=g%2F1&state=queued": ["a"],
        "?order=b": ["b"],
        "?order=b&state=queued": [],
        "?order=%00": [],
        "?limit=1": ["d"],
    }.items():
        assert orders(either, query) == found, query


def test_an_order_is_found_whatever_its_key_is(either: ApiServer) -> None:
    for key in (None, "k/1", "k/2"):
        either.submit({"provider": "notpanel", "order": "ord_1", "key": key})
    either.submit({"provider": "notpanel", "order": "ord_1", "account": "second"})
    either.submit({"provider": "ithink", "order": "ord_1"})
    either.submit({"provider": "notpanel", "order": "ord_2", "key": "ord_1x"})
    found = either.get("/v1/cancellations?order=ord_1").json()["cancellations"]
    keys = [(one["account"], one["key"]) for one in found]
    refused = [key for _, key in keys if key.startswith("refused:")]
    assert len(refused) == 1
    assert [one for one in keys if one[1] not in refused] == [
        ("second", "ord_1"),
        ("default", "k/2"),
        ("default", "k/1"),
        ("default", "ord_1"),
    ]


@given(limits=st.lists(st.integers(1, 9), min_size=1, max_size=4), which=st.data())
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pages_hold_each_row_once_and_in_order(
    api: ApiServer, limits: list[int], which: st.DataObject
) -> None:
    if not api.rows():
        fill(api)
        fill_more(api)
    query = which.draw(st.sampled_from(["", "&provider=notpanel", "&group=g"]))
    whole = api.get(f"/v1/cancellations?limit=1000{query}").json()
    assert whole["next"] is None
    found: list[Any] = []
    cursor: str | None = ""
    pages = 0
    while cursor is not None:
        after = f"&cursor={cursor}" if cursor else ""
        size = limits[pages % len(limits)]
        page = api.get(f"/v1/cancellations?limit={size}{query}{after}").json()
        assert len(page["cancellations"]) <= size
        found += page["cancellations"]
        cursor, pages = page["next"], pages + 1
    assert found == whole["cancellations"]


def fill_more(api: ApiServer) -> None:
    entries = [
        {"provider": "notpanel", "order": f"ord_{n}", "group": "g" if n % 2 else None}
        for n in range(20)
    ]
    api.submit(*entries)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?cursor=x", "cursor"),
        ("?cursor=MTow", "cursor"),
        ("?cursor=%C3%A9", "cursor"),
        ("?limit=0", "limit"),
        ("?limit=1001", "limit"),
        ("?limit=many", "limit"),
        ("?state=gone", "state"),
        (f"?order={'x' * 201}", "order"),
    ],
)
def test_a_wrong_parameter_is_named(api: ApiServer, query: str, names: str) -> None:
    told = problem(api.get(f"/v1/cancellations{query}"), 422, "invalid-request")
    assert told["detail"].startswith(f"{names}: ")


def test_a_group_is_counted_by_state(either: ApiServer) -> None:
    fill(either)
    add(either.context.engine, order="e", group="g/1")
    hold(either.context.engine, limit=1, now=NOW + HOUR)
    told = either.get("/v1/groups/g/1").json()
    assert (told["group"], told["total"]) == ("g/1", 3)
    assert set(told["states"]) == set(State)
    some = {state: n for state, n in told["states"].items() if n}
    assert some == {"queued": 1, "sending": 1, "failed": 1}
    assert told["reasons"] == {"failed": {"unresolved": 1}}
    assert (told["ended"], told["percent"], told["told"]) == (1, 33, [])
    problem(either.get("/v1/groups/g"), 404, "not-found")


# --- retries ------------------------------------------------------------------------


def failed(api: ApiServer, **values: Any) -> str:
    one = add(api.context.engine, State.FAILED)
    if values:
        with writing(api.context.engine) as connection:
            connection.execute(update(CANCELLATION).values(**values))
    return one


def test_a_retry_opens_a_new_round_and_notifies_its_lane(either: ApiServer) -> None:
    one = failed(either)
    told = either.post(f"/v1/cancellations/{one}/retry")
    assert told.status_code == 200
    assert (told.json()["id"], told.json()["state"]) == (one, "queued")
    until(lambda: either.notified == [(("notpanel", "default"), "cancel")])
    again = problem(either.post(f"/v1/cancellations/{one}/retry"), 409, "conflict")
    assert (
        "is queued: only failed, expired, rejected and withdrawn ones"
        in again["detail"]
    )


def test_if_a_call_may_have_worked_a_retry_asks_the_provider_first(
    api: ApiServer,
) -> None:
    one = failed(api, lost=1)
    told = api.post(f"/v1/cancellations/{one}/retry").json()
    assert told["state"] == "verifying"
    until(lambda: api.notified == [(("notpanel", "default"), "verify")])


def test_a_retry_may_have_a_new_deadline(api: ApiServer) -> None:
    one = failed(api, cancel_before=1)
    path = f"/v1/cancellations/{one}/retry"
    told = problem(api.post(path), 409, "conflict")
    assert "give a later cancel_before" in told["detail"]
    told = api.post(path, json={"cancel_before": "+1h"}).json()
    assert told["state"] == "queued"
    assert told["cancel_before"] > told["created_at"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"cancel_before": "yesterday"}, 422),
        ({"cancel_before": "2020-01-01T00:00:00Z"}, 422),
        ({"cancel_before": 7}, 422),
        ({"not_before": "+1h"}, 400),
        ([], 400),
    ],
)
def test_a_malformed_retry_changes_nothing(
    api: ApiServer, body: Any, status: int
) -> None:
    one = failed(api)
    answer = api.post(f"/v1/cancellations/{one}/retry", json=body)
    problem(answer, status, "invalid-request")
    assert [row.state for row in api.rows()] == ["failed"]


def test_an_unknown_cancellation_cannot_be_retried(api: ApiServer) -> None:
    problem(api.post("/v1/cancellations/nobody/retry"), 404, "not-found")
