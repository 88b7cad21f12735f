"""Actions on several lanes or cancellations: each says first what it will do."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from rescind.config.redis_client import redis_client
from rescind.dashboard.bulk.order_actions import ACTIONS
from rescind.ledger.changes.lane_states import LaneState, read_lane
from rescind.ledger.progress import Progress
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import reading
from rescind.provider.outcomes import Reason
from rescind.telemetry.exposition import impatient
from tests.dashboard.stage import (
    MEAL,
    OPERATOR,
    PANEL,
    PARCEL,
    READER,
    Served,
    Visitor,
    end,
    set_lane,
    take_in,
    utc_now,
)
from tests.ledger.build import row
from tests.tasks.conftest import until

BOTH = ["notpanel/default", "ithink/default"]


def hidden(page: str, name: str) -> list[str]:
    return re.findall(rf'name="{name}" value="([^"]*)"', page)


def is_held(engine: Engine, lane: tuple[str, str]) -> bool:
    with reading(engine) as connection:
        return read_lane(connection, lane).held_at is not None


def states(engine: Engine, *ids: str) -> list[str]:
    return [row(engine, one).state for one in ids]


# --- lanes ----------------------------------------------------------------------------


def test_several_lanes_are_held_after_one_question(
    operator: Visitor, ledger: Engine
) -> None:
    take_in(ledger, PANEL, "ord_1")
    asked = operator.get(f"/desk/lanes/hold?lane={BOTH[0]}&lane={BOTH[1]}").text
    assert "Hold 2 lanes?" in asked
    assert "Until somebody resumes these 2 lanes" in asked
    assert "<bdi>1 queued</bdi>" in asked
    assert not is_held(ledger, PANEL)
    done = operator.follow("/desk/lanes/hold", lane=hidden(asked, "lane")).text
    assert "2 lanes are held" in done
    assert [is_held(ledger, one) for one in (PANEL, PARCEL, MEAL)] == [
        True,
        True,
        False,
    ]


def test_all_lanes_of_a_provider_are_resumed(
    site: Served, operator: Visitor, ledger: Engine
) -> None:
    held = LaneState(held_at=utc_now(), held_reason="by us")
    for lane in (PANEL, PARCEL):
        set_lane(ledger, lane, held)
    asked = operator.get("/desk/lanes/resume?provider=notpanel").text
    assert "Resume notpanel/default?" in asked
    assert hidden(asked, "lane") == ["notpanel/default"]
    operator.send("/desk/lanes/resume", lane=hidden(asked, "lane"))
    assert not is_held(ledger, PANEL)
    assert is_held(ledger, PARCEL)
    until(lambda: len(site.notified.asked) == 3, "the lane is notified")


def test_lanes_that_an_action_would_not_change_are_named(
    operator: Visitor, ledger: Engine
) -> None:
    set_lane(ledger, PANEL, LaneState(held_at=utc_now(), held_reason="by us"))
    asked = operator.get(f"/desk/lanes/hold?lane={BOTH[0]}&lane={BOTH[1]}").text
    assert "Hold ithink/default?" in asked
    assert "notpanel/default is held already" in asked
    none = operator.get(f"/desk/lanes/resume?lane={BOTH[1]}").text
    assert "Nothing to resume" in none
    assert "ithink/default is open" in none


def test_the_lanes_can_be_ticked_by_provider(
    operator: Visitor, reader: Visitor
) -> None:
    shown = operator.get("/desk/lanes").text
    assert hidden(shown, "lane") == [
        "akinon/shop",
        "dukkango/kadikoy",
        "ithink/default",
        "notpanel/default",
    ]
    assert 'href="/desk/lanes/hold?provider=notpanel"' in shown
    assert "Hold" not in re.sub(
        r"Hold or resume lanes", "", reader.get("/desk/lanes").text
    )


def test_a_resume_does_not_send_what_is_scheduled(operator: Visitor) -> None:
    asked = operator.get("/desk/lanes/resume?lane=notpanel/default").text
    assert "What waits is sent" not in asked


def test_no_lane_selected_changes_nothing(operator: Visitor) -> None:
    assert "Tick at least one lane" in operator.get("/desk/lanes/hold").text
    assert operator.send("/desk/lanes/hold").status_code == 404


# --- cancellations --------------------------------------------------------------------


@pytest.mark.parametrize("action", ACTIONS, ids=lambda one: one.name)
def test_every_action_on_nothing_says_so(operator: Visitor, action: object) -> None:
    name = action.name  # type: ignore[attr-defined]
    assert "Nothing to" in operator.follow(f"/desk/{name}").text
    assert "Nothing was changed" in operator.follow(f"/desk/{name}/now").text


def test_a_question_names_the_lanes(operator: Visitor, ledger: Engine) -> None:
    ids = [take_in(ledger, PANEL, f"ord_{n}") for n in range(2)]
    ids.append(take_in(ledger, PARCEL, "1"))
    asked = operator.follow("/desk/withdraw", id=ids).text
    assert "Withdraw 3 cancellations?" in asked
    assert '<bdi class="mono">notpanel/default</bdi>: <bdi>2 cancellations</bdi>' in (
        asked
    )
    assert '<bdi class="mono">ithink/default</bdi>: <bdi>1 cancellation</bdi>' in asked


def test_all_that_match_are_withdrawn_but_not_later_ones(
    operator: Visitor, ledger: Engine
) -> None:
    was = utc_now() - timedelta(minutes=1)
    ids = [take_in(ledger, PANEL, f"ord_{n}", at=was) for n in range(2)]
    other = take_in(ledger, PARCEL, "1", at=was)
    match = {"every": "yes", "provider": "notpanel"}
    asked = operator.follow("/desk/withdraw", **match).text
    assert "Withdraw 2 cancellations?" in asked
    later = take_in(ledger, PANEL, "ord_9", at=utc_now() + timedelta(minutes=1))
    shown_at = hidden(asked, "shown_at")[0]
    done = operator.follow("/desk/withdraw/now", **match, shown_at=shown_at).text
    assert "Rescind sends nothing for 2 cancellations" in done
    assert states(ledger, *ids, other, later) == ["withdrawn"] * 2 + ["queued"] * 2


def requested(engine: Engine, order: str, age: timedelta) -> str:
    since = utc_now() - age
    begins = Progress(
        State.REQUESTED, attempts=1, spent=1, sent_at=since, since=since, due_at=since
    )
    return take_in(engine, PARCEL, order, progress=begins, at=since)


def test_what_a_provider_seems_to_have_dropped_is_retried(
    operator: Visitor, ledger: Engine
) -> None:
    dropped = requested(ledger, "1", timedelta(days=30))
    under_way = requested(ledger, "2", timedelta(seconds=5))
    match = {"every": "yes", "state": "requested"}
    asked = operator.follow("/desk/retry", **match).text
    assert "Retry 1 cancellation?" in asked
    assert "which seems to have dropped it" in asked
    assert "2 is requested: its provider accepted it" in asked
    operator.send("/desk/retry/now", **match)
    assert states(ledger, dropped, under_way) == ["verifying", "requested"]
    assert "Retry…" not in operator.get(f"/desk/cancellations/{under_way}").text


def test_all_that_match_are_neither_withdrawn_nor_requested_unless_named(
    operator: Visitor, ledger: Engine
) -> None:
    back = take_in(ledger, PANEL, "ord_1")
    operator.send("/desk/withdraw/now", id=back)
    failed = end(ledger, PANEL, "ord_2", State.FAILED, Reason.UNRESOLVED)
    dropped = requested(ledger, "1", timedelta(days=30))
    operator.send("/desk/retry/now", every="yes")
    assert states(ledger, back, failed, dropped) == ["withdrawn", "queued", "requested"]
    operator.send("/desk/retry/now", every="yes", state="withdrawn")
    assert states(ledger, back) == ["queued"]


def test_no_action_says_that_somebody_is_told_who_did_not_ask(
    operator: Visitor, ledger: Engine
) -> None:
    ids = [take_in(ledger, PANEL, f"ord_{n}") for n in range(2)]
    asked = operator.follow("/desk/withdraw", id=ids).text
    said = operator.follow("/desk/withdraw/now", id=ids).text
    assert "the system that submitted it, if it asked for that" in asked
    assert "A system that asked for that is notified" in said


def test_one_withdrawn_cancellation_is_shown(operator: Visitor, ledger: Engine) -> None:
    one = take_in(ledger, PANEL, "ord_1")
    assert "Withdraw…" in operator.get(f"/desk/cancellations/{one}").text
    done = operator.send("/desk/withdraw/now", id=one)
    where = f"/desk/cancellations/{one}?done=withdrawn"
    assert done.headers["location"] == where
    shown = operator.get(where).text
    assert "nothing is sent to the provider" in shown
    assert "Withdraw…" not in shown


# --- the browser's way back -----------------------------------------------------------


@pytest.fixture
def keeping(site: Served, operator: Visitor, valkey_url: str) -> Visitor:
    """An operator of a dashboard that can keep results."""
    site.context.redis = redis_client(valkey_url)
    return operator


def test_questions_and_results_have_addresses_that_show_them_again(
    site: Served, keeping: Visitor, ledger: Engine
) -> None:
    ids = [take_in(ledger, PANEL, f"ord_{n}") for n in range(2)]
    asked = keeping.send("/desk/withdraw", id=ids)
    assert asked.status_code == 303
    question = asked.headers["location"]
    assert "form_key" not in question
    for _again in range(2):
        assert "Withdraw 2 cancellations?" in keeping.get(question).text
    done = keeping.send("/desk/withdraw/now", id=ids)
    assert done.status_code == 303
    result = done.headers["location"]
    for _again in range(2):
        assert "2 cancellations were withdrawn" in keeping.get(result).text
    assert "Nothing to withdraw" in keeping.get(question).text
    held = keeping.send("/desk/lanes/hold", lane=BOTH)
    assert "2 lanes are held" in keeping.get(held.headers["location"]).text
    assert keeping.get(result).status_code == 410
    of_another = site.visitor(OPERATOR).get(held.headers["location"])
    assert "This result is kept no more" in of_another.text


def test_a_question_about_a_filter_repeats_the_filter(
    keeping: Visitor, ledger: Engine
) -> None:
    take_in(ledger, PANEL, "ord_1", group="ÇİĞDEM & co")
    take_in(ledger, PARCEL, "1")
    form = {"every": "yes", "group": "ÇİĞDEM & co", "since": "-1h"}
    asked = keeping.get(keeping.send("/desk/withdraw", **form).headers["location"]).text
    assert "Withdraw 1 cancellation?" in asked
    assert hidden(asked, "group") == ["ÇİĞDEM &amp; co"]
    assert hidden(asked, "since") == ["-1h"]


def test_a_result_that_cannot_be_kept_is_shown_at_once(
    site: Served, operator: Visitor, ledger: Engine
) -> None:
    site.context.redis = impatient("redis://127.0.0.1:1")
    ids = [take_in(ledger, PANEL, f"ord_{n}") for n in range(2)]
    done = operator.send("/desk/withdraw/now", id=ids)
    assert done.status_code == 200
    assert "2 cancellations were withdrawn" in done.text
    assert states(ledger, *ids) == ["withdrawn"] * 2


def test_only_an_operator_is_asked(site: Served, ledger: Engine) -> None:
    one = take_in(ledger, PANEL, "ord_1")
    refused = site.visitor(READER).get(f"/desk/withdraw?id={one}")
    assert refused.status_code == 403


def test_the_result_says_that_more_match_than_were_changed(
    operator: Visitor, ledger: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rescind.dashboard.bulk.order_actions.MOST", 2)
    for number in range(3):
        take_in(ledger, PANEL, f"ord_{number}")
    said = operator.follow("/desk/withdraw/now", every="yes", provider="notpanel").text
    assert "2 cancellations were withdrawn" in said
    assert "this concerns the first 2 only" in said
    assert "A system that asked for that is notified" in said
