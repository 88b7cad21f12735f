"""Withdrawing on the dashboard: confirmed, and only what was not sent."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import Engine

from rescind.dashboard.selection import TICKED
from rescind.ledger.states import State
from tests.dashboard.stage import PANEL, READER, Served, Visitor
from tests.ledger.build import add, row

BUTTON = 'action="/desk/withdraw"'


def hidden(page: str) -> list[str]:
    return re.findall(r'name="id" value="([^"]*)"', page)


def test_a_cancellation_is_withdrawn_after_a_confirmation(
    operator: Visitor, ledger: Engine
) -> None:
    one = add(ledger, order="ord_1", lane=PANEL)
    assert BUTTON in operator.get(f"/desk/cancellations/{one}").text
    asked = operator.follow("/desk/withdraw", id=one).text
    assert "Withdraw 1 cancellation?" in asked
    assert "ord_1" in asked
    assert row(ledger, one).state == "queued"
    done = operator.send("/desk/withdraw/now", id=hidden(asked))
    assert done.headers["location"] == f"/desk/cancellations/{one}?done=withdrawn"
    shown = operator.get(done.headers["location"]).text
    assert "nothing is sent to the provider" in shown
    assert 'class="chip withdrawn"' in shown
    assert "Retry…" in shown
    assert BUTTON not in shown


@pytest.mark.parametrize("state", [State.SENDING, State.REQUESTED, State.CANCELLED])
def test_what_cannot_be_withdrawn_has_no_button(
    operator: Visitor, ledger: Engine, state: State
) -> None:
    one = add(ledger, state, order="ord_1", lane=PANEL)
    assert BUTTON not in operator.get(f"/desk/cancellations/{one}").text
    asked = operator.follow("/desk/withdraw", id=one).text
    assert "None of them can be withdrawn" in asked
    said = operator.follow("/desk/withdraw/now", id=one).text
    assert "1 cancellation was not withdrawn" in said
    assert ("ord_1 cannot be withdrawn" in said) == (state is not State.CANCELLED)
    assert ("ord_1 is cancelled" in said) == (state is State.CANCELLED)
    assert one not in said
    assert row(ledger, one).state == state


def test_of_several_only_those_that_were_not_sent_are_withdrawn(
    operator: Visitor, ledger: Engine
) -> None:
    able = [
        add(ledger, state, order=state, lane=PANEL)
        for state in (State.QUEUED, State.SCHEDULED)
    ]
    sent = add(ledger, State.VERIFYING, order="sent", lane=PANEL)
    asked = operator.follow("/desk/withdraw", id=[*able, sent]).text
    assert "Withdraw 2 cancellations?" in asked
    assert "1 other cannot be withdrawn" in asked
    assert sorted(hidden(asked)) == sorted(able)
    said = operator.follow("/desk/withdraw/now", id=[*able, sent]).text
    assert "Rescind sends nothing for 2 cancellations" in said
    assert "1 cancellation was not withdrawn" in said
    states = [row(ledger, one).state for one in (*able, sent)]
    assert states == ["withdrawn", "withdrawn", "verifying"]


def test_only_an_operator_withdraws(site: Served, ledger: Engine) -> None:
    one = add(ledger, order="ord_1", lane=PANEL)
    reader = site.visitor(READER)
    assert BUTTON not in reader.get(f"/desk/cancellations/{one}").text
    for path in ("/desk/withdraw", "/desk/withdraw/now"):
        assert reader.send(path, id=one).status_code == 403
    assert row(ledger, one).state == "queued"


def test_too_many_at_once_are_refused(operator: Visitor, ledger: Engine) -> None:
    many = [str(n) for n in range(TICKED + 1)]
    assert operator.send("/desk/withdraw/now", id=many).status_code == 422
    assert "Nothing to withdraw" in operator.follow("/desk/withdraw").text
