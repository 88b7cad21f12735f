"""Records of random plans: each end is told once, and is told as it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select, update

from rescind.ledger.changes import postponed_completions
from rescind.ledger.changes.sweeps import move
from rescind.ledger.reading.plans import plan_document
from rescind.ledger.states import FINAL, State
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.tables import CANCELLATION, NO_DEADLINE, TRANSITION
from rescind.ledger.storage.transactions import open_ledger, reading, writing
from rescind.provider.outcomes import Reason
from tests.ledger.build import NOW, PLAIN, SECOND
from tests.ledger.delivering import URL
from tests.ledger.plan_model import NOT_WANTED, Node
from tests.ledger.recorded_plans import ended, plan_of, told
from tests.ledger.test_plans import ACTS, ASKED, Plans

MORE_ACTS = st.one_of(ACTS, st.sampled_from(["plan", "plan", "pass_deadline"]))


def oracle(nodes: Sequence[Node]) -> str | None:
    """The verdict, by the sentences of the documentation."""
    ends = [node.end for node in nodes]
    if any(state not in FINAL for state, _ in ends):
        return None
    if State.FAILED in {state for state, _ in ends}:
        return "unknown"
    counted = [end for end in ends if end != NOT_WANTED]
    whole = [end for end in counted if _is_whole(*end)]
    parts = counted.count((State.CANCELLED, Reason.PARTIAL))
    if whole and len(whole) == len(counted):
        return "done"
    return "partly" if whole or parts else "not_done"


def _is_whole(state: State, reason: Reason | None) -> bool:
    return state is State.CANCELLED and reason is not Reason.PARTIAL


@dataclass
class Recorded:
    """A plan in the ledger: its steps' numbers, and what was seen of it before."""

    id: str
    steps: Sequence[int]
    ends: int = 0
    """How often its steps have ended."""
    told: int = 0
    """How often its end was told."""


@dataclass
class RecordedPlans(Plans):
    """The cancellations of ``Plans``, and plans of which they are steps."""

    recorded: list[Recorded] = field(default_factory=list)

    def plan(self, data: st.DataObject) -> None:
        some = st.sampled_from(range(len(self.ids)))
        steps = data.draw(st.lists(some, min_size=1, max_size=4, unique=True))
        ids = [self.ids[one] for one in steps]
        # Examples share one ledger: a cancellation's id is in no other one.
        key = f"{ids[0]} {len(self.recorded)}"
        made = plan_of(self.engine, *ids, key=key, callback_url=URL)
        self.recorded.append(Recorded(made, steps))

    def pass_deadline(self, data: st.DataObject) -> None:
        """The deadline of one that was not sent passes."""
        unsent = [
            n
            for n, one in enumerate(self.model.nodes)
            if one.waits or (one.state is State.QUEUED and not one.sent)
        ]
        if not unsent:
            return
        number = data.draw(st.sampled_from(unsent))
        self._set_deadline(number, in_ms(NOW - SECOND))
        with writing(self.engine) as connection:
            move(connection, [self.lane(number)], lambda _: PLAIN, NOW)
        self._set_deadline(number, None)
        self.model.ends(number, State.EXPIRED, Reason.DEADLINE_PASSED)
        self.model.nodes[number].sent = False

    def _set_deadline(self, number: int, at: int | None) -> None:
        its = update(CANCELLATION).where(CANCELLATION.c.id == self.ids[number])
        with writing(self.engine) as connection:
            urgency = NO_DEADLINE if at is None else at
            connection.execute(its.values(cancel_before=at, urgency=urgency))

    def check(self) -> None:
        super().check()
        for plan in self.recorded:
            self._check_plan(plan)

    def _check_plan(self, plan: Recorded) -> None:
        verdict = oracle([self.model.nodes[one] for one in plan.steps])
        with reading(self.engine) as connection:
            shown = plan_document(connection, plan.id)
        assert shown is not None
        assert shown["verdict"] == verdict
        assert ended(self.engine, plan.id) == (verdict is not None)
        found, ends = told(self.engine, plan.id), self._ends(plan)
        # An end is told if a step ended just now, and none is open any more.
        new = verdict is not None and (ends > plan.ends or not plan.told)
        assert len(found) == plan.told + new
        if new:
            latest = next(one for one in found if _is_latest(one, shown))
            assert latest.document == {k: v for k, v in shown.items() if k != "by"}
        plan.ends, plan.told = ends, len(found)

    def _ends(self, plan: Recorded) -> int:
        t, ids = TRANSITION.c, [self.ids[one] for one in plan.steps]
        final = t.to_state.in_(FINAL)
        chosen = select(func.count()).where(t.cancellation_id.in_(ids), final)
        with reading(self.engine) as connection:
            return connection.execute(chosen).scalar_one()


def _is_latest(delivery: Any, shown: dict[str, Any]) -> bool:
    """Whether it tells the plan as it is shown now."""
    return bool(delivery.document["steps"] == shown["steps"])


def walk(engine: Engine, data: st.DataObject) -> None:
    plans = RecordedPlans(engine)
    acts = data.draw(st.lists(MORE_ACTS, max_size=16))
    for act in ["add", "add", "add", "plan", *acts]:
        if act in ASKED:
            plans.ask(act, data)
        else:
            getattr(plans, act)(data)
        plans.check()


@pytest.fixture
def sqlite(sqlite_ledger_url: str) -> Iterator[Engine]:
    engine = open_ledger(sqlite_ledger_url)
    yield engine
    engine.dispose()


@pytest.fixture
def postgres(postgres_ledger_url: str) -> Iterator[Engine]:
    engine = open_ledger(postgres_ledger_url)
    yield engine
    engine.dispose()


FEW = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@settings(FEW, max_examples=40)
@given(data=st.data())
def test_the_ends_of_plans_on_sqlite_are_told_once_and_as_they_are(
    sqlite: Engine, data: st.DataObject
) -> None:
    walk(sqlite, data)


@FEW
@given(data=st.data())
def test_the_ends_of_plans_on_postgresql_are_told_once_and_as_they_are(
    postgres: Engine, data: st.DataObject
) -> None:
    walk(postgres, data)


@FEW
@given(data=st.data())
def test_the_ends_of_plans_are_told_so_if_one_transaction_completes_one(
    sqlite: Engine, data: st.DataObject
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(postponed_completions, "MOST_COMPLETED", 1)
        walk(sqlite, data)
