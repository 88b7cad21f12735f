"""A provider's words that no vocabulary knows are counted, each call once."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from rescind.browse.unknown_word_listing import as_words, unknown_words
from rescind.ledger.changes import unknown_words as counting
from rescind.ledger.changes.call_log import CallMade
from rescind.ledger.changes.recording import LaneChanges, new_id, record_many
from rescind.ledger.changes.unknown_words import Words, count_words, words_about
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.transactions import reading, writing
from tests.ledger.build import LANE, NOW, SECOND

FROZEN = Words("cancel", "400", "order # is frozen", "one")


def listed(engine: Engine, **chosen: Any) -> list[dict[str, Any]]:
    with reading(engine) as connection:
        rows = unknown_words(connection, 10, **chosen)
    return [as_words(row) for row in rows]


def test_words_are_counted_with_the_call_and_once(engine: Engine) -> None:
    words = (FROZEN, Words("cancel", "400", "order # is frozen", "two"))
    made = CallMade(
        *(new_id(), "cancel", "answered", SECOND, NOW, ("one", "two")), words=words
    )
    for _ in range(2):  # the second time is a commit that is repeated
        with writing(engine) as connection:
            record_many(connection, [LaneChanges(LANE, (), [made])], NOW)
    (row,) = listed(engine)
    assert row.pop("id")
    assert row.pop("first_at") == row.pop("last_at")
    assert row == {
        "provider": "notpanel",
        "operation": "cancel",
        "code": "400",
        "message": "order # is frozen",
        "seen": 2,
        "example": "two",
    }


def test_the_most_frequent_come_first_and_the_newest_example_stays(
    engine: Engine,
) -> None:
    other = Words("read", "545", None, "five")
    for at, met in enumerate([FROZEN, other, FROZEN]):
        with writing(engine) as connection:
            count_words(connection, [("notpanel", met)], in_ms(NOW) + at)
    with writing(engine) as connection:
        count_words(connection, [("akinon", other)], in_ms(NOW))
    assert [one["seen"] for one in listed(engine)] == [2, 1, 1]
    first, second = listed(engine, provider="notpanel")
    assert (first["code"], second["code"]) == ("400", "545")
    assert first["first_at"] < first["last_at"]


def test_what_was_met_longest_ago_makes_room(engine: Engine, monkeypatch: Any) -> None:
    monkeypatch.setattr(counting, "MOST", 2)
    for at in range(4):
        words = Words("read", str(at), None, "one")
        with writing(engine) as connection:
            count_words(connection, [("notpanel", words)], in_ms(NOW) + at)
    assert {one["code"] for one in listed(engine)} == {"2", "3"}


def test_nothing_said_is_nothing_to_count() -> None:
    assert words_about("read", "7", None, None, "one") is None
    assert words_about("read", "7", "", "", "one") is None


@given(
    st.from_regex("ord_[0-9A-Z]{4,12}|[0-9]{1,12}", fullmatch=True),
    st.text(max_size=400),
)
def test_words_about_different_orders_are_the_same_words(order: str, rest: str) -> None:
    one = words_about("read", order, None, f"order {order} at 10:{order} {rest}", "c")
    other = words_about("read", "77", None, f"order 77 at 11:77 {rest}", "c")
    assert one is not None
    assert other is not None
    if order not in rest:
        assert one.message == other.message
    assert len(one.message or "") <= 300
