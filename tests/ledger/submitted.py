"""Fills the list of cancellations for tests of its filters. No tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, update

from rescind.ledger.id_times import first_id
from rescind.ledger.states import State
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.tables import CANCELLATION
from rescind.ledger.storage.transactions import writing
from tests.ledger.build import add

ANN, BEN = "token:ann", "cli:ben@host"
BEGIN = datetime(2026, 11, 20, 9, tzinfo=UTC)
DAYS = 4


def fill_days(engine: Engine) -> None:
    """Each day at 9:00 Ann submits one that is rejected and one that fails, and an hour
    later Ben submits one that waits. An order is named by its day and its place."""
    ended = [
        (State.REJECTED, ANN, timedelta()),
        (State.FAILED, ANN, timedelta()),
        (State.QUEUED, BEN, timedelta(hours=1)),
    ]
    for day in range(DAYS):
        for place, (state, by, later) in enumerate(ended):
            at = BEGIN + timedelta(days=day) + later
            _add(engine, state, f"{at.day}-{place}", by, at)


def _add(engine: Engine, state: State, order: str, by: str, at: datetime) -> None:
    place = int(order[-1])
    one = f"{first_id(in_ms(at))}-7000-8000-{place:012x}"
    add(engine, state, order=order, id=one, group="g" if place else None)
    times = {"created_at": in_ms(at), "updated_at": in_ms(at)}
    with writing(engine) as connection:
        changed = update(CANCELLATION).where(CANCELLATION.c.id == one)
        connection.execute(changed.values(submitted_by=by, **times))
