"""The list of activity is filtered by who, by the kind of action, and by date."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, insert

from rescind.browse.action_listing import WantedActions, find_actions
from rescind.browse.browse_ranges import first_id
from rescind.dashboard.activity_filter import kinds
from rescind.ledger.action_kinds import Action
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.operator_tables import OPERATOR_ACTION
from rescind.ledger.storage.transactions import writing
from tests.dashboard.stage import Visitor

ACTIVITY = "/desk/actions"
BEGIN = datetime(2026, 11, 20, tzinfo=UTC)
ANN, BEN, SHOP = "token:ann", "cli:ben@host", "token:shop"


def done(by: str, action: Action, at: datetime, place: int = 0) -> dict[str, object]:
    id_ = f"{first_id(in_ms(at))}-7000-8000-{place:012x}"
    row = {"id": id_, "at": in_ms(at), "by": by, "action": str(action)}
    return {**row, "number": 1, "until": in_ms(at)}


def fill(engine: Engine, rows: list[dict[str, object]]) -> None:
    with writing(engine) as connection:
        connection.execute(delete(OPERATOR_ACTION))
        if rows:
            connection.execute(insert(OPERATOR_ACTION), rows)


@pytest.fixture
def some(ledger: Engine) -> None:
    """Ann holds a lane each day, Ben resumes it an hour later, the shop submits."""
    rows = []
    for day in range(4):
        at = BEGIN + timedelta(days=day, hours=9)
        rows.append(done(ANN, Action.HOLD, at))
        rows.append(done(BEN, Action.RESUME, at + timedelta(hours=1)))
        rows.append(done(SHOP, Action.SUBMIT, at + timedelta(hours=2)))
    fill(ledger, rows)


def shown(visitor: Visitor, **fields: str) -> list[tuple[str, str]]:
    """The day and the actor of each line."""
    page = visitor.get(f"{ACTIVITY}?{urlencode(fields)}").text
    found = re.findall(r'datetime="(2026-11-\d\d)T.*?<bdi title="([^"]+)"', page, re.S)
    return [(day, by) for day, by in found]


@pytest.mark.usefixtures("some")
@pytest.mark.parametrize(
    ("fields", "days", "actors"),
    [
        ({}, 4, {ANN, BEN, SHOP}),
        ({"by": "ann"}, 4, {ANN}),
        ({"by": "ann (access token)"}, 4, {ANN}),
        ({"by": BEN}, 4, {BEN}),
        ({"action": "hold"}, 4, {ANN}),
        ({"since": "2026-11-22", "until": "2026-11-23"}, 1, {ANN, BEN, SHOP}),
        ({"until": "21.11.2026 09:30"}, 2, {ANN, BEN, SHOP}),
        ({"by": "ben@host", "since": "2026-11-21T10:00:00Z"}, 3, {BEN}),
        ({"by": "ann", "action": "resume"}, 0, set()),
        ({"by": "nobody"}, 0, set()),
    ],
)
def test_a_filter_leaves_only_what_matches(
    reader: Visitor, fields: dict[str, str], days: int, actors: set[str]
) -> None:
    found = shown(reader, **fields)
    assert len({day for day, _ in found}) == days
    assert {by for _, by in found} == actors
    assert found == sorted(found, key=lambda one: one[0], reverse=True)


@pytest.mark.usefixtures("some")
def test_pages_keep_the_filter(
    reader: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rescind.dashboard.activity.PAGE", 3)
    address = f"{ACTIVITY}?by=ann&action=hold"
    first = reader.get(address).text
    [older] = re.findall(r'href="(/desk/actions\?[^"]*before=[^"]+)"', first)
    second = reader.get(html.unescape(older)).text
    assert re.findall(r'<bdi title="([^"]+)"', first + second) == [ANN] * 4
    assert 'class="button" href="/desk/actions?' not in second


@pytest.mark.usefixtures("some")
def test_the_form_holds_what_the_address_says(reader: Visitor) -> None:
    fields = {"by": "ann", "action": "hold", "since": "-30d", "until": "2026-11-30"}
    page = reader.get(f"{ACTIVITY}?{urlencode(fields)}").text
    assert 'name="by" value="ann"' in page
    assert '<option value="hold" selected>' in page
    assert 'name="since" value="-30d"' in page
    assert 'name="until" value="2026-11-30"' in page


@pytest.mark.parametrize("query", ["action=nothing", "since=yesterday"])
def test_a_wrong_filter_is_refused_with_a_sentence(reader: Visitor, query: str) -> None:
    refused = reader.get(f"{ACTIVITY}?{query}")
    assert refused.status_code == 422
    assert "That was not done" in refused.text


def test_nothing_found_is_not_nothing_done(reader: Visitor, ledger: Engine) -> None:
    fill(ledger, [done(ANN, Action.HOLD, BEGIN)])
    page = reader.get(f"{ACTIVITY}?by=ben").text
    assert "Nothing matches this filter." in page
    assert "Nobody has submitted" not in page


def test_a_page_that_read_enough_says_so_and_goes_on(
    reader: Visitor, ledger: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = partial(find_actions, scanned=2)
    monkeypatch.setattr("rescind.dashboard.activity.find_actions", some)
    rows = [done(SHOP, Action.SUBMIT, BEGIN, place) for place in range(1, 4)]
    fill(ledger, [done(ANN, Action.HOLD, BEGIN), *rows])
    first = reader.get(f"{ACTIVITY}?by=ann").text
    assert "the search stopped here" in first
    [on] = re.findall(r'href="(/desk/actions\?[^"]*before=[^"]+)"', first)
    assert ANN in reader.get(html.unescape(on)).text


def test_every_kind_of_action_can_be_chosen() -> None:
    assert {kind for kind, _ in kinds()} == set(Action)


acts = st.lists(
    st.tuples(
        st.sampled_from([ANN, BEN, SHOP]),
        st.sampled_from([Action.HOLD, Action.SUBMIT]),
        st.integers(0, 5),
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


# Each example fills an empty ledger.
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(acts=acts, wanted=asked, limit=st.integers(1, 4), scanned=st.integers(1, 5))
def test_all_pages_together_hold_each_match_once(
    engine: Engine,
    acts: list[tuple[str, Action, int]],
    wanted: WantedActions,
    limit: int,
    scanned: int,
) -> None:
    rows = [
        done(by, action, BEGIN + timedelta(milliseconds=ms), place)
        for place, (by, action, ms) in enumerate(acts)
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
    with writing(engine) as connection:
        for _ in range(len(rows) + 2):
            page = find_actions(connection, wanted, limit, before, scanned)
            assert len(page.rows) <= limit
            found += [row.id for row in page.rows]
            before = page.next
            if before is None:
                break
    assert before is None
    assert found == expected
