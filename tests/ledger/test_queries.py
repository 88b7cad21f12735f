from __future__ import annotations

import pytest
from sqlalchemy import Engine

from rescind.browse.counts import outcomes
from rescind.ledger.reading.backlogs import backlogs
from rescind.ledger.reading.queries import as_record, find, history, rows_of, stamp
from rescind.ledger.states import State
from rescind.ledger.storage.milliseconds import to_ms
from rescind.ledger.storage.transactions import reading
from tests.ledger.build import (
    BY,
    HOUR,
    LANE,
    NOW,
    SECOND,
    add,
    change,
    hold,
    make,
    new,
    row,
    take_in,
)

OTHER = ("ithink", "b")


def test_a_record_has_the_fields_of_the_contract_and_no_others(engine: Engine) -> None:
    [one] = take_in(
        engine,
        [new("ord_1", sealed="gAAA", metadata={"a": 1}, cancel_before=NOW + HOUR)],
    )
    record = as_record(row(engine, one))
    assert record == {
        "id": one,
        "provider": "notpanel",
        "account": "default",
        "order": "ord_1",
        "key": "ord_1",
        "group": None,
        "params": {},
        "metadata": {"a": 1},
        "state": "queued",
        "reason": None,
        "provider_code": None,
        "provider_message": None,
        "attempts": 0,
        "polls": 0,
        "not_before": None,
        "cancel_before": "2020-11-20T19:09:00.123Z",
        "cancellable_until": None,
        "due_at": "2020-11-20T18:09:00.123Z",
        "created_at": "2020-11-20T18:09:00.123Z",
        "updated_at": "2020-11-20T18:09:00.123Z",
        "finished_at": None,
        "by": BY,
    }


def test_times_are_shown_in_utc_to_the_millisecond() -> None:
    assert stamp(0) == "1970-01-01T00:00:00.000Z"
    assert stamp(to_ms(NOW)) == "2020-11-20T18:09:00.123Z"
    assert stamp(None) is None


def test_a_cancellation_is_found_by_its_id_or_its_path(engine: Engine) -> None:
    [one, slashed] = take_in(engine, [new("1"), new("2", key="a/b/c")])
    names = {
        one: one,
        "notpanel/default/1": one,
        "notpanel/default/a/b/c": slashed,
        "notpanel/default/3": None,
        "notpanel/1": None,
        "": None,
        "nobody": None,
    }
    with reading(engine) as connection:
        found = {name: find(connection, name) for name in names}
    assert {name: kept and kept.id for name, kept in found.items()} == names


@pytest.mark.parametrize("count", [0, 3, 1203])
def test_rows_come_in_the_order_of_their_ids(engine: Engine, count: int) -> None:
    ids = take_in(engine, (new(str(n)) for n in range(count)))
    asked = [*reversed(ids), "nobody"]
    with reading(engine) as connection:
        assert [one.id for one in rows_of(connection, asked)] == asked[:-1]


def test_outcomes_are_counted_over_the_whole_ledger(engine: Engine) -> None:
    add(engine, State.CANCELLED, order="1")
    add(engine, State.CANCELLED, order="2")
    add(engine, State.EXPIRED, order="3", lane=OTHER)
    with reading(engine) as connection:
        assert outcomes(connection) == [
            ("ithink", "expired", "deadline_passed", 1),
            ("notpanel", "cancelled", "confirmed", 2),
        ]


def test_a_history_shows_every_step_oldest_first(engine: Engine) -> None:
    one = add(engine)
    [held] = hold(engine, now=NOW + SECOND)
    make(engine, [change(held, State.CANCELLED)], NOW + 2 * SECOND)
    with reading(engine) as connection:
        steps = history(connection, one)
        assert history(connection, "nobody") == []
    assert [(step["at"][17:23], step["from"], step["to"]) for step in steps] == [
        ("00.123", None, "queued"),
        ("01.123", "queued", "sending"),
        ("02.123", "sending", "cancelled"),
    ]
    told = ["at", "from", "to", "reason", "evidence", "by", "repeats", "until"]
    assert list(steps[0]) == told
    assert steps[-1]["reason"] == "confirmed"
    assert [step["by"] for step in steps] == [BY, None, None]


def test_backlogs_show_the_open_work_and_its_age(engine: Engine) -> None:
    add(engine, order="1", opened_at=NOW - HOUR)
    add(engine, State.VERIFYING, order="2", opened_at=NOW - 2 * HOUR)
    add(engine, State.CANCELLED, order="3", opened_at=NOW - 9 * HOUR)
    add(engine, State.SCHEDULED, order="4", opened_at=NOW - 9 * HOUR)
    add(engine, order="5", lane=OTHER, opened_at=NOW + HOUR)
    add(engine, State.FAILED, order="6", lane=("akinon", "default"))
    with reading(engine) as connection:
        found = backlogs(connection, NOW)
    assert set(found) == {LANE, OTHER}
    assert found[LANE].by_state == {"queued": 1, "verifying": 1, "scheduled": 1}
    assert found[LANE].oldest == NOW - 2 * HOUR
    assert found[OTHER].oldest is None
