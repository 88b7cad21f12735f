"""Queries over deliveries: which targets have due ones, and their states."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine

from rescind.ledger.deliveries import delivery_queries as questions
from rescind.ledger.deliveries.delivery_queries import (
    STATES,
    Place,
    anything_due,
    as_listed,
    deliveries_of,
    delivery_page,
    due_targets,
    place_of,
)
from rescind.ledger.storage.transactions import reading
from tests.ledger.build import (
    HOUR,
    NOW,
    SECOND,
)
from tests.ledger.delivering import (
    GONE,
    NOT_TAKEN,
    TAKEN,
    TASK,
    URL,
    ended,
    holding,
    settling,
)


@pytest.mark.parametrize("url", ["https://[/", "https:///x", "nothing"])
def test_the_target_of_an_unreadable_address_is_found_too(
    engine: Engine, url: str
) -> None:
    one = ended(engine, callback_url=url)
    with reading(engine) as connection:
        (target,), _ = due_targets(connection, "", NOW)
    assert [held.cancellation_id for held in holding(engine, target)] == [one]


def test_targets_are_read_in_pages(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "MOST_TARGETS", 2)
    for number in range(5):
        ended(engine, str(number), callback_url=f"https://h{number}.example.com/")
    after, seen = "", list[str]()
    with reading(engine) as connection:
        for _ in range(3):
            found, after = due_targets(connection, after, NOW)
            assert len(found) <= 2
            seen += found
    assert (seen, after) == ([f"h{number}.example.com" for number in range(5)], "")


def test_a_delivery_is_due_from_its_time_on(engine: Engine) -> None:
    with reading(engine) as connection:
        assert not anything_due(connection, NOW + HOUR)
    ended(engine)
    with reading(engine) as connection:
        assert not anything_due(connection, NOW - SECOND)
        assert anything_due(connection, NOW)


def test_deliveries_are_listed_by_state(engine: Engine) -> None:
    ids = [ended(engine, str(number)) for number in range(4)]
    held = {one.cancellation_id: one for one in holding(engine)}
    settling(engine, held[ids[0]], GONE)
    settling(engine, held[ids[1]], TAKEN)
    settling(engine, held[ids[2]], NOT_TAKEN)

    def listed(state: str | None) -> list[str]:
        with reading(engine) as connection:
            return [one.cancellation_id for one in delivery_page(connection, state, 3)]

    assert listed("given_up") == [ids[0]]
    assert listed("delivered") == [ids[1]]
    # A held delivery is tried again when its lease has run out.
    assert listed("waiting") == [ids[2], ids[3]]
    assert listed(None) == ids[:0:-1]


def test_the_latest_given_up_delivery_is_listed_first(engine: Engine) -> None:
    ids = [ended(engine, str(number)) for number in range(3)]
    held = {one.cancellation_id: one for one in holding(engine)}
    for seconds, one in enumerate([ids[1], ids[2], ids[0]]):
        settling(engine, held[one], GONE, NOW + seconds * SECOND)
    with reading(engine) as connection:
        rows = delivery_page(connection, "given_up", 9)
    assert [row.cancellation_id for row in rows] == [ids[0], ids[2], ids[1]]


@pytest.mark.parametrize("state", [None, *STATES])
def test_pages_hold_each_delivery_once_and_in_order(
    engine: Engine, state: str | None
) -> None:
    for number in range(12):
        # Of one moment; some have two deliveries: a webhook and a task.
        ended(engine, str(number), callback_url=URL, **(TASK if number % 3 else {}))
    for number, held in enumerate(holding(engine, limit=9)):
        settling(engine, held, (GONE, TAKEN, NOT_TAKEN)[number % 3], NOW + SECOND)
    with reading(engine) as connection:
        whole = delivery_page(connection, state, 100)
        paged: list[Any] = []
        behind: Place | None = None
        while page := delivery_page(connection, state, 2, behind):
            paged += page
            behind = place_of(page[-1], state)
    assert paged == whole
    assert len(whole) == {None: 20, "given_up": 3, "delivered": 3}.get(state, 14)


def test_no_list_shows_more_of_an_address_than_its_host(engine: Engine) -> None:
    one = ended(engine)
    with reading(engine) as connection:
        listed = [as_listed(row) for row in delivery_page(connection, None, 9)]
        shown = str([deliveries_of(connection, one), listed])
    assert "shop.example.com" in shown
    assert "/hook" not in shown
    assert "secret" not in shown
    assert "secret" not in repr(holding(engine))
