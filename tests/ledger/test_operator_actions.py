"""Who did what, in the ledger: submissions, retries, holds, and the list of actions."""

from __future__ import annotations

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from rescind.browse.action_listing import WantedActions, as_action, find_actions
from rescind.ledger.action_kinds import Action
from rescind.ledger.changes.deletion import AT_ONCE, Pruning
from rescind.ledger.changes.insert_claimed import insert_claimed
from rescind.ledger.changes.lane_states import (
    LaneState,
    after_success,
    hold_for_operator,
    read_lane,
    write_lane,
)
from rescind.ledger.changes.operator_actions import Subject, record_action, subject_of
from rescind.ledger.changes.retries import retry
from rescind.ledger.reading.queries import as_record, history
from rescind.ledger.states import State
from rescind.ledger.storage.tables import LANE as LANE_TABLE
from rescind.ledger.storage.transactions import reading, writing
from tests.ledger.build import HOUR, LANE, LEASE, NOW, add, new, row, take_in

ANN, BEN = "token:ann", "cli:ben@host"


def actors(engine: Engine, one: str) -> list[str | None]:
    with reading(engine) as connection:
        return [step["by"] for step in history(connection, one)]


def acted(engine: Engine, by: str, subject: Subject, at: datetime = NOW) -> None:
    with writing(engine) as connection:
        record_action(connection, by, Action.RETRY, subject, at)


def test_each_of_a_transaction_keeps_its_own_submitter(engine: Engine) -> None:
    queued = [new("1", by=ANN), new("2", by=BEN), new("3", by=ANN)]
    take_in(engine, queued)
    sent = [new("4", by=BEN), new("5", by=ANN)]
    with writing(engine) as connection:
        insert_claimed(connection, sent, {LANE: LEASE}, NOW)
    for one in (*queued, *sent):
        assert as_record(row(engine, one.id))["by"] == one.by
        assert actors(engine, one.id) == [one.by, None][: 1 + (one in sent)]


def test_a_retry_keeps_its_actor_and_the_submitters(engine: Engine) -> None:
    one = add(engine, State.FAILED)
    submitter = as_record(row(engine, one))["by"]
    with writing(engine) as connection:
        assert retry(connection, row(engine, one), NOW + HOUR, by=BEN)
    assert actors(engine, one) == [submitter, BEN]
    assert as_record(row(engine, one))["by"] == submitter


def test_a_lane_keeps_who_holds_it_until_it_is_resumed(engine: Engine) -> None:
    held = hold_for_operator(LaneState(), NOW, ANN)
    with writing(engine) as connection:
        write_lane(connection, LANE, held)
    with reading(engine) as connection:
        kept = read_lane(connection, LANE)
    assert (kept, kept.held_by) == (held, ANN)
    assert after_success(kept) == held, "an answer does not release it"
    with writing(engine) as connection:
        write_lane(connection, LANE, LaneState())
        assert read_lane(connection, LANE).held_by is None


@given(before=st.none() | st.just("an earlier reason"), note=st.none() | st.text())
def test_a_hold_has_the_reason_of_who_holds_and_none_of_an_earlier_hold(
    before: str | None, note: str | None
) -> None:
    earlier = hold_for_operator(LaneState(), NOW - HOUR, BEN, before)
    held = hold_for_operator(earlier, NOW, ANN, note)
    assert (held.held_by, held.held_note) == (ANN, note)
    assert after_success(held) == held


def test_a_reason_goes_with_its_hold(engine: Engine) -> None:
    with writing(engine) as connection:
        write_lane(connection, LANE, hold_for_operator(LaneState(), NOW, ANN, "why"))
        assert read_lane(connection, LANE).held_note == "why"
        # As a process of the version before resumes it: it does not know the reason.
        none = dict.fromkeys(("held_at", "held_reason", "held_by"))
        connection.execute(LANE_TABLE.update().values(none))
        assert read_lane(connection, LANE) == LaneState()


def test_actions_are_listed_by_pages_the_newest_first(engine: Engine) -> None:
    subjects = [Subject(LANE, "some-id"), Subject(target="nightly"), Subject()]
    for place, subject in enumerate(subjects):
        acted(engine, ANN, subject, NOW + place * HOUR)
    with reading(engine) as connection:
        first = find_actions(connection, WantedActions(), 2)
        rest = find_actions(connection, WantedActions(), 2, first.next)
    listed = [as_action(one) for one in (*first.rows, *rest.rows)]
    assert [(one["lane"], one["target"]) for one in listed] == [
        (None, None),
        (None, "nightly"),
        ("notpanel/default", "some-id"),
    ]
    assert listed[2] == {
        "id": rest.rows[0].id,
        "at": "2020-11-20T18:09:00.123Z",
        "by": ANN,
        "action": "retry",
        "lane": "notpanel/default",
        "target": "some-id",
        "number": None,
        "detail": None,
        "until": None,
    }


lanes = st.tuples(st.sampled_from("ab"), st.sampled_from("xy"))


@given(st.lists(st.tuples(lanes, st.sampled_from("1234"))))
def test_a_subject_names_what_all_have_in_common(
    changed: list[tuple[tuple[str, str], str]],
) -> None:
    subject = subject_of(changed, 7)
    its = {lane for lane, _ in changed}
    ids = {one for _, one in changed}
    assert {subject.lane} == (its if len(its) == 1 else {None})
    assert {subject.target} == (ids if len(ids) == 1 else {None})
    assert subject.number == 7


def test_retention_deletes_old_actions_page_by_page(engine: Engine) -> None:
    with writing(engine) as connection:
        for _ in range(AT_ONCE + 1):
            record_action(connection, ANN, Action.HOLD, Subject(LANE), NOW - HOUR)
    acted(engine, BEN, Subject(), NOW)
    walk = Pruning(engine, NOW)
    while walk.step():
        pass
    with reading(engine) as connection:
        left = find_actions(connection, WantedActions(), AT_ONCE).rows
    assert [one.by for one in left] == [BEN]
