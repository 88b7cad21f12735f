"""Cancellations that wait for others, against a model of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine

from rescind.ledger.changes import plan_decisions, postponement
from rescind.ledger.changes.postponed_judgements import judge_postponed
from rescind.ledger.changes.rounds import ASKED_AGAIN
from rescind.ledger.changes.waiting_rows import is_waiting
from rescind.ledger.changes.withdrawals import withdraw
from rescind.ledger.conditions import ANY, canonical
from rescind.ledger.states import FINAL, RETRYABLE, UNSENT, State
from rescind.ledger.storage.transactions import open_ledger, writing
from rescind.provider.outcomes import InvalidRequestError, Reason
from tests.ledger.build import BY, NOW, add, row
from tests.ledger.plan_model import ALL, Model, RefusedError
from tests.ledger.planned import after, claimed, finish, retried

ENDS = st.sampled_from(
    [
        (State.CANCELLED, Reason.CONFIRMED),
        (State.CANCELLED, Reason.PARTIAL),
        (State.REJECTED, Reason.NOT_FOUND),
        (State.REJECTED, Reason.REFUSED),
        (State.EXPIRED, Reason.DEADLINE_PASSED),
        (State.FAILED, Reason.UNRESOLVED),
        (State.FAILED, Reason.NEVER_SENT),
    ]
)
WANTED = st.sampled_from(
    [
        "cancelled",
        "cancelled",
        "any",
        "rejected",
        "cancelled/partial rejected/not_found",
        "withdrawn",
        "failed/never_sent",
        "cancelled expired withdrawn/not_wanted",
    ]
)
ACTS = st.sampled_from(
    [
        *("add", "end", "end", "end", "end", "retry", "retry", "retry"),
        *("withdraw", "release", "skip", "look_again"),
    ]
)
numbers = itertools.count()


@dataclass
class Plans:
    """Some cancellations in a ledger, and the model of them."""

    engine: Engine
    model: Model = field(default_factory=Model)
    ids: list[str] = field(default_factory=list)
    looks: int = 0

    def lane(self, number: int) -> tuple[str, str]:
        """Each has a lane of its own, so that any of them can be claimed alone."""
        return ("notpanel", self.ids[number])

    def add(self, data: st.DataObject) -> None:
        some = list(range(len(self.ids)))
        few = st.sets(st.sampled_from(some), min_size=1, max_size=3) if some else none
        before = data.draw(st.one_of(none, few, few, few))
        wanted = data.draw(WANTED)
        # The order of the ids is that of the insertion, as it is outside of tests.
        own: dict[str, Any] = {
            "id": f"{next(numbers):08}",
            "order": f"o{next(numbers)}",
        }
        own["lane"] = ("notpanel", own["id"])
        if before:
            ids = [self.ids[n] for n in before]
            self.ids.append(
                after(self.engine, *ids, only_if=canonical(wanted.split()), **own)
            )
        else:
            self.ids.append(added(self.engine, **own))
        self.model.add({n: meaning(wanted) for n in before})

    def end(self, data: st.DataObject) -> None:
        queued = [
            n for n, one in enumerate(self.model.nodes) if one.state is State.QUEUED
        ]
        if queued:
            number, end = data.draw(st.sampled_from(queued)), data.draw(ENDS)
            self._check_may_be_sent(number)
            held = claimed(self.engine, self.ids[number], self.lane(number))
            finish(self.engine, held, *end)
            self.model.ends(number, *end)

    def _check_may_be_sent(self, number: int) -> None:
        node = self.model.nodes[number]
        for before, wanted in node.wanted.items() if node.bound else ():
            assert self.model.met(node, before) or set(wanted) >= ALL

    def ask(self, what: str, data: st.DataObject) -> None:
        """An operator asks for it: the ledger and the model do it, or both refuse."""
        if not self.ids:
            return
        number = data.draw(st.sampled_from(self._worth_asking(what)))
        try:
            getattr(self.model, what)(number)
        except RefusedError:
            with pytest.raises(InvalidRequestError):
                ASKED[what](self.engine, self.ids[number])
        else:
            ASKED[what](self.engine, self.ids[number])

    def _worth_asking(self, what: str) -> list[int]:
        """Those of which it can be asked; all, if it can be asked of none."""
        states = RETRYABLE if what == "retry" else UNSENT | {State.WITHDRAWN}
        found = [n for n, one in enumerate(self.model.nodes) if one.state in states]
        return found or list(range(len(self.ids)))

    def look_again(self, _data: st.DataObject) -> None:
        self.model.look_again()
        self.looks += 1
        judge_all(self.engine, NOW + self.looks * ASKED_AGAIN)

    def check(self) -> None:
        judge_all(self.engine, NOW)
        for one, node in zip(self.ids, self.model.nodes, strict=True):
            found = row(self.engine, one)
            assert (found.state, found.reason) == node.end
            assert is_waiting(found) == node.waits
            if node.waits:
                # It is shown for whom it waits, and each of those can still end well.
                assert found.waits_for == self.model.keeping(node)
                keeping = [n for n in node.wanted if not self.model.met(node, n)]
                states = {self.model.nodes[n].state for n in keeping}
                assert states
                assert states <= {*set(State) - FINAL, State.FAILED}


def judge_all(engine: Engine, now: datetime) -> None:
    """Judge what is due and no more: what that leaves is due at once, or later."""
    with writing(engine) as connection:
        while judge_postponed(connection, now):
            pass


none: st.SearchStrategy[set[int]] = st.just(set())


def added(engine: Engine, **own: Any) -> str:
    lane, order, id_ = own["lane"], own["order"], own["id"]
    return add(engine, lane=lane, order=order, id=id_)


def meaning(wanted: str) -> set[Any]:
    """The ends that a condition names, as the model has them."""
    ends: set[Any] = set()
    for word in wanted.split():
        state, _, reason = word.partition("/")
        if word == ANY:
            ends |= ALL
        else:
            ends.add((State(state), Reason(reason)) if reason else State(state))
    return ends


def _decide(act: Callable[..., None]) -> Callable[[Engine, str], None]:
    def run(engine: Engine, one: str) -> None:
        with writing(engine) as connection:
            act(connection, one, NOW, by=BY)

    return run


def _withdraw(connection: Connection, one: str, *more: Any, **named: Any) -> None:
    withdraw(connection, [one], *more, **named)


ASKED: dict[str, Callable[[Engine, str], Any]] = {
    "withdraw": _decide(_withdraw),
    "release": _decide(plan_decisions.release),
    "skip": _decide(plan_decisions.skip),
    "retry": retried,
}


def walk(engine: Engine, data: st.DataObject) -> None:
    plans = Plans(engine)
    for act in ["add", "add", "add", *data.draw(st.lists(ACTS, max_size=20))]:
        if act in ASKED:
            plans.ask(act, data)
        else:
            getattr(plans, act)(data)
        plans.check()


FEW = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
MORE = settings(FEW, max_examples=60)


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


@MORE
@given(data=st.data())
def test_plans_on_sqlite_behave_as_the_model(
    sqlite: Engine, data: st.DataObject
) -> None:
    walk(sqlite, data)


@FEW
@given(data=st.data())
def test_plans_on_postgresql_behave_as_the_model(
    postgres: Engine, data: st.DataObject
) -> None:
    walk(postgres, data)


@FEW
@given(data=st.data())
def test_plans_behave_so_if_one_transaction_judges_two(
    sqlite: Engine, data: st.DataObject
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(postponement, "MOST_JUDGED", 2)
        walk(sqlite, data)
