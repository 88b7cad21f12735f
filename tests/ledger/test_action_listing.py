"""Pages of the list of actions hold what matches a filter, each action once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from rescind.browse.action_listing import WantedActions, find_actions
from rescind.ledger.action_kinds import Action
from rescind.ledger.id_times import CLOCKS_DIFFER
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.transactions import reading
from tests.ledger.acted import done, fill

ANN, BEN, SHOP = "token:ann", "cli:ben@host", "token:shop"
BEGIN = datetime(2026, 11, 20, tzinfo=UTC)

acts = st.lists(
    st.tuples(
        st.sampled_from([ANN, BEN, SHOP]),
        st.sampled_from([Action.HOLD, Action.SUBMIT]),
        st.integers(0, 5),
        st.sampled_from([0, 1, -1, CLOCKS_DIFFER, -CLOCKS_DIFFER]),
    ),
    max_size=12,
)
asked = st.builds(
    WantedActions,
    by=st.lists(st.sampled_from([ANN, BEN]), max_size=2),
    action=st.none() | st.just("hold"),
    since=st.none() | st.integers(0, 6).map(lambda n: in_ms(BEGIN) + n),
    until=st.none() | st.integers(0, 6).map(lambda n: in_ms(BEGIN) + n),
)
SINCE, UNTIL = (
    WantedActions(since=in_ms(BEGIN) + 2),
    WantedActions(until=in_ms(BEGIN) + 2),
)


# Each example fills an empty ledger.
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(acts=acts, wanted=asked, limit=st.integers(1, 4), scanned=st.integers(1, 5))
@example([(ANN, Action.HOLD, 3, -CLOCKS_DIFFER)], SINCE, 1, 1)
@example([(ANN, Action.HOLD, 1, CLOCKS_DIFFER)], UNTIL, 1, 1)
def test_all_pages_together_hold_each_match_once(
    engine: Engine,
    acts: list[tuple[str, Action, int, int]],
    wanted: WantedActions,
    limit: int,
    scanned: int,
) -> None:
    """Also if the clocks of an action's id and of its time differ."""
    rows = [
        done(by, action, BEGIN + timedelta(milliseconds=ms), place, apart)
        for place, (by, action, ms, apart) in enumerate(acts)
    ]
    fill(engine, rows)
    expected = [
        one["id"]
        for one in sorted(rows, key=lambda one: str(one["id"]), reverse=True)
        if (not wanted.by or one["by"] in wanted.by)
        and wanted.action in (None, one["action"])
        and (wanted.since is None or wanted.since <= int(str(one["at"])))
        and (wanted.until is None or int(str(one["at"])) < wanted.until)
    ]
    found, before = [], None
    with reading(engine) as connection:
        for _ in range(len(rows) + 2):
            page = find_actions(connection, wanted, limit, before, scanned)
            assert len(page.rows) <= limit
            found += [row.id for row in page.rows]
            before = page.next
            if before is None:
                break
    assert before is None
    assert found == expected
