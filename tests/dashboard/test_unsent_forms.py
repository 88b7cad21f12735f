"""What was typed into a form is not lost if the session has ended meanwhile."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import requests
from sqlalchemy import Engine

from rescind.browse.browsing import list_rows
from rescind.browse.wanted import Wanted
from rescind.dashboard.unsent_forms import MOST_FIELDS
from rescind.ledger.changes.lane_states import (
    LaneState,
    hold_for_operator,
    read_lane,
)
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import reading
from rescind.provider.outcomes import Reason
from tests.browser import opened
from tests.dashboard.stage import (
    CLERK,
    OPERATOR,
    PANEL,
    READER,
    Served,
    Visitor,
    end,
    set_lane,
    utc_now,
)
from tests.dashboard.test_actors import Stage
from tests.ledger.build import row

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ONE = "/desk/submit/one"
TYPED = {
    "lane": "notpanel/default",
    "fields_of": "notpanel/default",
    "order": "ord_<1>",
    "key": 'a "key" & more',
    "metadata": "shop=17\r\nname=Ayşe Yılmaz",
    "group": "",
}


def own(visitor: Visitor) -> dict[str, str]:
    """What a browser says of a form that a page of ours sent."""
    return {"Origin": visitor.base}


def fields(page: str) -> list[tuple[str, str]]:
    """The fields of the form that a page holds."""
    found = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page)
    return [(name, html.unescape(value)) for name, value in found if name != "next"]


def action(page: str) -> str:
    """Where that form is sent."""
    return str(re.findall(r'<form method="post" action="([^"]+)"', page)[0])


def orders(engine: Engine) -> list[str]:
    with reading(engine) as connection:
        return [one.order_id for one in list_rows(connection, Wanted(), 9)]


def held(visitor: Visitor, path: str, form: dict[str, str]) -> requests.Response:
    answer = visitor.post(path, {"form_key": "former", **form}, **own(visitor))
    assert answer.status_code == 401
    assert "Nothing was submitted or changed" in answer.text
    return answer


def continued(visitor: Visitor, page: str) -> requests.Response:
    """Continue on a page that holds a form."""
    return visitor.post(action(page), dict(fields(page)), **own(visitor))


# --- without a session ----------------------------------------------------------------


def test_the_answer_holds_what_was_typed_and_nothing_is_done(
    stranger: Visitor, ledger: Engine
) -> None:
    answer = held(stranger, ONE, TYPED)
    assert dict(fields(answer.text)) == TYPED
    assert action(answer.text) == ONE
    assert orders(ledger) == []


def test_what_was_typed_is_in_no_address_and_no_cookie(stranger: Visitor) -> None:
    answer = held(stranger, ONE, TYPED)
    assert "location" not in answer.headers
    assert "set-cookie" not in answer.headers
    assert not stranger.session.cookies
    assert answer.headers["Cache-Control"] == "no-store"
    for address in re.findall(r'(?:href|action)="([^"]*)"', answer.text):
        assert "ord_" not in address


def test_the_form_is_filled_in_after_the_sign_in_and_can_be_sent(
    site: Served, stranger: Visitor, ledger: Engine
) -> None:
    page = held(stranger, ONE, TYPED).text
    again = held(stranger, action(page), dict(fields(page)))
    assert dict(fields(again.text)) == TYPED, "it can be continued before the sign-in"
    stranger.sign_in(CLERK)
    shown = continued(stranger, again.text).text
    assert "Nothing was done yet" in shown
    assert 'id="order" name="order" required' in shown
    assert 'value="ord_&lt;1&gt;"' in shown
    assert 'value="a &#34;key&#34; &amp; more"' in shown
    assert "name=Ayşe Yılmaz" in shown
    assert orders(ledger) == []
    key = stranger.form_key("/desk/submit")
    assert f'name="form_key" value="{key}"' in shown
    sent = {**TYPED, "order": "ord_1", "key": "", "form_key": key}
    assert stranger.post(ONE, sent, **own(stranger)).status_code == 303
    assert orders(ledger) == ["ord_1"]


def test_the_tab_of_the_sign_in_says_to_go_back(stranger: Visitor) -> None:
    page = held(stranger, ONE, TYPED).text
    [where] = re.findall(r'href="([^"]+)" target="_blank"', page)
    asked = stranger.get(where).text
    [back] = set(re.findall(r'name="next" value="([^"]*)"', asked))
    led = stranger.sign_in(READER, next=back).headers["location"]
    assert "Close this tab, go back to the tab with your form" in stranger.get(led).text


def test_a_hold_keeps_its_reason(stranger: Visitor, ledger: Engine) -> None:
    form = {"lane": "notpanel/default", "reason": "maintenance until 18:00"}
    page = held(stranger, "/desk/lanes/hold", form).text
    stranger.sign_in(OPERATOR)
    shown = continued(stranger, page).text
    assert "Hold notpanel/default?" in shown
    assert 'value="maintenance until 18:00"' in shown
    with reading(ledger) as connection:
        assert read_lane(connection, PANEL).held_at is None


def test_what_was_done_meanwhile_is_not_offered_again(
    stranger: Visitor, ledger: Engine
) -> None:
    form = {"lane": "notpanel/default", "reason": "x"}
    page = held(stranger, "/desk/lanes/hold", form).text
    set_lane(ledger, PANEL, hold_for_operator(LaneState(), utc_now(), "token:ben"))
    stranger.sign_in(OPERATOR)
    shown = continued(stranger, page).text
    assert "Nothing to hold" in shown
    assert "send it again" not in shown


def test_a_retry_keeps_its_new_deadline(stranger: Visitor, ledger: Engine) -> None:
    at = utc_now() - timedelta(hours=1)
    gone = (State.EXPIRED, Reason.DEADLINE_PASSED)
    one = end(ledger, PANEL, "1", *gone, at=at, cancel_before=at)
    page = held(stranger, "/desk/retry/now", {"id": one, "deadline": "+2h"}).text
    stranger.sign_in(OPERATOR)
    shown = continued(stranger, page).text
    assert 'name="deadline" value="+2h"' in shown
    assert ("id", one) in fields(shown)
    assert row(ledger, one).state == State.EXPIRED


def test_a_plan_keeps_its_input(stage: Stage) -> None:
    with stage.with_a_plan():
        visitor = stage.site.visitor()
        form = {"plan": "p", "input.order": "ord_77"}
        page = held(visitor, "/desk/submit/plan", form).text
        visitor.sign_in(CLERK)
        shown = continued(visitor, page).text
    assert 'name="input.order"' in shown
    assert 'value="ord_77"' in shown


@pytest.fixture
def stage(site: Served) -> Stage:
    return Stage(site)


# --- security -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://elsewhere.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "same-origin", "HX-Request": "true"},
    ],
)
@pytest.mark.parametrize("path", [ONE, "/desk/lanes/hold", "/desk/retry/now"])
def test_a_form_that_no_page_of_ours_sent_is_not_given_back(
    site: Served, path: str, headers: dict[str, str]
) -> None:
    """Another site must not fill in a form, which a user then sends."""
    stranger, operator = site.visitor(), site.visitor(OPERATOR)
    for visitor in (stranger, operator):
        answer = visitor.post(path, {**TYPED, "id": "1", "reason": "x"}, **headers)
        assert answer.status_code in (303, 401, 403)
        assert "ord_" not in answer.text
        assert operator.form_key() not in answer.text


def test_only_known_forms_are_given_back(stranger: Visitor) -> None:
    for path in ("/desk/undelivered/again", "/desk/submit/file/now", "/desk/retry"):
        answer = stranger.post(path, {"id": "1"}, **own(stranger))
        assert answer.status_code == 303
        assert answer.headers["location"] == "/desk/sign-in?unsent=yes"


def test_a_form_with_very_many_fields_is_not_given_back(stranger: Visitor) -> None:
    form = {"lane": ["x"] * (MOST_FIELDS + 1)}
    answer = stranger.post("/desk/lanes/hold", form, **own(stranger))
    assert "lane" not in dict(fields(answer.text))


def test_a_user_who_may_not_send_the_form_does_not_see_it(site: Served) -> None:
    reader = site.visitor(READER)
    answer = reader.post(ONE, {"form_key": "former", **TYPED}, **own(reader))
    assert answer.status_code == 403
    assert "belongs to an earlier session" in answer.text
    assert "ord_" not in answer.text


def test_a_form_of_an_earlier_session_is_shown_again_with_the_new_key(
    site: Served, ledger: Engine
) -> None:
    visitor = site.visitor(CLERK)
    former = visitor.form_key("/desk/submit")
    visitor.sign_in(CLERK)
    answer = visitor.post(ONE, {"form_key": former, **TYPED}, **own(visitor))
    assert answer.status_code == 403
    assert f'value="{visitor.form_key("/desk/submit")}"' in answer.text
    assert former not in answer.text
    assert 'value="ord_&lt;1&gt;"' in answer.text
    assert orders(ledger) == []


# --- in a browser ---------------------------------------------------------------------


def test_a_person_signs_in_in_another_tab_and_goes_on(
    site: Served, chromium: Browser, ledger: Engine
) -> None:
    # Chromium notes in its console that the answer to the form has the status 401.
    with opened(chromium, complaints=False, base_url=site.base) as page:
        page.goto("/desk/submit?lane=notpanel/default")
        page.get_by_label("Token").fill(CLERK)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_label("Order", exact=True).fill("ord_1")
        page.get_by_text("Key, times, group and metadata").click()
        page.get_by_label("Metadata").fill("name=Ayşe Yılmaz\nshop=17")
        page.context.clear_cookies()
        page.get_by_role("button", name="Submit this order").click()
        page.get_by_role("heading", name="Nothing was submitted or changed").wait_for()
        with page.expect_popup() as opening:
            page.get_by_role("link", name="Sign in in another tab").click()
        tab = opening.value
        tab.get_by_label("Token").fill(CLERK)
        tab.get_by_role("button", name="Sign in").click()
        tab.get_by_text("Close this tab").wait_for()
        tab.close()
        page.get_by_role("button", name="I have signed in: continue").click()
        page.get_by_text("Nothing was done yet").wait_for()
        assert page.get_by_label("Order", exact=True).input_value() == "ord_1"
        written = page.get_by_label("Metadata").input_value()
        assert written == "name=Ayşe Yılmaz\nshop=17"
        page.get_by_role("button", name="Submit this order").click()
        page.get_by_text("It was accepted").wait_for()
    assert orders(ledger) == ["ord_1"]
