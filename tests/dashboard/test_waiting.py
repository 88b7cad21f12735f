"""The page of a cancellation that waits for others, or that they did not want."""

from __future__ import annotations

from sqlalchemy import Engine

from rescind.ledger.states import State
from rescind.provider.outcomes import Reason
from tests.dashboard.stage import PANEL, Visitor
from tests.ledger.build import add
from tests.ledger.planned import after, claimed, finish


def test_its_page_says_for_whom_it_waits_and_that_a_person_must_decide(
    operator: Visitor, ledger: Engine
) -> None:
    first = add(ledger, order="ord_1", lane=PANEL)
    one = after(ledger, first, order="ord_2", lane=PANEL)
    path = f"/desk/cancellations/{one}"
    shown = operator.get(path).text
    assert "What it waits for" in shown
    assert f'href="/desk/cancellations/{first}"' in shown
    assert "The end that this one needs: cancelled" in shown
    assert "Nobody knows what became of it" not in shown
    assert "waits for one that failed" not in operator.get("/").text
    held = claimed(ledger, first, PANEL)
    finish(ledger, held, State.FAILED, Reason.UNRESOLVED, lane=PANEL)
    assert "Nobody knows what became of it" in operator.get(path).text
    assert "One order waits for one that failed" in operator.get("/").text


def test_its_page_says_why_it_was_not_wanted(operator: Visitor, ledger: Engine) -> None:
    first = add(ledger, order="ord_1", lane=PANEL)
    one = after(ledger, first, order="ord_2", lane=PANEL)
    held = claimed(ledger, first, PANEL)
    finish(ledger, held, State.REJECTED, Reason.NOT_FOUND, lane=PANEL)
    shown = operator.get(f"/desk/cancellations/{one}").text
    assert "What it waited for" in shown
    assert f"predecessor {first} is rejected (not_found)" in shown
    assert "what it waited for did not end as it needs" in shown
