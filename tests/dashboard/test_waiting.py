"""The page of a cancellation that waits for others, or that they did not want."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from rescind.ledger.states import State
from rescind.provider.outcomes import Reason
from tests.dashboard.stage import PANEL, READER, Served, Visitor, utc_now
from tests.ledger.build import add, row
from tests.ledger.planned import after, claimed, finish
from tests.tasks.conftest import until


def pair(ledger: Engine) -> tuple[str, str]:
    """A cancellation, and one that waits for it."""
    first = add(ledger, order="ord_1", lane=PANEL)
    return first, after(ledger, first, order="ord_2", lane=PANEL)


def ended(ledger: Engine, one: str, state: State, reason: Reason) -> None:
    finish(ledger, claimed(ledger, one, PANEL), state, reason, lane=PANEL)


def shown(visitor: Visitor, one: str) -> str:
    return visitor.get(f"/desk/cancellations/{one}").text


def buttons(page: str) -> set[str]:
    return set(re.findall(r'action="/desk/(release|skip|withdraw|retry)"', page))


def test_its_page_says_for_whom_it_waits_and_that_a_person_must_decide(
    operator: Visitor, ledger: Engine
) -> None:
    first, one = pair(ledger)
    page = shown(operator, one)
    assert "What it waits for" in page
    assert f'href="/desk/cancellations/{first}"' in page
    assert "The end that this one needs: cancelled" in page
    assert "it waits for other cancellations" in page
    assert "A person must decide" not in page
    assert "waits for one that failed" not in operator.get("/").text
    ended(ledger, first, State.FAILED, Reason.UNRESOLVED)
    assert "A person must decide" in shown(operator, one)
    assert "One order waits for one that failed" in operator.get("/").text


def test_the_page_of_the_other_one_says_what_waits_for_it(
    operator: Visitor, ledger: Engine
) -> None:
    first, one = pair(ledger)
    page = shown(operator, first)
    assert "What waits for this one" in page
    assert f'href="/desk/cancellations/{one}"' in page
    ended(ledger, first, State.CANCELLED, Reason.CONFIRMED)
    assert "What waited for this one" in shown(operator, first)


def test_its_page_says_why_it_was_not_wanted(operator: Visitor, ledger: Engine) -> None:
    first, one = pair(ledger)
    ended(ledger, first, State.REJECTED, Reason.NOT_FOUND)
    page = shown(operator, one)
    assert "What it waited for" in page
    assert "a predecessor is rejected (not_found)" in page
    assert "what it waited for did not end as it needs" in page
    operator.session.headers["accept-language"] = "tr"
    assert "a predecessor" not in shown(operator, one)


# --- a person decides -----------------------------------------------------------------


def test_what_waits_is_released_after_a_confirmation(
    site: Served, operator: Visitor, ledger: Engine
) -> None:
    _first, one = pair(ledger)
    assert buttons(shown(operator, one)) == {"release", "skip"}
    asked = operator.follow("/desk/release", id=one).text
    assert "Release 1 cancellation?" in asked
    assert row(ledger, one).state == "scheduled"
    done = operator.send("/desk/release/now", id=one)
    assert done.headers["location"] == f"/desk/cancellations/{one}?done=released"
    assert row(ledger, one).state == "queued"
    until(lambda: site.notified.asked == [(PANEL, "cancel")], "the lane is notified")
    page = operator.get(done.headers["location"]).text
    assert "It is released" in page
    assert "by <bdi>ann" in page or "by ann" in page
    assert "release" not in buttons(page)
    assert "released a cancellation" in operator.get("/desk/actions").text


def test_what_waits_is_skipped_after_a_confirmation(
    operator: Visitor, ledger: Engine
) -> None:
    _first, one = pair(ledger)
    assert "Skip 1 cancellation?" in operator.follow("/desk/skip", id=one).text
    done = operator.send("/desk/skip/now", id=one)
    assert done.headers["location"] == f"/desk/cancellations/{one}?done=skipped"
    assert (row(ledger, one).state, row(ledger, one).reason) == (
        "withdrawn",
        "not_wanted",
    )
    assert buttons(operator.get(done.headers["location"]).text) == {"retry"}
    assert "skipped a cancellation" in operator.get("/desk/actions").text


def test_what_others_did_not_want_is_released_and_not_retried(
    operator: Visitor, ledger: Engine
) -> None:
    first, one = pair(ledger)
    ended(ledger, first, State.REJECTED, Reason.NOT_FOUND)
    assert buttons(shown(operator, one)) == {"release"}
    done = operator.send("/desk/release/now", id=one)
    assert row(ledger, one).state == "queued"
    assert "Released in a new round" in operator.get(done.headers["location"]).text


@pytest.mark.parametrize("action", ["release", "skip"])
def test_of_several_only_those_that_wait_are_decided(
    operator: Visitor, ledger: Engine, action: str
) -> None:
    first, one = pair(ledger)
    said = operator.follow(f"/desk/{action}/now", id=[first, one]).text
    assert f"1 cancellation was {action}" in said
    assert f"1 cancellation was not {action}" in said
    assert row(ledger, first).order_id in said
    assert first not in said
    assert row(ledger, first).state == "queued"


def test_only_an_operator_decides(site: Served, ledger: Engine) -> None:
    _first, one = pair(ledger)
    reader = site.visitor(READER)
    assert buttons(shown(reader, one)) == set()
    for path in ("/desk/release", "/desk/skip", "/desk/release/now", "/desk/skip/now"):
        assert reader.send(path, id=one).status_code == 403
    assert row(ledger, one).state == "scheduled"


# --- several cancellations of one order -----------------------------------------------


def same_order(ledger: Engine, state: State, other: State) -> tuple[str, str]:
    """Two cancellations of one order, in these states."""
    at = utc_now() - timedelta(minutes=1)
    first = add(ledger, state, order="ord_1", key="a", lane=PANEL)
    second = add(ledger, other, order="ord_1", key="b", lane=PANEL, due_at=at)
    return first, second


@pytest.mark.parametrize("state", [State.QUEUED, State.SENDING, State.REQUESTED])
def test_of_two_cancellations_of_one_order_each_page_says_which_one_waits(
    operator: Visitor, ledger: Engine, state: State
) -> None:
    first, second = same_order(ledger, state, State.QUEUED)
    page = shown(operator, second)
    assert "This one waits for it" in page
    assert f'href="/desk/cancellations/{first}"' in page
    page = shown(operator, first)
    assert "It waits for this one" in page
    assert f'href="/desk/cancellations/{second}"' in page


def test_the_page_says_that_another_has_cancelled_the_order(
    operator: Visitor, ledger: Engine
) -> None:
    first, second = same_order(ledger, State.CANCELLED, State.QUEUED)
    assert "nothing is sent for this one" in shown(operator, second)
    assert "Nothing is sent for it" in shown(operator, first)


@pytest.mark.parametrize("state", [State.QUEUED, State.VERIFYING])
def test_the_page_says_that_nobody_knows_whether_another_has_cancelled_it(
    operator: Visitor, ledger: Engine, state: State
) -> None:
    add(ledger, State.FAILED, order="ord_1", key="a", lane=PANEL, lost=True)
    second = add(ledger, state, order="ord_1", key="b", lane=PANEL)
    page = shown(operator, second)
    assert "Nobody knows whether it has cancelled the order" in page
    asked = "the provider is asked before this one is sent" in page
    assert asked == (state is State.QUEUED)


def test_the_page_of_an_order_with_one_cancellation_names_no_other(
    operator: Visitor, ledger: Engine
) -> None:
    one = add(ledger, order="ord_1", lane=PANEL)
    add(ledger, order="ord_2", key="own", lane=PANEL)
    assert "of the same order" not in shown(operator, one)
