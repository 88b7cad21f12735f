"""The list of actions counts submissions: few entries, however many cancellations."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from rescind.browse.action_listing import WantedActions, find_actions
from rescind.browse.browsing import Sort, browse
from rescind.browse.wanted import Wanted
from rescind.ledger.changes import submission_actions
from rescind.ledger.changes.new_cancellation import NewCancellation
from rescind.ledger.changes.submission_actions import SubmissionActions
from rescind.ledger.storage.operator_tables import OPERATOR_ACTION
from rescind.ledger.storage.transactions import open_ledger, reading, writing
from tests.ledger.build import new, take_in

ANN, BEN = "token:ann", "cli:ben@host"
WHERE = [("notpanel", "default"), ("notpanel", "second"), ("ithink", "default")]
one_of_many = st.tuples(
    st.sampled_from([ANN, BEN]),
    st.sampled_from(WHERE),
    st.sampled_from([None, "june", "july"]),
)


def submit(
    engine: Engine, listed: SubmissionActions, some: list[NewCancellation]
) -> None:
    take_in(engine, some)
    with writing(engine) as connection:
        listed.count(connection, some)


def entries(engine: Engine) -> list[Any]:
    with reading(engine) as connection:
        return list(find_actions(connection, WantedActions(), 100).rows)


def test_a_submission_in_many_parts_is_one_entry(engine: Engine) -> None:
    """Of both databases: it names the lane and the group that all have in common."""
    listed = SubmissionActions()
    for part in range(5):
        some = [new(f"{part}-{n}", by=ANN, group="june") for n in range(20)]
        submit(engine, listed, some)
    [entry] = entries(engine)
    assert (entry.action, entry.by, entry.number) == ("submit", ANN, 100)
    assert (entry.provider, entry.account) == ("notpanel", "default")
    assert (entry.detail, entry.target) == ("june", None)


def test_its_time_and_actor_list_exactly_what_an_entry_counts(engine: Engine) -> None:
    take_in(engine, [new("earlier", by=ANN)])
    listed, mine = SubmissionActions(), [new(f"{n}", by=ANN) for n in range(3)]
    submit(engine, listed, [mine[0], new("others", by=BEN), *mine[1:]])
    [entry] = [one for one in entries(engine) if one.by == ANN]
    period = {"since": entry.at, "until": entry.until + 1}
    with reading(engine) as connection:
        found = browse(connection, Wanted(by=(ANN,), **period), Sort.NEWEST, 50).rows
    earlier = {row.order_id for row in found} - {"earlier"}
    # Ids of one ms cannot be told apart by their time.
    assert earlier == {one.order for one in mine}


@given(st.lists(st.lists(one_of_many, min_size=1, max_size=4), max_size=4))
def test_entries_count_every_submission_once(
    parts: list[list[tuple[str, tuple[str, str], str | None]]],
) -> None:
    engine = open_ledger("sqlite://")
    OPERATOR_ACTION.create(engine)
    listed, number = SubmissionActions(), 0
    for part in parts:
        with writing(engine) as connection:
            some = [new(by=by, lane=lane, group=g) for by, lane, g in part]
            listed.count(connection, some)
    by_actor = Counter(by for part in parts for by, _, _ in part)
    assert {one.by: one.number for one in entries(engine)} == dict(by_actor)
    for one in entries(engine):
        its = [(lane, g) for part in parts for by, lane, g in part if by == one.by]
        lanes, groups = {lane for lane, _ in its}, {g for _, g in its}
        lane = (one.provider, one.account)
        assert lane == (lanes.pop() if len(lanes) == 1 else (None, None))
        assert one.detail == (groups.pop() if len(groups) == 1 else None)
        assert (one.target is not None) == (len(its) == 1)
        number += one.number
    assert number == sum(map(len, parts))
    engine.dispose()


def test_what_is_rolled_back_is_not_counted(engine: Engine) -> None:
    listed = SubmissionActions()
    with engine.connect() as connection:
        listed.count(connection, [new("1", by=ANN)])
        connection.rollback()
    assert entries(engine) == []
    submit(engine, listed, [new("2", by=ANN)])
    assert [one.number for one in entries(engine)] == [1]


def test_each_hour_has_an_entry_of_its_own(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = SubmissionActions()
    submit(engine, listed, [new("1", by=ANN)])
    monkeypatch.setattr(submission_actions, "OPEN_FOR", 0)
    submit(engine, listed, [new("2", by=ANN)])
    assert [one.number for one in entries(engine)] == [1, 1]
