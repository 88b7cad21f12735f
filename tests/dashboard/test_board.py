"""What the overview is made of, from either database."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from rescind.dashboard.board import read_board
from rescind.dashboard.page_context import Desk
from rescind.dashboard.sessions import Sessions
from rescind.ledger.changes.stalled_lanes import mark
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import writing
from tests.dashboard.stage import (
    PANEL,
    PARCEL,
    Woken,
    a_day,
    front_over,
    settings_over,
    utc_now,
)


def test_the_board_is_the_same_from_either_database(
    engine: Engine, ledger_url: str, tmp_path: Path
) -> None:
    a_day(engine, utc_now())
    with writing(engine) as connection:
        mark(connection, {PARCEL: utc_now(), PANEL: utc_now()})
    front = front_over(settings_over(ledger_url, tmp_path), Woken())
    try:
        board = read_board(Desk(front, Sessions()))
    finally:
        front.close()
    assert board.failed == 2
    assert board.plot.totals[State.REJECTED] == 4
    assert [one.name for one in board.not_open] == ["akinon/shop", "notpanel/default"]
    # One that is held has a reason, whatever it was before.
    assert [one.name for one in board.stalled] == ["/".join(PARCEL)]
    (panel,) = (one for one in board.lanes if one.name == "/".join(PANEL))
    assert panel.backlog.by_state == {State.QUEUED: 5}
    assert panel.failed == 1
