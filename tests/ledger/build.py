"""Short builders and helpers for the ledger's tests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Row, select, update

from rescind.ledger.changes.insertion import insert_new
from rescind.ledger.changes.new_cancellation import NewCancellation, beginning
from rescind.ledger.changes.recording import new_id
from rescind.ledger.progress import Change, Claimed, Progress
from rescind.ledger.states import FINAL, State
from rescind.ledger.storage.tables import CANCELLATION, TRANSITION
from rescind.ledger.storage.transactions import reading, writing
from rescind.provider.outcomes import Order, Reason
from rescind.provider.policy import Policy, seconds
from tests.ledger.single import claim, record

BY = "token:tests"
"""The actor in tests."""
NOW = datetime(2020, 11, 20, 18, 9, 0, 123_000, tzinfo=UTC)
"""Years ago: a test that mixes it with the real clock fails at once."""
LANE = ("notpanel", "default")
LEASE = timedelta(minutes=5)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)

PLAIN = Policy(
    resend_delays=seconds(1, 5, 15),
    poll_delays=seconds(2, 4, 8),
    verify_delays=seconds(3, 6, 9),
    max_attempts=3,
    verify_for=timedelta(hours=6),
    poll_for=timedelta(days=2),
    give_up_after=timedelta(days=3),
)


def policy(**values: Any) -> Policy:
    """``PLAIN``, with some values replaced."""
    return PLAIN.model_copy(update=values)


REASONS = {
    State.CANCELLED: Reason.CONFIRMED,
    State.REJECTED: Reason.REFUSED,
    State.EXPIRED: Reason.DEADLINE_PASSED,
    State.FAILED: Reason.UNRESOLVED,
    State.WITHDRAWN: Reason.REQUESTED,
}


def progress(state: State, **values: Any) -> Progress:
    """A progress in ``state`` that the ledger can store."""
    if state in FINAL:
        ended = {"reason": REASONS[state], "due_at": None, "finished_at": NOW}
        return Progress(state, **{**ended, **values})
    if state in (State.SENDING, State.VERIFYING, State.REQUESTED):
        sent: dict[str, Any] = {"attempts": 1, "spent": 1, "sent_at": NOW}
        if state is not State.SENDING:
            sent["since"] = NOW
        values = {**sent, **values}
    return Progress(state, **{"due_at": NOW, **values})


def claimed(state: State, **values: Any) -> Claimed:
    """A claimed cancellation; ``values`` are its progress's or its own."""
    own = {
        name: values.pop(name)
        for name in ("opened_at", "cancel_before")
        if name in values
    }
    whole = {"opened_at": NOW, **own}
    return Claimed("id", Order("1"), 2, progress=progress(state, **values), **whole)


def new(order: str = "1", **values: Any) -> NewCancellation:
    """A cancellation to insert, queued unless ``progress`` is given."""
    provider, account = values.pop("lane", LANE)
    whole = {
        "id": new_id(),
        "provider": provider,
        "account": account,
        "order": order,
        "key": order,
        "progress": beginning(values.get("not_before"), NOW),
        "opened_at": NOW,
        "by": BY,
        **values,
    }
    return NewCancellation(**whole)


def take_in(engine: Engine, cancellations: Iterable[NewCancellation]) -> list[str]:
    """Insert them; returns their ids."""
    listed = list(cancellations)
    with writing(engine) as connection:
        insert_new(connection, listed, NOW)
    return [one.id for one in listed]


def add(engine: Engine, state: State = State.QUEUED, **values: Any) -> str:
    """Insert one in ``state``; returns its id."""
    own = {
        name: values.pop(name)
        for name in (
            "order",
            "key",
            "lane",
            "cancel_before",
            "opened_at",
            "group",
            "id",
        )
        if name in values
    }
    return take_in(engine, [new(progress=progress(state, **values), **own)])[0]


def row(engine: Engine, cancellation_id: str) -> Row[Any]:
    with reading(engine) as connection:
        chosen = select(CANCELLATION).where(CANCELLATION.c.id == cancellation_id)
        return connection.execute(chosen).one()


def steps(engine: Engine, cancellation_id: str) -> list[tuple[int, str | None, str]]:
    """The history: sequence number, from, to."""
    t = TRANSITION.c
    chosen = select(t.seq, t.from_state, t.to_state).order_by(t.seq)
    with reading(engine) as connection:
        found = connection.execute(chosen.where(t.cancellation_id == cancellation_id))
        return [(seq, before, after) for seq, before, after in found]


def hold(
    engine: Engine,
    state: State = State.QUEUED,
    limit: int = 10,
    now: datetime = NOW,
    lane: tuple[str, str] = LANE,
) -> list[Claimed]:
    """Claim in a transaction of its own."""
    with writing(engine) as connection:
        return claim(connection, lane, state, limit, LEASE, now)


def change(held: Claimed, state: State, **values: Any) -> Change:
    """The change of ``held`` to ``state``."""
    keep = replace(held.progress, state=state)
    if state in FINAL:
        keep = replace(keep, reason=REASONS[state], due_at=None, finished_at=NOW)
    to = replace(keep, **values)
    return Change([held.id], held.version, held.progress.state, to)


def make(
    engine: Engine, changes: Sequence[Change], now: datetime = NOW
) -> frozenset[str]:
    """Record in a transaction of its own; returns the stale ids."""
    with writing(engine) as connection:
        return record(connection, changes, now, LANE).stale


def say_in_newer_words(engine: Engine, one: str, column: str = "reason") -> Row[Any]:
    """Give a row a word that this version does not know; returns the row."""
    with writing(engine) as connection:
        word = {column: "a_newer_word"}
        connection.execute(
            update(CANCELLATION).where(CANCELLATION.c.id == one).values(word)
        )
    return row(engine, one)
