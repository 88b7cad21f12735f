"""Fills the list of actions. No tests."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine, delete, insert

from rescind.ledger.action_kinds import Action
from rescind.ledger.id_times import first_id
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.operator_tables import OPERATOR_ACTION
from rescind.ledger.storage.transactions import writing


def done(
    by: str, action: Action, at: datetime, place: int = 0, apart: int = 0
) -> dict[str, object]:
    """The row of an action; the clock of its id was ``apart`` ms ahead."""
    id_ = f"{first_id(in_ms(at) + apart)}-7000-8000-{place:012x}"
    row = {"id": id_, "at": in_ms(at), "by": by, "action": str(action)}
    return {**row, "number": 1, "until": in_ms(at)}


def fill(engine: Engine, rows: list[dict[str, object]]) -> None:
    """Have only these rows in the list."""
    with writing(engine) as connection:
        connection.execute(delete(OPERATOR_ACTION))
        if rows:
            connection.execute(insert(OPERATOR_ACTION), rows)
