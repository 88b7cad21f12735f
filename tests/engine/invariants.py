"""The invariants of a world: they hold at every step, after any events."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from sqlalchemy import select

from rescind.engine.call_deadlines import longest_call
from rescind.engine.lane_operation import Call, LaneOperation
from rescind.ledger.changes.lane_states import may_call, read_lane
from rescind.ledger.states import EDGES, FINAL, State
from rescind.ledger.storage.tables import CANCELLATION, TRANSITION
from rescind.ledger.storage.transactions import reading
from tests.engine.parts import UnderWay
from tests.engine.world import World


class Observer:
    """Checks each call that begins, and the invariants between two steps."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._called: set[tuple[str, int]] = set()
        self._exempt: set[int] = set()
        self.begun_at_stop: int | None = None
        """How many calls had begun at the engine's ``stop``."""
        world.executor.watch = self._watch

    # --- when a call begins ---

    def changed_from_outside(self) -> None:
        """Another process has changed a lane. The engine does not know before its next
        transaction, so calls that it has claimed may begin."""
        for one in self._world.registry:
            self._exempt.update(map(id, one.ready))

    def _watch(self, call: Call) -> None:
        for one in call.claimed:
            claim = (one.id, one.version)
            assert claim not in self._called, f"{one.id}: one claim is called twice"
            assert claim not in self._world.returned, f"{one.id} was returned"
            self._called.add(claim)
        assert self.begun_at_stop is None, "a call begins after the stop"
        own = calls_of(self._world, call.operation)
        assert len(own) < call.operation.policy.concurrency
        if not self._world.faults.committing and id(call) not in self._exempt:
            self._check_lane(call, len(own))

    def _check_lane(self, call: Call, others: int) -> None:
        operation, now = call.operation, self._world.clock.now()
        with self._world.faults.none(), reading(self._world.ledger) as connection:
            state = read_lane(connection, operation.lane)
        changed_at = operation.config.changed_at
        allowed = may_call(state, operation.policy, now, changed_at)
        assert others < allowed, f"{state} allows {allowed}, and {others} are at work"

    # --- between two steps ---

    def check(self) -> None:
        self._no_order_is_in_two_calls()
        for one in self._world.registry:
            self._is_counted(one)
        self._no_future_is_forgotten()
        if self.begun_at_stop is not None:
            assert len(self._world.executor.begun) == self.begun_at_stop

    def _no_order_is_in_two_calls(self) -> None:
        now = self._world.clock.now()
        calls = (one for one in self._world.under_way if is_on_the_wire(one, now))
        at_work = Counter(order for one in calls for order in one.ids)
        twice = [order for order, number in at_work.items() if number > 1]
        assert not twice, f"in two calls at once: {twice}"

    def _is_counted(self, one: LaneOperation) -> None:
        results = self._world.engine._dispatcher._results
        unread = sum(call.operation is one for call, _ in results)
        unrecorded = len(calls_of(self._world, one)) + len(one.ready) + len(one.results)
        assert one.in_flight == unrecorded + unread, f"{one.lane} {one.operation}"
        assert one.running == len(calls_of(self._world, one))

    def _no_future_is_forgotten(self) -> None:
        waiting = {id(one.future) for one in self._world.engine._submitted}
        for one in self._world.registry:
            entries = (*one.inbox, *one.urgent)
            waiting.update(id(entry.submission.future) for entry in entries)
        for _, future in self._world.submissions:
            assert future.done() or id(future) in waiting, "a future without an end"


def is_on_the_wire(one: UnderWay, now: datetime) -> bool:
    """Whether its provider may receive it now: its time limit has not passed."""
    return in_time(one) and now < one.since + longest_call(one.call.operation.policy)


def in_time(one: UnderWay) -> bool:
    """Whether the call began early enough in its lease to be made at all."""
    ends = min(claimed.progress.due_at or one.since for claimed in one.call.claimed)
    return one.since + longest_call(one.call.operation.policy) <= ends


def calls_of(world: World, operation: LaneOperation) -> list[UnderWay]:
    return [one for one in world.executor.under_way if one.call.operation is operation]


# --- in the ledger ---


def check_ledger(world: World) -> None:
    """Check that every row is final or due, and that its history is an allowed path."""
    t, c = TRANSITION.c, CANCELLATION.c
    with reading(world.ledger) as connection:
        rows = connection.execute(select(c.id, c.state, c.due_at)).all()
        steps = connection.execute(
            select(t.cancellation_id, t.from_state, t.to_state).order_by(
                t.cancellation_id, t.seq
            )
        ).all()
    paths: dict[str, list[tuple[str | None, str]]] = {}
    for one, before, after in steps:
        paths.setdefault(one, []).append((before, after))
    for row in rows:
        assert (row.state in FINAL) == (row.due_at is None), row
        check_path(paths[row.id], row.state)
    assert len(paths) == len(rows)


def check_path(path: list[tuple[str | None, str]], state: str) -> None:
    (before, at), *rest = path
    assert before is None
    assert at in (State.QUEUED, State.SCHEDULED, State.EXPIRED)
    for before, after in rest:
        assert before == at
        assert (State(before), State(after)) in EDGES, f"{before} -> {after}"
        at = after
    assert at == state
