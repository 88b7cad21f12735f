"""The overview's data, read from either database."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from rescind.dashboard.board import read_board
from rescind.dashboard.page_context import Dashboard
from rescind.dashboard.sessions import Sessions
from rescind.ledger.changes.stalled_lanes import mark
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import writing
from tests.dashboard.stage import (
    PANEL,
    PARCEL,
    Notified,
    a_day,
    context_over,
    settings_over,
    utc_now,
)


def test_the_board_is_the_same_from_either_database(
    engine: Engine, ledger_url: str, tmp_path: Path
) -> None:
    a_day(engine, utc_now())
    with writing(engine) as connection:
        mark(connection, {PARCEL: utc_now(), PANEL: utc_now()})
    context = context_over(settings_over(ledger_url, tmp_path), Notified())
    try:
        board = read_board(Dashboard(context, Sessions()))
    finally:
        context.close()
    assert board.failed == 2
    assert board.plots[0].totals[State.REJECTED] == 4
    # One that is held has a reason, whatever it was before.
    assert [(one.name, bool(one.stalled_since)) for one in board.troubled] == [
        ("akinon/shop", False),
        ("ithink/default", True),
        ("notpanel/default", False),
    ]
    assert [one.name for one in board.busy] == ["dukkango/kadikoy"]
    assert board.idle == []
    (panel,) = (one for one in board.lanes if one.name == "/".join(PANEL))
    assert panel.backlog.by_state == {State.QUEUED: 5}
    assert panel.failed == 1
