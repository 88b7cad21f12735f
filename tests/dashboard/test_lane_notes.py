"""Every page of an order says when its lane is held, and what follows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from rescind.ledger.action_kinds import Action
from rescind.ledger.changes.lane_states import LaneState
from rescind.ledger.changes.operator_actions import Subject
from rescind.ledger.progress import Progress
from rescind.ledger.states import State
from rescind.provider.outcomes import Reason
from tests.dashboard.stage import PANEL, Visitor, an_action, set_lane, take_in, utc_now
from tests.dashboard.test_self_update import every
from tests.dashboard.test_submit_file import HEAD, id_of, previewed

FORM = "/desk/submit?lane=notpanel/default"


@pytest.fixture
def held(ledger: Engine) -> None:
    at = utc_now()
    set_lane(ledger, PANEL, LaneState(held_at=at, held_reason="the key is refused"))


def order(ledger: Engine, number: str, **values: Any) -> str:
    return f"/desk/cancellations/{take_in(ledger, PANEL, number, **values)}"


@pytest.mark.usefixtures("held")
def test_a_preview_a_result_and_the_form_say_that_the_lane_is_held(
    clerk: Visitor,
) -> None:
    where = previewed(clerk, HEAD + "notpanel,1,,\nnotpanel,2,,\nithink,3,,\n")
    led = clerk.send("/desk/submit/file/now", id=id_of(where)).headers["location"]
    for path in (led, FORM):
        shown = clerk.get(path).text
        assert "The lane notpanel/default is held: the key is refused" in shown
        assert "The lane ithink/default" not in shown
    assert "2 orders wait until a person resumes it" in clerk.get(led).text
    assert every(clerk.get(led).text) is not None
    again = clerk.get(previewed(clerk, HEAD + "notpanel,4,,\n")).text
    assert "One order waits until a person resumes it" in again


def test_a_lane_that_works_has_no_note(clerk: Visitor, ledger: Engine) -> None:
    order(ledger, "1")
    for path in (FORM, previewed(clerk, HEAD + "notpanel,2,,\n")):
        assert "The lane notpanel/default" not in clerk.get(path).text


@pytest.mark.usefixtures("held")
def test_an_order_of_a_held_lane_asks_a_person_to_act(
    reader: Visitor, ledger: Engine
) -> None:
    late = {"cancel_before": utc_now() + timedelta(hours=1)}
    for number, values in (("1", {}), ("2", late)):
        shown = reader.get(order(ledger, number, **values)).text
        assert "Nothing to do" not in shown
        assert "resume it" in shown
        assert ("If the deadline passes first" in shown) == bool(values)


def expired(ledger: Engine) -> str:
    now = utc_now() + timedelta(seconds=2)
    over = (State.EXPIRED, Reason.DEADLINE_PASSED)
    ended = Progress(*over, due_at=None, finished_at=now)
    return order(ledger, "9", progress=ended, cancel_before=now)


@pytest.mark.usefixtures("held")
def test_an_order_that_expired_in_a_hold_says_so(
    reader: Visitor, ledger: Engine
) -> None:
    assert "was held when its deadline passed" in reader.get(expired(ledger)).text


def test_it_says_so_also_after_the_lane_was_resumed(
    reader: Visitor, ledger: Engine
) -> None:
    gone = expired(ledger)
    assert "when its deadline passed" not in reader.get(gone).text
    why = Subject(PANEL, detail="maintenance")
    an_action(ledger, Action.HOLD, why, utc_now())
    shown = reader.get(gone).text
    assert "was held by ann (access token)" in shown
    assert "when its deadline passed. Reason: maintenance" in shown
    an_action(ledger, Action.RESUME, Subject(PANEL), utc_now())
    assert "when its deadline passed" not in reader.get(gone).text
