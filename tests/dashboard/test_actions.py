"""Holding, resuming and retrying on the dashboard: each confirmed, and done once."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from rescind.dashboard.bulk import order_actions
from rescind.ledger.changes.lane_states import LaneState, read_lane
from rescind.ledger.progress import Progress
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import reading
from rescind.provider.outcomes import Reason
from tests.dashboard.stage import (
    PANEL,
    PARCEL,
    Served,
    Visitor,
    end,
    set_lane,
    take_in,
    utc_now,
)
from tests.ledger.build import row
from tests.tasks.conftest import until

FAILED = (State.FAILED, Reason.UNRESOLVED)
LANE = "notpanel/default"


def lane(engine: Engine) -> LaneState:
    with reading(engine) as connection:
        return read_lane(connection, PANEL)


def states(engine: Engine, ids: list[str]) -> list[str]:
    return [row(engine, one).state for one in ids]


def hidden(page: str, name: str) -> list[str]:
    return re.findall(rf'name="{name}" value="([^"]*)"', page)


# --- lanes ----------------------------------------------------------------------------


def test_a_hold_is_asked_about_first(operator: Visitor, ledger: Engine) -> None:
    asked = operator.get(f"/desk/lanes/hold?lane={LANE}").text
    assert "Until somebody resumes this lane" in asked
    assert lane(ledger).held_at is None
    done = operator.send("/desk/lanes/hold", lane=LANE)
    assert done.headers["location"] == "/?done=held&lane=notpanel%2Fdefault"
    assert lane(ledger).held_at is not None
    said = operator.get(done.headers["location"]).text
    assert f"{LANE} is held: nothing is sent on it" in said


WHY = 'maintenance <until> 18:00 & "more"'
WHY_SHOWN = "maintenance &lt;until&gt; 18:00 &amp; &#34;more&#34;"


def test_a_hold_shows_its_reason_wherever_it_is_shown(
    operator: Visitor, ledger: Engine
) -> None:
    assert 'name="reason"' in operator.get(f"/desk/lanes/hold?lane={LANE}").text
    assert 'name="reason"' not in operator.get(f"/desk/lanes/resume?lane={LANE}").text
    waiting = take_in(ledger, PANEL, "1")
    operator.send("/desk/lanes/hold", lane=LANE, reason=WHY)
    pages = ("/", "/desk/lanes", "/desk/actions", f"/desk/cancellations/{waiting}")
    for page in pages:
        assert WHY_SHOWN in operator.get(page).text, page
    shown = operator.get("/desk/lanes", **{"Accept-Language": "tr"}).text
    assert f"bir operatör durdurdu: {WHY_SHOWN}" in shown


def test_the_reason_is_that_of_every_lane_of_the_form(
    operator: Visitor, ledger: Engine
) -> None:
    both = [LANE, "ithink/default"]
    operator.follow("/desk/lanes/hold", lane=both, reason="maintenance")
    with reading(ledger) as connection:
        notes = [read_lane(connection, one).held_note for one in (PANEL, PARCEL)]
    assert notes == ["maintenance"] * 2


def test_a_reason_that_is_too_long_holds_nothing(
    operator: Visitor, ledger: Engine
) -> None:
    refused = operator.send("/desk/lanes/hold", lane=LANE, reason="x" * 201)
    assert refused.status_code == 422
    assert "at most 200 characters" in refused.text
    assert lane(ledger).held_at is None


def test_a_resumed_lane_is_cleared_and_notified(
    site: Served, operator: Visitor, ledger: Engine
) -> None:
    held = LaneState(held_at=utc_now(), held_reason="the key was refused", failures=3)
    set_lane(ledger, PANEL, held)
    operator.send("/desk/lanes/resume", lane=LANE)
    assert lane(ledger) == LaneState()
    until(lambda: len(site.notified.asked) == 3, "the lane is notified")
    assert {one for one, _ in site.notified.asked} == {PANEL}


@pytest.mark.parametrize("name", ["nobody/default", "notpanel", "", "a/b/c"])
def test_an_unknown_lane_is_refused_with_a_reason(operator: Visitor, name: str) -> None:
    for refused in (
        operator.get(f"/desk/lanes/hold?lane={name}"),
        operator.send("/desk/lanes/hold", lane=name or "/"),
        operator.send("/desk/lanes/resume", lane=name or "/"),
    ):
        assert refused.status_code == 404
        assert "there is no lane" in refused.text


def test_no_address_puts_words_on_the_overview(operator: Visitor) -> None:
    said = operator.get("/?done=held&lane=Call+0900+and+pay").text
    assert "and pay" not in said


# --- new rounds -----------------------------------------------------------------------


def test_a_cancellation_is_retried_after_a_confirmation(
    site: Served, operator: Visitor, ledger: Engine
) -> None:
    one = end(ledger, PANEL, "ord_1", *FAILED)
    asked = operator.follow("/desk/retry", id=one).text
    assert "Retry 1 cancellation?" in asked
    assert "ord_1" in asked
    assert states(ledger, [one]) == ["failed"]
    done = operator.send("/desk/retry/now", id=hidden(asked, "id"))
    assert done.headers["location"] == f"/desk/cancellations/{one}?done=retried"
    assert states(ledger, [one]) == ["queued"]
    until(lambda: site.notified.asked == [(PANEL, "cancel")], "the lane is notified")
    assert "A new round has begun" in operator.get(done.headers["location"]).text


def test_after_a_lost_answer_a_retry_asks_the_provider_first(
    operator: Visitor, ledger: Engine
) -> None:
    one = end(ledger, PANEL, "ord_1", *FAILED, lost=True)
    operator.send("/desk/retry/now", id=one)
    assert states(ledger, [one]) == ["verifying"]


def test_a_retry_that_the_provider_will_refuse_is_not_the_main_button(
    operator: Visitor, ledger: Engine
) -> None:
    refused = end(ledger, PANEL, "ord_1", State.REJECTED, Reason.WINDOW_CLOSED)
    failed = end(ledger, PANEL, "ord_2", *FAILED)
    main, warning = 'class="main" type="submit">Retry', "will probably refuse again"
    shown = operator.get(f"/desk/cancellations/{refused}").text
    assert (main in shown, warning in shown) == (False, True)
    shown = operator.get(f"/desk/cancellations/{failed}").text
    assert (main in shown, warning in shown) == (True, False)
    asked = operator.follow("/desk/retry", id=[refused, failed]).text
    assert "The provider refused 1 of them, and will probably refuse again" in asked


def test_only_the_ticked_are_retried(operator: Visitor, ledger: Engine) -> None:
    ids = [end(ledger, PANEL, f"ord_{n}", *FAILED) for n in range(4)]
    asked = operator.follow("/desk/retry", id=ids[:3]).text
    assert "Retry 3 cancellations?" in asked
    said = operator.follow("/desk/retry/now", id=hidden(asked, "id")).text
    assert "3 cancellations are under way again" in said
    assert states(ledger, ids) == ["queued"] * 3 + ["failed"]


def test_all_matches_are_retried_but_not_later_failures(
    operator: Visitor, ledger: Engine
) -> None:
    was = utc_now() - timedelta(minutes=1)
    ids = [end(ledger, PANEL, f"ord_{n}", *FAILED, at=was) for n in range(3)]
    other = end(ledger, PARCEL, "awb-1", *FAILED, at=was)
    match = {"every": "yes", "state": "failed", "provider": "notpanel"}
    asked = operator.follow("/desk/retry", **match).text
    assert "Retry 3 cancellations?" in asked
    later = end(ledger, PANEL, "ord_9", *FAILED, at=utc_now() + timedelta(minutes=1))
    operator.send("/desk/retry/now", **match, shown_at=hidden(asked, "shown_at")[0])
    assert states(ledger, ids) == ["queued"] * 3
    assert states(ledger, [other, later]) == ["failed", "failed"]


def test_at_most_a_bound_is_retried_at_once(
    operator: Visitor, ledger: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_actions, "MOST", 2)
    monkeypatch.setattr("rescind.dashboard.selection.MOST", 2)
    ids = [end(ledger, PANEL, f"ord_{n}", *FAILED) for n in range(3)]
    asked = operator.follow("/desk/retry", every="yes").text
    assert "Retry 2 cancellations?" in asked
    assert "this concerns the first 2" in asked
    operator.send("/desk/retry/now", every="yes")
    assert states(ledger, ids) == ["failed", "queued", "queued"]


def test_a_refused_retry_does_not_stop_the_others(
    operator: Visitor, ledger: Engine
) -> None:
    late = utc_now() - timedelta(minutes=1)
    gone = (State.EXPIRED, Reason.DEADLINE_PASSED)
    good = end(ledger, PANEL, "ord_1", *FAILED)
    over = end(ledger, PANEL, "ord_2", *gone, cancel_before=late)
    asked = operator.follow("/desk/retry", id=[good, over]).text
    assert "the deadline of 1 cancellation has passed" in asked
    said = operator.follow("/desk/retry/now", id=[good, over]).text
    assert "1 cancellation could not be retried" in said
    assert states(ledger, [good, over]) == ["queued", "expired"]


def test_a_new_deadline_opens_what_has_expired(
    operator: Visitor, ledger: Engine
) -> None:
    late = utc_now() - timedelta(minutes=1)
    gone = (State.EXPIRED, Reason.DEADLINE_PASSED)
    one = end(ledger, PANEL, "ord_1", *gone, cancel_before=late)
    operator.send("/desk/retry/now", id=one, deadline="+1h")
    assert states(ledger, [one]) == ["queued"]


@pytest.mark.parametrize("deadline", ["soon", "2026-01-01T00:00:00Z", "12:00"])
def test_a_malformed_deadline_is_refused_with_a_reason(
    operator: Visitor, ledger: Engine, deadline: str
) -> None:
    one = end(ledger, PANEL, "ord_1", *FAILED)
    refused = operator.send("/desk/retry/now", id=one, deadline=deadline)
    assert refused.status_code == 422
    assert "The new deadline" in refused.text
    assert states(ledger, [one]) == ["failed"]


def test_retrying_twice_opens_one_round(operator: Visitor, ledger: Engine) -> None:
    one = end(ledger, PANEL, "ord_1", *FAILED)
    operator.send("/desk/retry/now", id=[one, one])
    again = operator.follow("/desk/retry/now", id=one).text
    assert "Nothing was changed" in again
    assert row(ledger, one).version == 4


def test_an_invalid_or_unknown_cancellation_is_not_retried(
    operator: Visitor, ledger: Engine
) -> None:
    from tests.dashboard.stage import take_in

    begins = Progress(
        State.REJECTED, reason=Reason.INVALID_REQUEST, finished_at=utc_now()
    )
    one = take_in(ledger, PANEL, "ord_1", key="refused:1", progress=begins)
    for form in ({"id": one}, {"id": "nothing"}, {}):
        assert "Nothing to retry" in operator.follow("/desk/retry", **form).text
        assert "Nothing was changed" in operator.follow("/desk/retry/now", **form).text
    assert states(ledger, [one]) == ["rejected"]


def test_more_than_a_page_can_hold_is_refused(operator: Visitor) -> None:
    ids = [str(number) for number in range(201)]
    assert operator.send("/desk/retry", id=ids).status_code == 422
