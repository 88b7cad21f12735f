"""Orders, keys, ids and groups are found by their exact text, and by index."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, event

from rescind.browse.failures import failures
from rescind.browse.search import search
from rescind.ledger.reading.groups import COUNTED, groups_from, standing
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import reading
from rescind.provider.outcomes import Reason
from tests.ledger.build import LANE, add, hold, new, take_in

OTHER = ("akinon", "shop")


def found(engine: Engine, words: str, most: int = 50) -> list[str]:
    with reading(engine) as connection:
        return [row.id for row in search(connection, words, most)]


def test_a_cancellation_is_found_by_its_order_key_id_and_path(engine: Engine) -> None:
    one = add(engine, order="9001", key="9001 items 1", lane=OTHER)
    add(engine, order="9002", lane=OTHER)
    for words in ("9001", "9001 items 1", one, "akinon/shop/9001 items 1"):
        assert found(engine, words) == [one]
    assert found(engine, "900") == []


def test_the_same_order_is_found_in_every_lane_the_newest_first(engine: Engine) -> None:
    first = add(engine, order="7")
    second = add(engine, order="7", lane=OTHER)
    third = add(engine, State.FAILED, order="7", key="by another key")
    assert found(engine, "7") == [third, second, first]
    assert found(engine, "7", most=2) == [third, second]


def test_a_cancellation_being_sent_is_found(engine: Engine) -> None:
    one = add(engine, order="7")
    hold(engine)
    assert found(engine, "7") == [one]


def test_no_search_reads_the_whole_ledger(engine: Engine) -> None:
    take_in(engine, [new(str(n)) for n in range(50)])
    plans: list[str] = []

    def explain(connection: Connection, statement: str, values: Any) -> None:
        prefix = "EXPLAIN QUERY PLAN " if _is_sqlite(connection) else "EXPLAIN "
        cursor = connection.connection.cursor()
        if statement.startswith("SELECT"):
            cursor.execute(prefix + statement, values)
            plans.append(" ".join(str(row) for row in cursor.fetchall()))

    with reading(engine) as connection:

        @event.listens_for(connection, "before_cursor_execute")
        def _before(*given: object) -> None:
            explain(connection, str(given[2]), given[3])

        search(connection, "7", 50)
    assert plans
    for plan in plans:
        assert "Seq Scan" not in plan
        assert "SCAN cancellation'" not in plan


def _is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


def test_failed_cancellations_are_grouped_by_lane_and_reason_up_to_a_limit(
    engine: Engine,
) -> None:
    spent = Reason.ATTEMPTS_EXHAUSTED
    for order, words in (("1", "busy"), ("2", "busy"), ("3", "gone"), ("4", None)):
        add(engine, State.FAILED, order=order, reason=spent, provider_message=words)
    add(engine, State.FAILED, order="5")
    add(engine, State.FAILED, order="1", lane=OTHER, attempts=2)
    add(engine, State.REJECTED, order="6")
    with reading(engine) as connection:
        first, *others = failures(connection)
        few = failures(connection, most=1)
    assert (first.lane, first.reason, first.count) == (LANE, spent, 4)
    assert first.words == [("busy", 2), ("gone", 1)]
    assert [(one.lane, one.reason, one.count, one.sent) for one in others] == [
        (OTHER, "unresolved", 1, True),
        (LANE, "unresolved", 1, False),
    ]
    assert sum(one.count for one in few if one.lane == LANE) == 2


def test_groups_are_listed_by_name_with_their_counts(engine: Engine) -> None:
    add(engine, order="1", group="b")
    add(engine, State.FAILED, order="2", group="b")
    add(engine, order="3", group="a")
    add(engine, order="4")
    with reading(engine) as connection:
        names = [one.name for one in groups_from(connection, "", 10)]
        assert names == ["a", "b"]
        assert [one.name for one in groups_from(connection, "a", 10)] == ["b"]
        assert [one.name for one in groups_from(connection, "", 1)] == ["a"]
        one = standing(connection, "b")
        assert one is not None
        assert one.counts == {State.QUEUED: 1, State.FAILED: 1}
        assert standing(connection, "c") is None


def test_cancellations_being_sent_count_in_their_group(engine: Engine) -> None:
    add(engine, order="1", group="a")
    hold(engine)
    with reading(engine) as connection:
        one = standing(connection, "a")
    assert one is not None
    assert one.counts == {State.SENDING: 1}


def test_a_large_group_is_counted_up_to_a_limit(engine: Engine) -> None:
    take_in(engine, [new(str(n), group="a") for n in range(COUNTED + 5)])
    with reading(engine) as connection:
        one = standing(connection, "a")
    assert one is not None
    assert one.counts == {State.QUEUED: COUNTED + 1}
