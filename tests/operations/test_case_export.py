"""What a provider answered can be exported as a test case that holds today."""

from __future__ import annotations

import json
from dataclasses import replace

from sqlalchemy import Engine

from providers.registry import BY_NAME
from rescind.ledger.changes.call_log import CallMade
from rescind.ledger.changes.recording import LaneChanges, new_id, record_many
from rescind.ledger.reading.queries import rows_of
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import reading, writing
from rescind.operations.case_export import cases_of
from rescind.provider.recorded_exchange import meaning
from tests.cli.test_cli_support import Home
from tests.ledger.build import LANE, NOW, SECOND, change, hold, make, new, take_in

WORDS = "This order is frozen"
ROWS = [{"order": "2", "cancel": "2"}, {"order": "1", "error": WORDS}]


def recorded(engine: Engine, body: str | None, status: int | None = 200) -> list[str]:
    """Two orders of one call, both read back after it; gives back their ids."""
    ids = take_in(engine, [new("1"), new("2")])
    held = hold(engine)
    call = CallMade(
        *(new_id(), "cancel", "answered", SECOND, NOW, tuple(one.id for one in held)),
        status=status,
        body=body,
    )
    made = [replace(change(one, State.VERIFYING), call_id=call.id) for one in held]
    with writing(engine) as connection:
        record_many(connection, [LaneChanges(LANE, (), [call])], NOW)
    make(engine, made)
    return ids


def cases(engine: Engine, id_: str) -> list[dict[str, object]]:
    with reading(engine) as connection:
        (row,) = rows_of(connection, [id_])
        return cases_of(connection, row)


def test_a_case_holds_the_reply_its_orders_and_what_it_means(engine: Engine) -> None:
    first, second = recorded(engine, json.dumps(ROWS))
    (case,) = cases(engine, first)
    assert cases(engine, second) == [case]
    assert case["orders"] == [{"id": "1", "params": {}}, {"id": "2", "params": {}}]
    assert (case["call"], case["status"], case["body"]) == ("cancel", 200, ROWS)
    unknown = {"outcome": "unknown", "reason": None, "code": None, "message": WORDS}
    requested = {**unknown, "outcome": "requested", "message": None}
    means = {"evidence": "answered", "orders": {"1": unknown, "2": requested}}
    assert case["means"] == means
    assert meaning(BY_NAME["notpanel"], json.loads(json.dumps(case))) == means


def test_a_reply_that_is_not_json_is_a_text(engine: Engine) -> None:
    first, _ = recorded(engine, "<html>Bad Gateway</html>", 502)
    (case,) = cases(engine, first)
    assert case["text"] == "<html>Bad Gateway</html>"
    assert case["means"] == {"evidence": "maybe_done"}


def test_a_reply_that_was_cut_says_so(engine: Engine) -> None:
    first, _ = recorded(engine, "x" * 1000, 400)
    (case,) = cases(engine, first)
    assert case["cut"] is True


def test_a_call_without_a_kept_reply_is_no_case(engine: Engine) -> None:
    first, _ = recorded(engine, None)
    assert cases(engine, first) == []


def test_the_command_prints_a_case_a_line_or_says_that_there_is_none(
    home: Home,
) -> None:
    record = home.run("cancel", "notpanel", "ord_1", "--json").records[0]
    done = home.run("show", record["id"], "--case")
    assert (done.status, done.out) == (0, "")
    assert "no reply of its provider was kept" in done.err
