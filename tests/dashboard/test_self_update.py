"""Pages of what is open update themselves, send nothing while it stays, then stop."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import Engine

from rescind.dashboard.self_update import QUICK, SLOW
from rescind.ledger.changes.lane_states import LaneState
from rescind.ledger.states import State
from rescind.provider.outcomes import Reason
from tests.dashboard.stage import PANEL, Visitor, end, set_lane, take_in, utc_now

DONE = (State.CANCELLED, Reason.CONFIRMED)


def every(page: str) -> int | None:
    """After how many seconds a page asks for itself."""
    found = re.search(r'hx-trigger="every (\d+)s"', page)
    return int(found[1]) if found else None


def mark(page: str) -> str:
    (found,) = re.findall(r'"x-shown": "(\w+)"', unescape(page))
    return str(found)


def group(name: str) -> str:
    return f"/desk/group?name={name}"


@pytest.mark.parametrize("whole", [False, True], ids=["order", "group"])
def test_a_page_asks_for_itself_until_all_has_ended(
    reader: Visitor, ledger: Engine, whole: bool
) -> None:
    one = take_in(ledger, PANEL, "ord_1", group="g")
    where = group("g") if whole else f"/desk/cancellations/{one}"
    shown = reader.get(where).text
    assert every(shown) == QUICK
    again = reader.get(where, **{"X-Shown": mark(shown)})
    assert (again.status_code, again.content) == (204, b"")
    end(ledger, PANEL, "ord_2", *DONE, group="g")
    if whole:
        changed = reader.get(where, **{"X-Shown": mark(shown)})
        assert changed.status_code == 200
    done = end(ledger, PANEL, "ord_3", *DONE, group="h")
    ended = group("h") if whole else f"/desk/cancellations/{done}"
    assert every(reader.get(ended, **{"X-Shown": mark(shown)}).text) is None


def test_the_page_of_an_order_changes_with_its_lane(
    reader: Visitor, ledger: Engine
) -> None:
    where = f"/desk/cancellations/{take_in(ledger, PANEL, 'ord_1')}"
    before = mark(reader.get(where).text)
    held = LaneState(held_at=utc_now(), held_reason="the key is refused")
    set_lane(ledger, PANEL, held)
    assert "the key is refused" in reader.get(where, **{"X-Shown": before}).text


@pytest.mark.parametrize("whole", [False, True], ids=["order", "group"])
def test_what_has_not_changed_for_long_is_asked_for_less_often(
    reader: Visitor, ledger: Engine, whole: bool
) -> None:
    long_ago = utc_now() - timedelta(hours=1)
    one = take_in(ledger, PANEL, "ord_1", group="g", at=long_ago)
    where = group("g") if whole else f"/desk/cancellations/{one}"
    assert every(reader.get(where).text) == SLOW
