"""The counters equal what happened, even after rows are deleted."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from alembic import command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, select, text

from rescind.ledger.changes.call_log import CallMade
from rescind.ledger.changes.deletion import Pruning
from rescind.ledger.changes.hourly_counts import roll_up_oldest
from rescind.ledger.changes.insertion import insert_or_find
from rescind.ledger.changes.lane_states import (
    LaneState,
    hold_for_operator,
    read_lane,
    write_lane,
)
from rescind.ledger.changes.lane_states import held as held_by_fault
from rescind.ledger.changes.new_cancellation import NewCancellation
from rescind.ledger.changes.recording import new_id
from rescind.ledger.changes.retries import REFUSED_KEY, retry
from rescind.ledger.changes.sweeps import move
from rescind.ledger.progress import Change, Claimed
from rescind.ledger.reading.counter_totals import flow, totals
from rescind.ledger.states import FINAL, RETRYABLE, State
from rescind.ledger.storage import counters
from rescind.ledger.storage.call_table import CALL
from rescind.ledger.storage.counters import BEYOND, BUCKETS, NO_LANE, SLOT
from rescind.ledger.storage.migrate import _config, upgrade
from rescind.ledger.storage.side_tables import TALLY
from rescind.ledger.storage.tables import CANCELLATION, LANE, TRANSITION
from rescind.ledger.storage.transactions import open_ledger, reading, writing
from tests.ledger.build import BY, HOUR, LEASE, NOW, PLAIN, SECOND, change, hold, new
from tests.ledger.build import progress as in_state
from tests.ledger.single import record, record_calls

LANES = (("notpanel", "default"), ("ithink", "branch"))
Counted = Counter[tuple[str, ...]]
ENDINGS = (State.CANCELLED, State.REJECTED, State.FAILED, State.QUEUED, State.VERIFYING)
ACTS = st.sampled_from(
    [
        *("take_in", "again", "refuse", "claim", "claim"),
        *("end", "end", "lost_ack", "roll_back"),
        *("vanish", "expire", "retry", "prune"),
    ]
)
ON_ONE_LEDGER = settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)


def counters_of(engine: Engine) -> Counted:
    """The counters by metric, lane and names; calls with all of their sums."""
    with reading(engine) as connection:
        found = totals(connection)
    counted: Counted = Counter()
    for one in found:
        names = (one.metric, one.provider, one.account, one.first, one.second)
        counted[*names, one.third] = one.count
        if one.metric == counters.CALL:
            counted[*names, one.third, "orders"] = one.orders
            counted[*names, one.third, "took_ms"] = one.took_ms
    return +counted


def history(engine: Engine) -> Counted:
    """The same numbers, from the rows."""
    counted: Counted = Counter()
    with reading(engine) as connection:
        rows = {row.id: row for row in connection.execute(select(CANCELLATION))}
        moves = connection.execute(select(TRANSITION)).all()
        calls = connection.execute(select(CALL)).all()
    for row in rows.values():
        sent = row.attempts - (row.state == State.SENDING)
        counted["attempt", row.provider, row.account, "", "", ""] += sent
    for step in moves:
        row = rows[step.cancellation_id]
        refused = row.key.startswith(REFUSED_KEY)
        lane = NO_LANE if refused else (row.provider, row.account)
        if step.to_state in FINAL:
            counted["outcome", *lane, step.to_state, step.reason, ""] += 1
        if step.from_state is None and not refused:
            counted["accepted", *lane, "", "", ""] += 1
        for evidence, metric in (("retry", "retry"), ("the lease ran out", "lease")):
            if step.evidence == evidence:
                counted[metric, *lane, "", "", ""] += 1
    for call in calls:
        bucket = next((str(ms) for ms in BUCKETS if call.took_ms <= ms), BEYOND)
        its = ("call", call.provider, call.account, call.operation, call.evidence)
        counted[*its, bucket] += 1
        counted[*its, bucket, "orders"] += call.orders
        counted[*its, bucket, "took_ms"] += call.took_ms
    return +counted


def flowed(engine: Engine) -> Counted:
    with reading(engine) as connection:
        found = flow(connection, NOW - HOUR, NOW + HOUR)
    counted: Counted = Counter()
    for one in found:
        counted[one.state, one.reason] += one.count
    return +counted


def empty(engine: Engine) -> None:
    with writing(engine) as connection:
        for table in (TRANSITION, CALL, CANCELLATION, LANE, TALLY):
            connection.execute(delete(table))


class RolledBackError(Exception):
    pass


@dataclass
class World:
    """Workers and operators of one ledger; ``number`` varies what they do."""

    engine: Engine
    held: list[Claimed] = field(default_factory=list)
    gone: Counted = field(default_factory=Counter)
    """The counts of deleted rows, from their history."""
    left: Counted = field(default_factory=Counter)
    """The outcomes that a retry has left."""

    def act(self, name: str, number: int) -> None:
        getattr(self, f"_{name}")(number)

    def _lane(self, number: int) -> tuple[str, str]:
        return LANES[number % len(LANES)]

    def _insert(self, *some: NewCancellation) -> None:
        with writing(self.engine) as connection:
            insert_or_find(connection, some, NOW)

    def _take_in(self, number: int) -> None:
        late = NOW + SECOND if number % 3 == 0 else None
        lane = self._lane(number)
        some = (new(f"{number}-{n}", lane=lane, cancel_before=late) for n in range(3))
        expired = new(f"{number}-x", lane=lane, progress=in_state(State.EXPIRED))
        self._insert(*some, expired)

    def _again(self, number: int) -> None:
        self._take_in(number)

    def _refuse(self, number: int) -> None:
        lane = (f"my name is {number}", "DE00 1234")
        key = f"{REFUSED_KEY}{number}"
        wrong = in_state(State.REJECTED)
        self._insert(new(key=key, lane=lane, progress=wrong))

    def _claim(self, number: int) -> None:
        for state in (State.QUEUED, State.VERIFYING):
            self.held += hold(self.engine, state, 2, NOW, self._lane(number))

    def _chosen(self, number: int) -> tuple[tuple[str, str], list[Change], CallMade]:
        """The end of a call for the first held ones, stale or not."""
        chosen = self.held[: 1 + number % 2]
        lanes = self._lanes_of(chosen)
        chosen = [one for one in chosen if lanes[one.id] == lanes[chosen[0].id]]
        self.held = [one for one in self.held if one not in chosen]
        to = ENDINGS[number % len(ENDINGS)]
        changes = [_ended(one, to) for one in chosen]
        took = timedelta(milliseconds=17 * number)
        ids = tuple(one.id for one in chosen)
        call = CallMade(new_id(), "cancel", "answered", took, NOW, ids)
        return lanes[chosen[0].id], changes, call

    def _lanes_of(self, claimed: list[Claimed]) -> dict[str, tuple[str, str]]:
        ids = [one.id for one in claimed]
        with reading(self.engine) as connection:
            chosen = select(CANCELLATION).where(CANCELLATION.c.id.in_(ids))
            found = connection.execute(chosen).all()
        missing = dict.fromkeys(ids, LANES[0])
        return missing | {row.id: (row.provider, row.account) for row in found}

    def _end(self, number: int, *, times: int = 1, fails: bool = False) -> None:
        if not self.held:
            return
        lane, changes, call = self._chosen(number)
        for _ in range(times):
            with writing(self.engine) as connection:
                record(connection, changes, NOW, lane)
                record_calls(connection, *lane, [call])
                if fails:
                    raise RolledBackError

    def _lost_ack(self, number: int) -> None:
        """Committed, and repeated because the acknowledgement was lost."""
        self._end(number, times=2)

    def _roll_back(self, number: int) -> None:
        before = counters_of(self.engine)
        if self.held:
            with pytest.raises(RolledBackError):
                self._end(number, fails=True)
        assert counters_of(self.engine) == before

    def _vanish(self, number: int) -> None:
        lane, later = self._lane(number), NOW + 2 * LEASE
        with writing(self.engine) as connection:
            move(connection, [lane], lambda _: PLAIN, later)

    def _expire(self, number: int) -> None:
        lane, later = self._lane(number), NOW + 2 * SECOND
        with writing(self.engine) as connection:
            move(connection, [lane], lambda _: PLAIN, later)

    def _retry(self, number: int) -> None:
        ended = CANCELLATION.c.state.in_(RETRYABLE)
        ours = CANCELLATION.c.key.not_like(f"{REFUSED_KEY}%")
        with writing(self.engine) as connection:
            chosen = select(CANCELLATION).where(ended, ours).limit(1 + number % 2)
            for row in connection.execute(chosen).all():
                retry(connection, row, NOW, cancel_before=NOW + HOUR, by=BY)
                self.left[row.state, row.reason] += 1

    def _prune(self, number: int) -> None:
        before = history(self.engine)
        walk = Pruning(self.engine, NOW + SECOND if number % 2 else NOW)
        while walk.step():
            pass
        self.gone += before - history(self.engine)


def _ended(one: Claimed, to: State) -> Change:
    """From ``sending`` back to ``queued`` means that no attempt was made."""
    sending = one.progress.state is State.SENDING
    if to is State.VERIFYING and not sending:
        to = State.CANCELLED
    put_back = sending and to is State.QUEUED
    attempts = one.progress.attempts - put_back
    return replace(
        change(one, to, attempts=attempts), attempted=sending and not put_back
    )


@given(acts=st.lists(st.tuples(ACTS, st.integers(0, 11)), max_size=25))
@ON_ONE_LEDGER
def test_the_counters_equal_the_history_even_after_deletions(
    engine: Engine, acts: list[tuple[str, int]]
) -> None:
    empty(engine)
    world = World(engine)
    for name, number in [("take_in", 1), ("take_in", 2), ("claim", 1), *acts]:
        world.act(name, number)
    ever = counters_of(engine)
    assert ever == history(engine) + world.gone
    ended: Counted = Counter()
    for (metric, *names), count in ever.items():
        if metric == counters.OUTCOME:
            ended[names[2], names[3]] += count
    # One that was retried does not stand as it had ended.
    assert flowed(engine) == ended - world.left


@given(took_ms=st.integers(0, 90_000))
def test_a_call_is_counted_in_the_bucket_of_its_time(took_ms: int) -> None:
    bucket = counters._bucket(took_ms)
    limits = [0, *BUCKETS]
    if bucket == BEYOND:
        assert took_ms > BUCKETS[-1]
    else:
        assert int(bucket) >= took_ms
        below = limits[limits.index(int(bucket)) - 1]
        assert took_ms > below or took_ms == 0


def end_at(engine: Engine, *moments: Any) -> None:
    for at in moments:
        with writing(engine) as connection:
            ended = [("cancelled", "confirmed", 1)]
            counters.count_outcomes(connection, LANES[0], ended, at)


def test_the_flow_is_by_quarters_of_an_hour_the_oldest_first(engine: Engine) -> None:
    begin = NOW.replace(minute=0, second=0, microsecond=0)
    last = begin + SLOT - timedelta(milliseconds=1)
    end_at(engine, begin + SLOT, last, begin)
    with reading(engine) as connection:
        found = flow(connection, begin, NOW + HOUR)
        latest = flow(connection, begin + SLOT + SECOND, NOW + HOUR)
        earlier = flow(connection, begin - HOUR, begin - SECOND)
    assert [(one.slot, one.count) for one in found] == [(begin, 2), (begin + SLOT, 1)]
    assert [one.slot for one in latest] == [begin + SLOT]
    assert earlier == []


def test_old_quarters_are_deleted_and_the_totals_stay(engine: Engine) -> None:
    old, older = NOW - counters.KEPT - SLOT, NOW - counters.KEPT - 3 * SLOT
    end_at(engine, NOW, old, older)
    for forgotten in (True, True, False):
        with writing(engine) as connection:
            assert roll_up_oldest(connection, NOW) is forgotten
    with reading(engine) as connection:
        assert len(flow(connection, older, NOW)) == 1
    assert counters_of(engine).total() == 3


def test_a_count_outside_our_transactions_is_written_at_once(
    engine: Engine,
) -> None:
    with engine.begin() as connection:
        counters.count(connection, counters.THROTTLE, LANES[0], by=2)
    assert counters_of(engine) == {("throttle", *LANES[0], "", "", ""): 2}


def test_webhook_attempts_are_counted_by_their_result(engine: Engine) -> None:
    for result in ("delivered", "failed", "delivered"):
        with writing(engine) as connection:
            counters.count_webhook(connection, result)
    assert counters_of(engine) == {
        ("webhook", "", "", "delivered", "", ""): 2,
        ("webhook", "", "", "failed", "", ""): 1,
    }


def test_a_hold_is_counted_once_and_by_its_origin(engine: Engine) -> None:
    lane = LANES[0]
    by_fault = held_by_fault(LaneState(), "the key is wrong", PLAIN, NOW)
    longer = held_by_fault(by_fault, "the key is wrong", PLAIN, NOW + HOUR)
    by_operator = hold_for_operator(by_fault, NOW, BY)
    again = replace(by_operator, failures=3)
    for state in (by_fault, longer, by_operator, again, LaneState(), by_fault):
        with writing(engine) as connection:
            read_lane(connection, lane, for_update=True)
            write_lane(connection, lane, state)
    assert counters_of(engine) == {
        ("hold", *lane, "fault", "", ""): 2,
        ("hold", *lane, "operator", "", ""): 1,
    }


def test_concurrent_writers_of_one_counter_lose_nothing_and_do_not_deadlock(
    engine: Engine,
) -> None:
    """In opposite orders, in many threads: with one shard, and with one per thread."""
    url = engine.url.render_as_string(hide_password=False)
    start, failed = threading.Barrier(4), list[Exception]()

    def run(order: int) -> None:
        own = open_ledger(url)
        try:
            start.wait()
            for _ in range(25):
                with writing(own) as connection:
                    for lane in LANES[::order]:
                        counters.count(connection, counters.THROTTLE, lane)
                        counters.count(
                            connection, counters.ACCEPTED, lane, per_thread=True
                        )
        except Exception as error:  # noqa: BLE001
            failed.append(error)
        finally:
            own.dispose()

    threads = [threading.Thread(target=run, args=(order,)) for order in (1, -1, 1, -1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert set(counters_of(engine).values()) == {100}
    assert len(counters_of(engine)) == 4


def test_an_upgrade_counts_the_history_of_an_older_ledger(
    engine: Engine,
) -> None:
    world = World(engine)
    acts = [("take_in", 1), ("take_in", 4), ("refuse", 7), ("claim", 1), ("claim", 0)]
    acts += [("end", 0), ("end", 7), ("vanish", 1), ("vanish", 0), ("retry", 1)]
    for name, number in acts:
        world.act(name, number)
    counted, in_slots = counters_of(engine), flowed(engine)
    assert {metric for metric, *_ in counted} == {
        "accepted",
        "attempt",
        "call",
        "lease",
        "outcome",
        "retry",
    }
    with writing(engine) as connection:
        command.downgrade(_config(connection), "0004")
    upgrade(engine, lambda _: None)
    assert counters_of(engine) == counted
    # A migration counts each end, also of a round that a retry has followed.
    assert flowed(engine) == in_slots + world.left
    with writing(engine) as connection:
        shards = connection.execute(text("SELECT DISTINCT shard FROM tally")).all()
    assert shards == [(0,)]
