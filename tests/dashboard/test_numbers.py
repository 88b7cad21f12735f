"""A number means the same in tile, groups, chart, lists and metrics.

Orders end, are retried and end again, at any times of the last hours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, delete, select

from rescind.config.accounts import Lane
from rescind.dashboard.board import Board, read_board
from rescind.dashboard.list_pages import read_page
from rescind.dashboard.listing_filter import listing_of
from rescind.dashboard.page_context import Dashboard
from rescind.dashboard.plot import Plot
from rescind.dashboard.sessions import Sessions
from rescind.ledger.access_limits import EVERYTHING
from rescind.ledger.changes.retries import retry
from rescind.ledger.progress import Change, Progress
from rescind.ledger.reading.counter_totals import totals
from rescind.ledger.reading.queries import find
from rescind.ledger.states import State
from rescind.ledger.storage import counters
from rescind.ledger.storage.side_tables import TALLY
from rescind.ledger.storage.tables import CANCELLATION, LANE, TRANSITION
from rescind.ledger.storage.transactions import reading, writing
from rescind.provider.outcomes import Reason
from tests.dashboard.stage import (
    PANEL,
    PARCEL,
    Notified,
    context_over,
    end_in,
    settings_over,
    utc_now,
)
from tests.ledger.build import BY
from tests.ledger.single import record

Way = tuple[State, Reason]
Standing = Counter[tuple[Lane, str, str]]
WAYS: Sequence[Way] = [
    (State.CANCELLED, Reason.CONFIRMED),
    (State.REJECTED, Reason.REFUSED),
    (State.FAILED, Reason.UNRESOLVED),
    (State.FAILED, Reason.ATTEMPTS_EXHAUSTED),
]
LIVES = st.tuples(
    st.sampled_from([PANEL, PARCEL]),
    st.integers(1, 20),
    st.lists(st.sampled_from(WAYS), min_size=1, max_size=4),
)
FEW = settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
AGAIN = timedelta(minutes=7)


def live(
    connection: Connection, lane: Lane, order: str, ways: list[Way], at: datetime
) -> None:
    """An order that ends in each of these ways, with a retry after each."""
    first, *others = ways
    one = end_in(connection, lane, order, *first, at=at)
    for state, reason in others:
        row = find(connection, one)
        assert row is not None
        if row.state == State.CANCELLED:
            return
        at += AGAIN
        assert retry(connection, row, at, by=BY)
        sent = Progress(State.SENDING, attempts=2, spent=1, sent_at=at, due_at=at)
        over = replace(sent, state=state, reason=reason, due_at=None, finished_at=at)
        version = row.version + 1
        for change in (
            Change([one], version, State.QUEUED, sent),
            Change([one], version + 1, State.SENDING, over),
        ):
            record(connection, [change], at, lane)


def standing(engine: Engine) -> Standing:
    c = CANCELLATION.c
    with reading(engine) as connection:
        rows = connection.execute(select(c.provider, c.account, c.state, c.reason))
        return Counter(((p, a), state, reason) for p, a, state, reason in rows)


def listed(engine: Engine, state: str, **fields: str) -> int:
    wanted = listing_of(utc_now(), EVERYTHING, [state], **fields)
    with reading(engine) as connection:
        return len(read_page(connection, wanted, "", 500).rows)


@given(lives=st.lists(LIVES, max_size=5))
@FEW
def test_every_number_counts_the_same_orders(
    engine: Engine,
    ledger_url: str,
    tmp_path: Path,
    lives: list[tuple[Lane, int, list[Way]]],
) -> None:
    with writing(engine) as connection:
        for table in (TRANSITION, CANCELLATION, LANE, TALLY):
            connection.execute(delete(table))
        for number, (lane, hours, ways) in enumerate(lives):
            at = utc_now() - timedelta(hours=hours)
            live(connection, lane, f"ord_{number}", ways, at)
    context = context_over(settings_over(ledger_url, tmp_path), Notified())
    try:
        board = read_board(Dashboard(context, Sessions()))
    finally:
        context.close()
    stands = standing(engine)
    check_failed(engine, board, stands)
    for plot in board.plots.values():
        check_chart(engine, plot, stands)
    with reading(engine) as connection:
        metrics = Counter[str]()
        for one in totals(connection):
            metrics[one.metric] += one.count
    assert metrics[counters.OUTCOME] - metrics[counters.RETRY] == stands.total()


def check_failed(engine: Engine, board: Board, stands: Standing) -> None:
    failed = +Counter({k: n for k, n in stands.items() if k[1] == State.FAILED})
    assert board.failed == failed.total() == listed(engine, "failed")
    groups = [one.failures for one in board.problems]
    assert {(g.lane, "failed", g.reason): g.count for g in groups} == failed
    for one in groups:
        provider, account = one.lane
        its = {"provider": provider, "account": account, "reason": one.reason}
        assert listed(engine, "failed", **its) == one.count
    on_lanes = {row.name: row.failed for row in board.lanes if row.failed}
    by_lane = Counter[str]()
    for (lane, _, _), number in failed.items():
        by_lane["/".join(lane)] += number
    assert on_lanes == by_lane


def check_chart(engine: Engine, plot: Plot, stands: Standing) -> None:
    by_state, by_reason = Counter[str](), Counter[tuple[str, str]]()
    for (_, state, reason), number in stands.items():
        by_state[state] += number
        by_reason[state, reason] += number
    assert +Counter(plot.totals) == by_state
    assert {(state, why): n for state, why, n in plot.reasons} == by_reason
    for state, number in plot.totals.items():
        ended = {"sort": "ended", "since": plot.since}
        assert listed(engine, state, **ended) == number
    for hour in plot.hours:
        for state, number in hour.counts.items():
            assert not number or listed(engine, state, **hour.period) == number
