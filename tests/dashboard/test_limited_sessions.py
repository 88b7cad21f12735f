"""A session shows and changes only what its token's limits allow."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import update

from rescind.config.access_tokens import Access
from rescind.config.redis_client import redis_client
from rescind.config.token_list import listed, parsed
from rescind.dashboard.list_links import LIST
from rescind.ledger.reading.queries import rows_of
from rescind.ledger.states import State
from rescind.ledger.storage.side_tables import DELIVERY
from rescind.ledger.storage.transactions import reading, writing
from rescind.provider.outcomes import Reason
from tests.dashboard.stage import MEAL, OPERATOR, PANEL, Served, end, take_in
from tests.dashboard.test_submit_file import id_of, verdicts
from tests.dashboard.test_submit_one import rows

SHOP, SECOND = "a-shops-token-of-some-length", "the-shops-second-token-value"
NIGHT = "a-nightly-token-of-some-length"
LIMITED = (
    f"ann:read+operate:{OPERATOR},shop:read+operate@notpanel/*:{SHOP},"
    f"shop:read+operate@notpanel/*:{SECOND},"
    f"night:read+submit@notpanel/*#nightly-*:{NIGHT}"
)
LANE_OF_OTHERS, ORDER = "dukkango/kadikoy", "6fa459ea-ee8a-3ca4-894e-db77e160355e"
POSTED = {"/desk/undelivered/again", "/desk/submit/file", "/desk/submit/one"}
FAILED = (State.FAILED, Reason.UNRESOLVED)


@pytest.fixture
def shop(site: Served, monkeypatch: pytest.MonkeyPatch) -> Served:
    access = Access(parsed(listed(LIMITED, "here")))
    monkeypatch.setattr(site.context, "access", access)
    return site


def test_a_limited_session_sees_only_its_own_orders(shop: Served) -> None:
    mine = end(shop.engine, PANEL, "ord_1", *FAILED)
    other = end(shop.engine, MEAL, ORDER, *FAILED)
    for token in (SHOP, SECOND):
        visitor = shop.visitor(token)
        assert visitor.get("/").headers["Location"] == LIST
        ended = visitor.get(LIST).text
        assert mine in ended
        assert other not in ended
        assert visitor.get(f"/desk/cancellations/{mine}").status_code == 200
        hidden = visitor.get(f"/desk/cancellations/{other}")
        missing = visitor.get(f"/desk/cancellations/{other[:-1]}x")
        assert (hidden.status_code, missing.status_code) == (404, 404)
        found = visitor.get(f"{LIST}?q={other}").text
        assert f"/desk/cancellations/{other}" not in found
        assert mine in visitor.get(f"{LIST}?q={mine}").text


def test_a_limited_session_changes_only_its_own_orders_and_lanes(shop: Served) -> None:
    mine = end(shop.engine, PANEL, "ord_1", *FAILED)
    other = end(shop.engine, MEAL, ORDER, *FAILED)
    visitor = shop.visitor(SHOP)
    key = visitor.form_key("/desk/lanes/hold?lane=notpanel/default")
    visitor.post("/desk/retry/now", {"form_key": key, "id": [mine, other]})
    with reading(shop.engine) as connection:
        states = [row.state for row in rows_of(connection, [mine, other])]
    assert states == ["queued", "failed"]
    for lane, status in (("dukkango/kadikoy", 404), ("notpanel/default", 303)):
        held = visitor.post("/desk/lanes/hold", {"form_key": key, "lane": lane})
        assert held.status_code == status


def links(page: str) -> set[str]:
    """The pages of ours that a page links to, without their queries."""
    found = re.findall(r'(?:href|action)="(/[^"?#]*)', page)
    return {one for one in found if "/static/" not in one}


@pytest.mark.parametrize("token", [SHOP, NIGHT])
def test_a_limited_session_is_led_to_no_page_that_refuses_it(
    shop: Served, token: str
) -> None:
    end(shop.engine, PANEL, "ord_1", *FAILED, callback_url="https://a.example/b")
    with writing(shop.engine) as connection:
        connection.execute(update(DELIVERY).values(state="given_up", due_at=None))
    visitor, seen, open_ = shop.visitor(token), set[str](), {LIST}
    forms = {"/desk/retry", "/desk/withdraw", "/desk/sign-out", "/desk/language"}
    while open_:
        path = open_.pop()
        seen.add(path)
        answer = visitor.get(path)
        assert answer.status_code in (200, 303), path
        assert "This page shows more" not in answer.text
        if "html" in answer.headers.get("content-type", ""):
            open_ |= links(answer.text) - seen - forms - POSTED
    assert len(seen) > 4
    assert 'name="every" value="yes"' not in visitor.get("/desk/undelivered").text


def test_a_limited_session_filters_by_the_providers_that_it_may_see(
    shop: Served,
) -> None:
    def offered(token: str) -> list[str]:
        page = shop.visitor(token).get(LIST).text
        select = page.partition('<select name="provider">')[2].partition("</select>")[0]
        return re.findall(r"<option >([^<]+)<", select)

    take_in(shop.engine, MEAL, ORDER)
    assert offered(SHOP) == ["notpanel"]
    assert set(offered(OPERATOR)) >= {"notpanel", "dukkango", "akinon"}


def test_an_error_page_leads_a_limited_session_to_its_list(shop: Served) -> None:
    wrong = f"{LIST}?state=nonsense"
    limited, unlimited = (
        shop.visitor(SHOP).get(wrong),
        shop.visitor(OPERATOR).get(wrong),
    )
    assert (limited.status_code, unlimited.status_code) == (422, 422)
    offer = "To the overview"
    assert (offer in limited.text, offer in unlimited.text) == (False, True)
    assert f'<a href="{LIST}">To the cancellations</a>' in limited.text


def test_a_limited_session_is_told_that_its_lane_is_held(shop: Served) -> None:
    visitor, lane = shop.visitor(SHOP), "notpanel/default"
    for done, said in (("hold", "is held: nothing"), ("resume", "is resumed: it")):
        key = visitor.form_key(f"/desk/lanes/hold?lane={lane}")
        form = {"form_key": key, "lane": lane}
        where = visitor.post(f"/desk/lanes/{done}", form).headers["location"]
        assert f"{lane} {said}" in visitor.get(where).text
    others = visitor.get(f"/desk/lanes?done=held&lane={LANE_OF_OTHERS}").text
    assert f"{LANE_OF_OTHERS} is held" not in others


def test_a_limited_session_submits_under_keys_of_its_own(shop: Served) -> None:
    visitor = shop.visitor(NIGHT)
    assert LANE_OF_OTHERS not in visitor.get("/desk/submit").text
    form = {"lane": "notpanel/default", "order": "ord_1"}
    refused = visitor.send("/desk/submit/one", **form)
    assert refused.status_code == 422
    assert "a cancellation without a group is outside the limits" in refused.text
    of_others = visitor.send("/desk/submit/one", **{**form, "lane": LANE_OF_OTHERS})
    assert of_others.status_code == 422
    done = visitor.send("/desk/submit/one", **form, group="nightly-1")
    (row,) = rows(shop.engine)
    assert (row.key, row.submitted_by) == ("token:night:ord_1", "token:night")
    page = visitor.get(done.headers["location"])
    assert page.status_code == 200
    assert "token:night:" not in page.text
    assert row.id in visitor.get(f"{LIST}?q=ord_1").text


def test_a_file_of_a_limited_session_submits_only_what_is_within(
    shop: Served, valkey_url: str
) -> None:
    shop.context.redis = redis_client(valkey_url)
    visitor = shop.visitor(NIGHT)
    take_in(shop.engine, PANEL, "ord_1", group="daily")
    lines = ["provider,order,account,group", "notpanel,ord_1,,nightly-1"]
    lines += ["notpanel,ord_2,,daily", f"dukkango,{ORDER},kadikoy,nightly-1"]
    where = visitor.upload("\n".join(lines).encode()).headers["location"]
    assert verdicts(visitor.get(where).text) == ["accepted", "wrong", "wrong"]
    visitor.send("/desk/submit/file/now", id=id_of(where))
    kept = {row.key for row in rows(shop.engine)}
    assert kept == {"ord_1", "token:night:ord_1"}


def test_a_limited_session_resends_only_its_own_notifications(shop: Served) -> None:
    hook: dict[str, Any] = {"callback_url": "https://shop.example.com/hook"}
    mine = end(shop.engine, PANEL, "ord_1", *FAILED, **hook)
    other = end(shop.engine, MEAL, ORDER, *FAILED, **hook)
    with writing(shop.engine) as connection:
        connection.execute(update(DELIVERY).values(state="given_up", due_at=None))
    visitor = shop.visitor(SHOP)
    shown = visitor.get("/desk/undelivered").text
    assert mine in shown
    assert other not in shown
    key = visitor.form_key("/desk/lanes/hold?lane=notpanel/default")
    form: dict[str, str | list[str]] = {"form_key": key, "id": [mine, other]}
    refused = visitor.post("/desk/undelivered/again", {**form, "every": "1"})
    assert refused.status_code == 403
    sent = visitor.post("/desk/undelivered/again", form)
    assert sent.headers["Location"] == "/desk/undelivered?done=1"


@pytest.mark.parametrize("path", ["/desk/groups", "/desk/workers", "/desk/words"])
def test_a_page_that_shows_everything_needs_a_token_without_limits(
    shop: Served, path: str
) -> None:
    assert shop.visitor(OPERATOR).get(path).status_code == 200
    refused = shop.visitor(SHOP).get(path)
    assert refused.status_code == 403
    assert "limited to notpanel/*" in refused.text
    assert shop.visitor(SHOP).get("/desk/events").status_code == 204
