"""Each end of a group is told once to each address, never while a member is open."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, event, select

from rescind.ledger.changes.deletion import Pruning
from rescind.ledger.changes.group_ends import LEASE, look, tell
from rescind.ledger.changes.insert_claimed import insert_claimed
from rescind.ledger.changes.insertion import insert_new
from rescind.ledger.changes.leases import acquire, release
from rescind.ledger.changes.retries import retry, retry_some
from rescind.ledger.deliveries.group_receivers import told_of
from rescind.ledger.reading.ended_groups import QUIET, Watched, watched_groups
from rescind.ledger.reading.group_summary import summary_of
from rescind.ledger.states import FINAL, RETRYABLE, State
from rescind.ledger.storage.call_table import CALL
from rescind.ledger.storage.group_end_table import GROUP_END
from rescind.ledger.storage.side_tables import DELIVERY
from rescind.ledger.storage.side_tables import LEASE as LEASES
from rescind.ledger.storage.tables import CANCELLATION, LANE, TRANSITION
from rescind.ledger.storage.transactions import reading, writing
from rescind.runtime.group_job import GroupJob
from tests.ledger.build import (
    BY,
    HOUR,
    NOW,
    PLAIN,
    SECOND,
    add,
    change,
    hold,
    make,
    new,
    progress,
    row,
    take_in,
)
from tests.ledger.build import LANE as NOTPANEL
from tests.ledger.delivering import holding

URLS = tuple(f"https://{name}.example.com/ends?key=secret" for name in ("a", "b"))
GROUPS = ("g", "h")
LATER = NOW + QUIET + SECOND
LEASED = 120.0

groups, workers = st.sampled_from(GROUPS), st.integers(0, 1)
ends = st.sampled_from(sorted(FINAL - {State.WITHDRAWN}))
beginnings = st.sampled_from([State.QUEUED, State.QUEUED, State.REJECTED])
places = st.integers(0, 3)
times = st.sampled_from([SECOND, QUIET, timedelta(seconds=LEASED)])
urls = st.sampled_from([*URLS, None])
inserting = st.tuples(st.just("insert"), st.integers(0, 5), groups, urls, beginnings)
looking = st.tuples(st.just("look"), workers)
telling = st.tuples(st.just("tell"), workers)
passing = st.tuples(st.just("time"), times)
ending = st.tuples(st.just("end"), places, ends)
# Those that a telling needs come often: without them, most stories tell nothing.
steps = st.one_of(
    inserting,
    ending,
    passing,
    looking,
    telling,
    ending,
    st.tuples(st.just("retry"), places),
    st.tuples(st.just("quiet then look"), workers),
    telling,
)


@dataclass
class Looked:
    """What one worker saw of the watched groups, and when in the story."""

    at: int
    seen: list[Watched]
    open_groups: set[str]
    counts: dict[str, int]


@dataclass
class Told:
    """One delivery: the moment of the story that it tells of."""

    at: int
    group: str
    url: str


@dataclass
class Story:
    """Cancellations of two groups, and two workers that may stall at any time."""

    engine: Engine
    now: datetime = NOW
    moment: int = 0
    ids: list[str] = field(default_factory=list)
    asked: list[tuple[int, str, str]] = field(default_factory=list)
    """The moments at which an address was to be told of a later end of a group."""
    told: list[Told] = field(default_factory=list)
    looked: dict[int, Looked] = field(default_factory=dict)
    subjects: set[str] = field(default_factory=set)

    def insert(
        self, number: int, group: str, url: str | None, begins: State = State.QUEUED
    ) -> None:
        last = {"finished_at": self.now} if begins in FINAL else {"due_at": self.now}
        given = {"progress": progress(begins, **last), "opened_at": self.now}
        one = new(f"{number}", group=group, on_group_end=url, **given)
        with writing(self.engine) as connection:
            made = insert_new(connection, [one], self.now)
        if made:
            self.ids.append(one.id)
            self.asked += [(self.moment, group, url)] if url else []

    def end(self, place: int, state: State) -> None:
        for held in hold(self.engine, now=self.now, limit=1 + place):
            ended = change(held, state, finished_at=self.now)
            make(self.engine, [ended], self.now)

    def retry(self, place: int) -> None:
        for one in self.ids[place : place + 1]:
            found = row(self.engine, one)
            if State(found.state) in RETRYABLE:
                with writing(self.engine) as connection:
                    assert retry(connection, found, self.now, by=BY)
                again = {
                    url for _, group, url in self.asked if group == found.group_name
                }
                self.asked += [
                    (self.moment, str(found.group_name), url) for url in again
                ]

    def time(self, passes: timedelta) -> None:
        self.now += passes

    def look(self, worker: int) -> None:
        """Acquire the lease, and read; ``tell`` may come much later, or never."""
        with writing(self.engine) as connection:
            held = (LEASE, str(worker), LEASED, self.now)
            if not acquire(connection, *held):
                return
        with reading(self.engine) as connection:
            names = watched_groups(connection, "", 9)
            rows = [summary_of(connection, one) for one in GROUPS]
        still = {one.name for one in rows if one.ended < one.total}
        counts = {one.name: one.total for one in rows}
        seen = look(self.engine, names, self.now)
        self.looked[worker] = Looked(self.moment, seen, still, counts)

    def quiet_then_look(self, worker: int) -> None:
        self.time(QUIET + SECOND)
        # A first look may only drop repeated requests.
        self.look(worker)
        self.tell(worker)
        self.look(worker)

    def tell(self, worker: int) -> None:
        looked = self.looked.pop(worker, None)
        if looked is None:
            return
        tell(self.engine, str(worker), looked.seen, self.now)
        self._learn(looked)
        with writing(self.engine) as connection:
            release(connection, LEASE, str(worker))

    def _learn(self, looked: Looked) -> None:
        d = DELIVERY.c
        chosen = select(d.subject, d.url, d.document).where(d.kind == "group")
        with reading(self.engine) as connection:
            rows = connection.execute(chosen).all()
        for subject, url, document in rows:
            if subject in self.subjects:
                continue
            group = document["group"]
            self.subjects.add(subject)
            self.told.append(Told(looked.at, group, url))
            assert group not in looked.open_groups, "a member was open"
            assert document["total"] == looked.counts[group]
            assert (document["ended"], document["percent"]) == (document["total"], 100)

    def begin(self) -> None:
        for number in range(4):
            self.insert(
                6 + number, GROUPS[number % 2], None if number // 2 else URLS[0]
            )

    def close(self) -> None:
        """End all, and let one worker look until nothing is left to tell."""
        self.moment += 1
        self.time(HOUR)
        self.end(99, State.CANCELLED)
        for _ in range(3):
            self.moment += 1
            self.time(timedelta(seconds=LEASED))
            self.look(0)
            self.tell(0)


@given(st.lists(steps, min_size=12, max_size=30))
@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
def test_each_end_of_a_group_is_told_exactly_once_and_never_while_a_member_is_open(
    engine: Engine, story: list[Any]
) -> None:
    with writing(engine) as connection:
        every = (DELIVERY, GROUP_END, LEASES, TRANSITION, CALL, CANCELLATION, LANE)
        for table in every:
            connection.execute(delete(table))
    lived = Story(engine)
    lived.begin()
    for name, *given_ in story:
        lived.moment += 1
        getattr(lived, name.replace(" ", "_"))(*given_)
    lived.close()
    for group in GROUPS:
        for url in URLS:
            asked = [at for at, g, u in lived.asked if (g, u) == (group, url)]
            told = [o.at for o in lived.told if (o.group, o.url) == (group, url)]
            _check(asked, told)


def _check(asked: list[int], told: list[int]) -> None:
    """Each telling has a request of its own, and each request a later telling."""
    before = -1
    for at in told:
        assert any(before < one < at for one in asked), "it was told twice"
        before = at
    assert not asked or max(asked) < max(told, default=-1), "it was not told"


# --- what is told -------------------------------------------------------------------


def tick(engine: Engine, now: datetime = LATER) -> None:
    job = GroupJob(engine, lambda: now)
    # The first run may only drop repeated requests.
    job.run()
    job.run()


def group_of(engine: Engine, *states: State, name: str = "g") -> list[str]:
    """A group of which the first address is told, with one in each state."""
    made = []
    for number, state in enumerate(states):
        one = new(
            f"{name}{number}",
            group=name,
            on_group_end=URLS[0],
            progress=progress(state),
        )
        made += take_in(engine, [one])
    return made


def test_what_is_told_has_the_counts_by_state_and_reason(engine: Engine) -> None:
    ids = group_of(engine, State.CANCELLED, State.REJECTED, State.CANCELLED)
    tick(engine)
    [held] = holding(engine, "a.example.com", now=LATER)
    assert held.cancellation_id == ids[-1]
    assert (held.type, held.url) == ("group.ended", URLS[0])
    states = {**dict.fromkeys(map(str, State), 0), "cancelled": 2, "rejected": 1}
    assert held.record == {
        "group": "g",
        "total": 3,
        "ended": 3,
        "percent": 100,
        "states": states,
        "reasons": {"cancelled": {"confirmed": 2}, "rejected": {"refused": 1}},
        "created_at": "2020-11-20T18:09:00.123Z",
        "finished_at": "2020-11-20T18:09:00.123Z",
    }
    tick(engine, LATER + HOUR)
    assert holding(engine, "a.example.com", now=LATER) == []


@pytest.mark.parametrize("state", sorted(set(State) - FINAL))
def test_a_group_with_an_open_member_is_not_told(engine: Engine, state: State) -> None:
    group_of(engine, State.CANCELLED, state)
    tick(engine)
    assert holding(engine, "a.example.com", now=LATER) == []


def test_a_group_is_told_when_nothing_was_added_for_some_time(engine: Engine) -> None:
    group_of(engine, State.CANCELLED)
    tick(engine, NOW + QUIET - SECOND)
    assert holding(engine, "a.example.com", now=LATER) == []
    # Added later, by a producer who asks for no notification of its own.
    with writing(engine) as connection:
        more = new("more", group="g", progress=progress(State.CANCELLED))
        insert_new(connection, [more], NOW + SECOND)
    tick(engine, NOW + QUIET)
    assert holding(engine, "a.example.com", now=LATER) == []
    tick(engine)
    [held] = holding(engine, "a.example.com", now=LATER)
    assert held.record["total"] == 2


def test_what_is_inserted_as_claimed_is_watched_too(engine: Engine) -> None:
    with writing(engine) as connection:
        one = new(group="g", on_group_end=URLS[0])
        insert_claimed(connection, [one], {NOTPANEL: HOUR}, NOW)
    tick(engine)
    with reading(engine) as connection:
        [told] = told_of(connection, "g")
    assert (told["target"], told["by"]) == ("a.example.com", BY)
    assert told["told_at"] is None
    assert "secret" not in str(told)


def test_a_repeated_submission_does_not_ask_again(engine: Engine) -> None:
    group_of(engine, State.CANCELLED)
    tick(engine)
    group_of(engine, State.CANCELLED)
    with reading(engine) as connection:
        assert len(told_of(connection, "g")) == 1


def test_many_watched_groups_are_all_looked_at(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rescind.runtime.group_job.AT_ONCE", 2)
    for name in "abcde":
        group_of(engine, State.CANCELLED, name=name)
    tick(engine)
    held = holding(engine, "a.example.com", now=LATER)
    assert sorted(one.record["group"] for one in held) == [*"abcde"]


def test_without_watched_groups_one_statement_is_the_whole_look(
    engine: Engine,
) -> None:
    add(engine, State.CANCELLED, group="g")
    said: list[str] = []
    event.listen(
        engine, "before_cursor_execute", lambda *given: said.append(str(given[2]))
    )
    GroupJob(engine, lambda: LATER).run()
    assert sum("group_end" in one for one in said) == 1
    assert not any("cancellation" in one for one in said)


def test_retention_deletes_what_was_told_long_ago_and_no_request(
    engine: Engine,
) -> None:
    group_of(engine, State.CANCELLED)
    tick(engine)
    group_of(engine, State.QUEUED, name="open")
    walk = Pruning(engine, LATER + HOUR)
    while walk.step():
        pass
    with reading(engine) as connection:
        assert told_of(connection, "g") == []
        assert len(told_of(connection, "open")) == 1


def test_a_group_without_members_is_watched_no_longer(engine: Engine) -> None:
    [one] = group_of(engine, State.CANCELLED)
    with writing(engine) as connection:
        for table in (TRANSITION, CANCELLATION):
            its = table.c["id" if table is CANCELLATION else "cancellation_id"]
            connection.execute(delete(table).where(its == one))
    tick(engine)
    with reading(engine) as connection:
        assert told_of(connection, "g") == []


def test_a_worker_whose_lease_has_run_out_tells_nothing(engine: Engine) -> None:
    group_of(engine, State.CANCELLED)
    with writing(engine) as connection:
        assert acquire(connection, LEASE, "stalled", LEASED, LATER)
    seen = look(engine, ["g"], LATER)
    assert [one.summary is not None for one in seen] == [True]
    late = LATER + timedelta(seconds=LEASED)
    with writing(engine) as connection:
        assert acquire(connection, LEASE, "other", LEASED, late)
    assert not tell(engine, "stalled", seen, late)
    assert holding(engine, "a.example.com", now=late) == []
    assert tell(engine, "other", look(engine, ["g"], late), late)
    assert len(holding(engine, "a.example.com", now=late)) == 1


def test_retries_of_one_group_in_one_transaction_ask_for_its_end_once(
    engine: Engine,
) -> None:
    ended: dict[str, Any] = {"progress": progress(State.REJECTED), "group": "g"}
    some = [new(f"{n}", on_group_end=URLS[0], **ended) for n in range(5)]
    with writing(engine) as connection:
        insert_new(connection, some, NOW)
        before = connection.execute(select(GROUP_END)).all()
        rows = connection.execute(select(CANCELLATION)).all()
        done = retry_some(connection, rows, NOW, None, lambda _: PLAIN, by=BY)
        asked = connection.execute(select(GROUP_END)).all()
    assert len(done.opened) == 5
    assert len(asked) == len(before) + 1
