"""A list equals a read of every row, in each order, though a page reads few."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select, update

from rescind.browse import browsing
from rescind.browse.browse_ranges import BY_STATE
from rescind.browse.browsing import Found, Place, Sort, browse
from rescind.browse.wanted import Wanted
from rescind.ledger.access_limits import EVERYTHING, Limit, Limits
from rescind.ledger.id_times import first_id, time_of_id
from rescind.ledger.states import FINAL, State
from rescind.ledger.storage.tables import CANCELLATION
from rescind.ledger.storage.transactions import open_ledger, reading, writing
from tests.ledger.build import BY as BY_TESTS
from tests.ledger.build import REASONS, add
from tests.ledger.filled import GROUPS, ON_ONE_LEDGER, ORDERS, One, fill, ones
from tests.ledger.plans import plans

C = CANCELLATION.c
BY = [None, "token:ann", "cli:bob@host"]
PAGES = ("ORDER BY cancellation.id DESC",)
"""In the statements that read the newest rows, and not in those that find the lanes."""
LIMITS = st.just(EVERYTHING) | st.lists(
    st.builds(
        Limit,
        st.sampled_from(["*", "akinon", "ithink"]),
        st.sampled_from(["*", "a", "b*"]),
        st.sampled_from([None, "*", *(g for g in GROUPS if g)]),
    ),
    min_size=1,
    max_size=2,
).map(lambda some: Limits(tuple(some)))


def spread(engine: Engine, kept: list[tuple[str, One]]) -> None:
    """Give rows different ends, due times and actors, some of them equal."""
    with writing(engine) as connection:
        for number, (id_, one) in enumerate(kept):
            column = "finished_at" if one.state in FINAL else "due_at"
            changed = update(CANCELLATION).where(C.id == id_)
            by = BY[number % len(BY)]
            values = {column: (number * 7) % 5, "submitted_by": by}
            connection.execute(changed.values(values))


def key_of(row: Any, sort: Sort) -> Place:
    at = {Sort.ENDED: row.finished_at, Sort.DUE: row.due_at}.get(sort, 0)
    return Place(at, row.id)


def fits(row: Any, wanted: Wanted, sort: Sort) -> bool:
    at = key_of(row, sort).at if sort in (Sort.ENDED, Sort.DUE) else None
    low = wanted.since is None or (
        at >= wanted.since if at is not None else row.id >= first_id(wanted.since)
    )
    high = wanted.until is None or (
        at < wanted.until if at is not None else row.id < first_id(wanted.until)
    )
    return (
        row.state in BY_STATE[sort.value]
        and (not wanted.states or row.state in wanted.states)
        and wanted.provider in (None, row.provider)
        and wanted.account in (None, row.account)
        and wanted.group in (None, row.group_name)
        and wanted.order in (None, row.order_id)
        and wanted.reason in (None, row.reason)
        and (not wanted.by or row.submitted_by in wanted.by)
        and wanted.within.allows(row.provider, row.account, row.group_name)
        and low
        and high
    )


def all_pages(engine: Engine, wanted: Wanted, sort: Sort, limit: int) -> list[Found]:
    found: list[Found] = []
    after: Place | None = None
    while not found or after is not None:
        with reading(engine) as connection:
            found.append(browse(connection, wanted, sort, limit, after, scanned=1))
        after = found[-1].next
    return found


@given(
    given_ones=st.lists(ones, max_size=25),
    states=st.lists(st.sampled_from(State), max_size=3, unique=True),
    lane=st.tuples(
        st.sampled_from([None, "akinon", "x"]), st.sampled_from([None, "a"])
    ),
    group=st.sampled_from(GROUPS),
    order=st.sampled_from([None, None, *ORDERS]),
    reason=st.sampled_from([None, *map(str, REASONS.values())]),
    by=st.lists(st.sampled_from(["token:ann", "cli:bob@host"]), unique=True),
    period=st.tuples(st.none() | st.integers(0, 3), st.none() | st.integers(1, 5)),
    sort=st.sampled_from(Sort),
    within=LIMITS,
    limit=st.integers(1, 6),
    most_lanes=st.sampled_from([1, 200]),
    least=st.integers(1, 4),
)
@settings(ON_ONE_LEDGER, max_examples=30)
def test_the_pages_of_a_list_equal_a_read_of_every_row(
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    given_ones: list[One],
    states: list[State],
    lane: tuple[str | None, str | None],
    group: str | None,
    order: str | None,
    reason: str | None,
    by: list[str],
    period: tuple[int | None, int | None],
    sort: Sort,
    within: Limits,
    limit: int,
    most_lanes: int,
    least: int,
) -> None:
    module = "rescind.browse.browse_ranges"
    monkeypatch.setattr(f"{module}.MOST_LANES", most_lanes)
    monkeypatch.setattr(browsing, "LEAST", least)
    spread(engine, fill(engine, given_ones))
    with reading(engine) as connection:
        rows = connection.execute(select(CANCELLATION)).all()
    if sort in (Sort.NEWEST, Sort.OLDEST) and rows:
        first = min(time_of_id(row.id) or 0 for row in rows)
        period = tuple(None if one is None else first + one for one in period)  # type: ignore[assignment]
    wanted = Wanted(
        [str(s) for s in states], *lane, group, order, reason, by, *period, within
    )
    fitting = [row for row in rows if fits(row, wanted, sort)]
    fitting.sort(key=lambda row: key_of(row, sort), reverse=sort.falls)
    pages = all_pages(engine, wanted, sort, limit)
    assert [r.id for page in pages for r in page.rows] == [r.id for r in fitting]
    assert all(len(page.rows) == limit or page.partial for page in pages[:-1])


@given(at=st.integers(0, 2**47), more=st.integers(1, 1000))
def test_ids_lie_between_the_bounds_of_their_time(at: int, more: int) -> None:
    id_ = first_id(at) + "-7000-8000-000000000000"
    assert first_id(at) <= id_ < first_id(at + more)
    assert time_of_id(id_) == at
    assert time_of_id("x") is None


def test_a_page_that_finds_nothing_in_its_share_says_where_it_stopped(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browsing, "LEAST", 2)
    ids = [add(engine, State.FAILED, order=str(n)) for n in range(5)]
    wanted = Wanted(states=["failed"], reason="never_sent")
    with reading(engine) as connection:
        found = browse(connection, wanted, Sort.NEWEST, 10, scanned=1)
    assert (found.rows, found.next, found.partial) == ([], Place(0, ids[3]), True)


def test_a_page_whose_rows_are_compared_is_planned_by_its_values(
    postgres_ledger_url: str,
) -> None:
    """A plan for any value takes seconds on a large ledger."""
    engine = open_ledger(postgres_ledger_url)
    add(engine, State.FAILED)
    with reading(engine) as connection:
        browse(
            connection, Wanted(states=["failed"], reason="unresolved"), Sort.NEWEST, 9
        )
        chosen = connection.exec_driver_sql("SHOW plan_cache_mode").scalar_one()
    engine.dispose()
    assert chosen == "force_custom_plan"


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ({"reason": "unresolved"}, "ix_state"),
        (
            {"reason": "unresolved", "provider": "notpanel", "by": [BY_TESTS]},
            "ix_state",
        ),
        ({"by": [BY_TESTS]}, None),
        ({"by": [BY_TESTS], "group": "g"}, "ix_group"),
        ({"since": 1, "until": 2**46}, None),
        ({"order": "1", "by": [BY_TESTS]}, "ix_order"),
    ],
)
def test_a_filtered_page_is_read_by_an_index(
    engine: Engine, wanted: dict[str, Any], index: str | None
) -> None:
    """By the index of the filter, or else by the ids."""
    add(engine, State.FAILED, group="g")
    with reading(engine) as connection, plans(connection, PAGES) as found:
        connection.exec_driver_sql(
            "SET LOCAL enable_seqscan = off"
            if connection.dialect.name == "postgresql"
            else "SELECT 1"
        )
        assert browse(connection, Wanted(**wanted), Sort.NEWEST, 9).rows
    assert not [one for one in found if "Seq Scan on cancellation" in one]
    assert not [one for one in found if scans_rows(one)]
    assert index is None or [one for one in found if index in one], found


def scans_rows(plan: str) -> bool:
    """Whether SQLite reads the table itself, in the order of no index."""
    return any(
        "SCAN cancellation" in line and "USING" not in line
        for line in plan.splitlines()
    )
