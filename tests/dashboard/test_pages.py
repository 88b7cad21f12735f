"""The pages' content, for an empty ledger and for a filled one."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote, urlencode
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, insert, text

from providers.registry import BY_NAME
from rescind.dashboard import rendering
from rescind.dashboard.list_pages import Listed, Page
from rescind.dashboard.listing_filter import Listing
from rescind.ledger.changes.lane_states import LaneState, hold_for_operator
from rescind.ledger.progress import Progress
from rescind.ledger.states import FINAL, State
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.side_tables import DELIVERY, SCHEDULE_RUN
from rescind.ledger.storage.transactions import writing
from rescind.provider.outcomes import Reason
from tests.dashboard.stage import (
    MEAL,
    PANEL,
    PARCEL,
    SHOP,
    Served,
    Visitor,
    a_day,
    end,
    set_lane,
    take_in,
    utc_now,
)
from tests.ledger.build import BY, add, progress
from tests.planned_messages import Planned

FAILED = (State.FAILED, Reason.UNRESOLVED)
LIST = "/desk/cancellations"
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&\u202eevil\u2066"


def listed(page: str) -> list[str]:
    """The orders of a list, as the page shows them."""
    return re.findall(r'class="order" [^>]*><bdi>([^<]*)</bdi>', page)


# --- the overview --------------------------------------------------------------------


def test_the_overview_says_when_nothing_needs_a_person(reader: Visitor) -> None:
    said = reader.get("/").text
    assert "Nothing has failed, and every lane is open." in said
    assert "Nothing has ended in the last 24 hours." in said


def test_each_lane_has_its_backlog_its_wait_and_its_rate(
    reader: Visitor, ledger: Engine
) -> None:
    for order in ("ord_1", "ord_2"):
        take_in(ledger, PANEL, order, at=utc_now() - timedelta(hours=3))
    said = reader.get("/").text
    assert "2 queued" in said
    assert ">3 h</time>" in said
    assert "90/minute" in said


def test_a_held_lane_says_why_and_since_when(reader: Visitor, ledger: Engine) -> None:
    held_at = utc_now() - timedelta(minutes=5)
    why = "notpanel refuses the key"
    set_lane(ledger, PANEL, LaneState(held_at=held_at, held_reason=why))
    said = reader.get("/").text
    assert why in said
    assert f'since <time datetime="{held_at:%Y-%m-%dT%H:%M:%S}.000Z"' in said
    assert "every lane is open" not in said


def test_what_failed_is_counted_and_leads_to_the_list(
    reader: Visitor, ledger: Engine
) -> None:
    for order in ("ord_1", "ord_2"):
        end(ledger, PANEL, order, *FAILED)
    said = reader.get("/").text
    assert '<a href="/desk/cancellations?state=failed"><b>2</b> failed</a>' in said
    assert (
        "/desk/cancellations?state=failed&amp;provider=notpanel&amp;account=default"
        in said
    )


def test_the_flow_is_shown_as_a_plot_and_in_numbers(
    reader: Visitor, ledger: Engine
) -> None:
    for order in ("1", "2", "3"):
        end(ledger, PARCEL, order, State.CANCELLED, Reason.CONFIRMED)
    end(ledger, PARCEL, "4", State.REJECTED, Reason.WINDOW_CLOSED)
    said = reader.get("/").text
    assert '<rect class="cancelled"' in said
    assert "<b>3</b> cancelled" in said
    why = "too late, the provider does not cancel it any more"
    assert f'rejected: {why}</th><td class="num"><a href=' in said
    for state, number in (("cancelled", 3), ("rejected", 1)):
        [link] = re.findall(rf'<a href="([^"]+)"><b>{number}</b> {state}', said)
        assert reader.get(html.unescape(link)).text.count('class="row"') == number


def test_the_plot_has_the_hours_of_the_readers_clock(
    reader: Visitor, ledger: Engine
) -> None:
    end(ledger, PARCEL, "1", State.CANCELLED, Reason.CONFIRMED)
    zone = ZoneInfo("Asia/Kathmandu")
    reader.session.cookies.set("rescind_zone", zone.key)
    shown = html.unescape(reader.get("/").text)
    [since] = re.findall(r"&since=([^&\"]+)&until=", shown)
    start = datetime.fromisoformat(unquote(since))
    assert start.minute == 15
    assert f"<title>{start.astimezone(zone):%H}:00: 1 cancelled</title>" in shown
    assert f"Hours are those of this time zone: {zone.key}." in shown


def test_other_trouble_is_shown_with_its_command(
    reader: Visitor, ledger: Engine
) -> None:
    one = end(ledger, PANEL, "ord_1", State.CANCELLED, Reason.CONFIRMED)
    at = in_ms(utc_now())
    told = {"cancellation_id": one, "seq": 3, "kind": "webhook", "target": "x"}
    told |= {"state": "given_up", "attempts": 9, "version": 1, "ended_state": "x"}
    told |= {"created_at": at, "updated_at": at, "ended_at": at}
    told |= {"ended_attempts": 1, "ended_polls": 0}
    run = {"name": "nightly & co", "asked_by": "beat", "attempts": 1, "version": 1}
    run |= {"started_at": at, "finished_at": at}
    with writing(ledger) as connection:
        connection.execute(insert(DELIVERY), told)
        for due_at, state in ((1, "held"), (2, "submitted")):
            runs = {**run, "due_at": due_at, "state": state}
            connection.execute(insert(SCHEDULE_RUN), {**runs, "name": "mended"})
        connection.execute(insert(SCHEDULE_RUN), {**run, "due_at": 1, "state": "held"})
    said = reader.get("/").text
    tile = '<a href="/desk/undelivered"><b>1</b> notification to your systems failed'
    assert tile in said
    tile = '<a href="/desk/schedules">schedule <b><bdi>nightly &amp; co</bdi></b> held'
    assert tile in said
    assert "mended" not in said
    assert "Nothing has failed, and" not in said


# --- lists ---------------------------------------------------------------------------


def test_an_empty_list_says_so(reader: Visitor) -> None:
    assert "There are no cancellations yet." in reader.get(LIST).text
    for state in State:
        said = reader.get(f"{LIST}?state={state}").text
        assert "There is none in these states." in said


def test_every_state_is_a_list(reader: Visitor, ledger: Engine) -> None:
    at = utc_now()
    for number, state in enumerate(State):
        begins = progress(state, due_at=None if state in FINAL else at)
        take_in(ledger, PANEL, f"in-{state}", progress=begins, key=str(number))
    for state in State:
        said = reader.get(f"{LIST}?state={state}").text
        assert listed(said) == [f"in-{state}"]
    assert set(listed(reader.get(LIST).text)) == {f"in-{state}" for state in State}
    two = reader.get(f"{LIST}?state=failed&state=queued").text
    assert set(listed(two)) == {"in-failed", "in-queued"}


def test_the_earlier_addresses_lead_to_the_list(reader: Visitor) -> None:
    for earlier, now in (
        ("/desk/ended", f"{LIST}?state=failed"),
        ("/desk/ended?group=a+b", f"{LIST}?state=failed&group=a+b"),
        ("/desk/ended?state=expired&account=x", f"{LIST}?state=expired&account=x"),
        ("/desk/search?q=a%2Fb", f"{LIST}?q=a%2Fb"),
    ):
        assert reader.get(earlier).headers["location"] == now


def test_each_failed_cancellation_has_advice(reader: Visitor, ledger: Engine) -> None:
    end(ledger, MEAL, "a-payment-key", *FAILED, message="Bilinmeyen hata")
    said = reader.get(f"{LIST}?state=failed").text
    assert "a-payment-key" in said
    assert "Bilinmeyen hata" in said
    assert "If it is still active, retry" in said


def test_a_filter_leaves_the_others_out(reader: Visitor, ledger: Engine) -> None:
    end(ledger, PANEL, "ord_1", *FAILED, group="night")
    end(ledger, PARCEL, "awb-1", *FAILED)
    end(ledger, PARCEL, "awb-2", State.REJECTED, Reason.REFUSED)
    for query in (
        "state=failed&provider=notpanel",
        "account=default&group=night",
        "group=night&since=-1h&sort=ended",
        "reason=unresolved&provider=notpanel&sort=oldest",
    ):
        assert listed(reader.get(f"{LIST}?{query}").text) == ["ord_1"]
    for query in ("group=day", "until=2001-01-01", "until=-30d&sort=ended"):
        said = reader.get(f"{LIST}?{query}").text
        assert "Nothing matches this filter" in said


@pytest.mark.parametrize("language", ["en", "tr"])
@pytest.mark.parametrize("by", ["token:ann", "cli:bob@host", "oidc:eve", "schedule:n"])
def test_the_filter_finds_a_sender_by_every_name_that_pages_show(
    reader: Visitor, ledger: Engine, by: str, language: str
) -> None:
    reader.session.headers["accept-language"] = language
    take_in(ledger, PANEL, "ord_1", by=by)
    take_in(ledger, PANEL, "ord_2", by="token:another")
    whole = reader.get(f"{LIST}?by={by}").text
    (shown,) = re.findall(r'name="by" value="([^"]*)"', whole)
    for written in (by, shown, by.partition(":")[2]):
        asked = reader.get(LIST + "?" + urlencode({"by": written})).text
        assert listed(asked) == ["ord_1"], written
    assert listed(reader.get(f"{LIST}?by=nobody").text) == []


def test_a_list_is_sorted_as_asked(reader: Visitor, ledger: Engine) -> None:
    now = utc_now()
    for order, hours in (("a", 3), ("b", 1), ("c", 2)):
        end(ledger, PANEL, order, *FAILED, at=now - timedelta(hours=hours))
    for sort, orders in (("newest", "cba"), ("oldest", "abc"), ("ended", "bca")):
        assert listed(reader.get(f"{LIST}?sort={sort}").text) == list(orders)
    said = reader.get(f"{LIST}?sort=ended&since=-150m&until=-90m").text
    assert listed(said) == ["c"]


def times(page: str) -> list[str]:
    """What each row of a list says of its times."""
    found = re.findall(r'<span class="when">(.*?)</span>', page, re.DOTALL)
    return [" ".join(re.sub("<[^>]*>", "", one).split()) for one in found]


def test_a_row_says_the_time_by_which_the_list_is_sorted(
    reader: Visitor, ledger: Engine
) -> None:
    now = utc_now()
    due = now + timedelta(days=1)
    begins = Progress(State.SCHEDULED, due_at=due)
    take_in(ledger, PANEL, "later", at=now, progress=begins)
    end(ledger, PANEL, "ended", *FAILED, at=now)
    accepted = f"accepted {now - timedelta(seconds=40):%Y-%m-%d %H:%M:%S}"
    scheduled = f"due {due:%Y-%m-%d %H:%M:%S} · accepted {now:%Y-%m-%d %H:%M:%S}"
    assert sorted(times(reader.get(LIST).text)) == [accepted, scheduled]
    by_end = reader.get(f"{LIST}?sort=ended").text
    assert times(by_end) == [f"ended {now:%Y-%m-%d %H:%M:%S}"]
    assert times(reader.get(f"{LIST}?sort=due").text) == [scheduled.partition(" · ")[0]]


def test_a_list_says_how_many_it_shows(reader: Visitor, ledger: Engine) -> None:
    for n in range(2):
        take_in(ledger, PANEL, f"ord_{n}")
    assert "2 cancellations on this page; no more follow" in reader.get(LIST).text


def test_a_long_list_continues_on_the_next_page(
    reader: Visitor, ledger: Engine
) -> None:
    for number in range(53):
        end(ledger, PANEL, f"ord_{number:03}", *FAILED)
    path = f"{LIST}?state=failed&provider=notpanel"
    first = reader.get(path).text
    assert len(listed(first)) == 50
    [query] = re.findall(r'href="/desk/cancellations(\?[^"]*after=[^"]*)"', first)
    rest = reader.get(LIST + html.unescape(query)).text
    assert len(listed(rest)) == 3
    assert {*listed(first), *listed(rest)} == {f"ord_{n:03}" for n in range(53)}


@pytest.mark.parametrize(
    "query",
    [
        "state=x",
        "provider=nobody",
        "reason=x",
        "sort=x",
        "since=yesterday",
        "state=queued&sort=due",
        "state=queued&sort=ended",
    ],
)
def test_an_unknown_list_is_refused_with_a_reason(reader: Visitor, query: str) -> None:
    refused = reader.get(f"{LIST}?{query}")
    assert refused.status_code == 422
    assert "That was not done" in refused.text


def test_a_search_finds_by_order_key_id_path_and_group(
    reader: Visitor, ledger: Engine
) -> None:
    one = end(ledger, SHOP, "9001", *FAILED, key="9001 items 1", group="night")
    other = end(ledger, SHOP, "9002", *FAILED)
    for words in ("9001", "9001 items 1", one, "akinon/shop/9001 items 1"):
        said = reader.get(f"{LIST}?q={words}").text
        assert f"/desk/cancellations/{one}" in said
        assert other not in said
    assert "A group of this name" in reader.get(f"{LIST}?q=night").text
    assert "Nothing matches “nowhere”" in reader.get(f"{LIST}?q=nowhere").text
    assert reader.get(f"{LIST}?q={'9' * 501}").status_code == 422


def test_a_search_finds_a_part_and_says_if_it_is_too_short(
    reader: Visitor, ledger: Engine
) -> None:
    end(ledger, PANEL, "ord_4711", *FAILED, group="night")
    take_in(ledger, PARCEL, "awb-4711", metadata={"shop": "A-20391"})
    assert listed(reader.get(f"{LIST}?q=471").text) == ["awb-4711", "ord_4711"]
    assert listed(reader.get(f"{LIST}?q=471&state=failed").text) == ["ord_4711"]
    assert listed(reader.get(f"{LIST}?q=2039").text) == ["awb-4711"]
    assert listed(reader.get(f"{LIST}?q=ord_4711").text) == ["ord_4711"]
    short = reader.get(f"{LIST}?q=47").text
    assert "at least three characters" in short
    assert "Nothing is called exactly “47”" in short
    assert "Nothing matches" not in short


def test_metadata_searched_as_a_page_shows_it_leads_to_its_value(
    reader: Visitor, ledger: Engine
) -> None:
    take_in(ledger, PARCEL, "awb-4711", metadata={"shop_order": "A-20391"})
    said = reader.get(f"{LIST}?q=shop_order%3DA-20391").text
    (path,) = re.findall(r'href="([^"]+)">search for “A-20391”', said)
    assert listed(reader.get(path).text) == ["awb-4711"]
    assert "search for" not in reader.get(f"{LIST}?q=nowhere").text


def test_groups_are_listed_with_their_states(reader: Visitor, ledger: Engine) -> None:
    end(ledger, PANEL, "ord_1", *FAILED, group="a/b & c")
    end(ledger, PANEL, "ord_2", State.CANCELLED, Reason.CONFIRMED, group="a/b & c")
    take_in(ledger, PANEL, "ord_3", group="other")
    said = reader.get("/desk/groups").text
    assert "a/b &amp; c" in said
    assert "/desk/cancellations?state=failed&amp;group=a%2Fb+%26+c" in said
    assert "other" in said
    assert "other" not in reader.get("/desk/groups?name=a%2Fb+%26+c").text


def test_there_may_be_no_groups(reader: Visitor) -> None:
    assert "There are no groups" in reader.get("/desk/groups").text


# --- one -----------------------------------------------------------------------------


def test_one_shows_its_history_and_the_providers_own_words(
    reader: Visitor, ledger: Engine
) -> None:
    body = '{"status": false, "message": "Sipariş bulunamadı"}'
    one = end(
        ledger,
        MEAL,
        "a-payment-key",
        *FAILED,
        message="Sipariş bulunamadı",
        code="E-17",
        body=body,
        lost=True,
        cancel_before=utc_now() + timedelta(hours=1),
    )
    said = reader.get(f"/desk/cancellations/{one}").text
    for expected in (
        "Sipariş bulunamadı",
        "E-17",
        html.escape(body, quote=False).replace('"', "&#34;"),
        "Sent, but the answer was lost.",
        "<span>HTTP 200</span><span>184 ms</span>",
        "None: the submission named no webhook",
        "If it is still active, retry",
        "Cancel before",
    ):
        assert expected in said
    assert "Retry…" not in said, "a reader has no button"


def test_an_open_cancellation_says_that_there_is_nothing_to_do(
    reader: Visitor, ledger: Engine
) -> None:
    one = take_in(ledger, PANEL, "ord_1")
    said = reader.get(f"/desk/cancellations/{one}").text
    assert "Nothing to do" in said


def test_an_invalid_submission_has_no_button(operator: Visitor, ledger: Engine) -> None:
    begins = Progress(
        State.REJECTED,
        reason=Reason.INVALID_REQUEST,
        provider_message="order is required",
        finished_at=utc_now(),
    )
    one = take_in(ledger, PANEL, "ord_1", key="refused:1", progress=begins)
    assert "Retry…" not in operator.get(f"/desk/cancellations/{one}").text


def test_an_unknown_cancellation_is_reported(reader: Visitor) -> None:
    said = reader.get("/desk/cancellations/nothing")
    assert said.status_code == 404
    assert "There is no such cancellation" in said.text


# --- foreign text ---------------------------------------------------------------------


def test_foreign_text_is_shown_and_never_interpreted(
    operator: Visitor, ledger: Engine
) -> None:
    long = "9" * 200
    one = end(
        ledger,
        PANEL,
        long,
        *FAILED,
        group=HOSTILE,
        message=HOSTILE,
        code=HOSTILE,
        body=HOSTILE,
    )
    held = LaneState(held_at=utc_now(), held_reason=HOSTILE)
    set_lane(ledger, PANEL, held)
    for path in (
        "/",
        LIST,
        f"/desk/cancellations/{one}",
        "/desk/groups",
        f"{LIST}?q={long}",
    ):
        said = operator.get(path).text
        assert "<script>" not in said
        assert "<img" not in said
        assert "onerror=" not in said.replace("src=x onerror=alert(2)&gt;", "")
    said = operator.get("/desk/cancellations?q=%3Cscript%3Ealert(1)").text
    assert "<script>alert" not in said
    assert "&lt;script&gt;alert(1)" in said


class Seen(HTMLParser):
    """The elements of a page, and the text of each ``bdi``."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.words: list[str] = []
        self._inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.elements.append(tag)
        if tag == "bdi":
            self._inside = True
            self.words.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "bdi":
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.words[-1] += data


def _found(words: str) -> Seen:
    record: dict[str, Any] = {"provider": "x", "account": "y", "id": "1"}
    record |= {"order": words, "reason": "confirmed", "state": "cancelled"}
    record |= {"group": None, "provider_message": None}
    record |= {"finished_at": None, "created_at": None}
    shown: dict[str, Any] = {"states": [], "providers": [], "reasons": []}
    shown |= {"orders": [], "presets": [], "zone": "UTC", "gap": None, "group": None}
    shown |= {"plans": False}
    shown |= {"wanted": Listing(), "short": False, "value": "", "period": ("", "")}
    shown |= {"session": None, "operates": False, "here": "/"}
    found = Page([Listed(record)], None, partial=False)
    return Seen(rendering.render("cancellations.html", found=found, **shown))


PLAIN = _found("plain")


@given(words=st.text(max_size=80) | st.sampled_from([HOSTILE, "</bdi><b>", "&lt;"]))
def test_any_text_is_shown_unchanged_and_adds_no_element(words: str) -> None:
    shown = _found(words)
    assert shown.elements == PLAIN.elements
    assert shown.words[0] == words


# --- when a service cannot be reached -------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/", LIST, "/desk/undelivered", f"{LIST}?q=1", "/desk/groups"],
)
def test_an_unreachable_ledger_is_reported(
    site: Served, reader: Visitor, path: str
) -> None:
    with writing(site.engine) as connection:
        connection.execute(text("DROP TABLE tally"))
        connection.execute(text("DROP TABLE cancellation"))
        connection.execute(text("DROP TABLE lane"))
    said = reader.get(path)
    assert said.status_code == 503
    assert "The ledger cannot be used" in said.text
    assert "rescind migrate" in said.text
    assert "Traceback" not in said.text


def test_an_operators_hold_is_named_as_such(reader: Visitor, ledger: Engine) -> None:
    set_lane(ledger, PANEL, hold_for_operator(LaneState(), utc_now(), BY))
    said = " ".join(re.sub("<[^>]*>", "", reader.get("/").text).split())
    assert "held by tests (access token)" in said
    assert "held by an operator" not in said


def test_the_last_page_of_groups_leads_no_further(
    reader: Visitor, ledger: Engine
) -> None:
    a_day(ledger, utc_now())
    said = reader.get("/desk/groups").text
    assert "nightly" in said
    assert "Next ones" not in said


# --- answers that say why -----------------------------------------------------------


def test_a_wrong_filter_replaces_the_list_and_says_why(reader: Visitor) -> None:
    """A script that shows only a part of the page must not keep the former list."""
    asked = {"HX-Request": "true", "HX-Target": "found"}
    said = reader.get(f"{LIST}?since=30/11/2026", **asked)
    assert said.status_code == 200
    assert said.text.startswith('<div id="found"><p class="note bad" role="alert">')
    assert reader.get(f"{LIST}?since=30/11/2026").status_code == 422


def test_an_order_on_a_held_lane_says_who_holds_it(
    reader: Visitor, operator: Visitor, ledger: Engine
) -> None:
    one = add(ledger, order="ord_1", lane=PANEL)
    assert "is held by" not in reader.get(f"/desk/cancellations/{one}").text
    operator.send("/desk/lanes/hold", lane="notpanel/default")
    said = reader.get(f"/desk/cancellations/{one}").text
    assert (
        "Its lane notpanel/default is held by ann (access token): no call is made."
        in said
    )


def test_the_overview_counts_what_was_not_cancelled(
    reader: Visitor, ledger: Engine
) -> None:
    assert "not cancelled" not in reader.get("/").text
    now = utc_now()
    for order, state, reason in (
        ("ord_1", State.REJECTED, Reason.NOT_FOUND),
        ("ord_2", State.EXPIRED, Reason.DEADLINE_PASSED),
    ):
        end(ledger, PANEL, order, state, reason, at=now)
    said = reader.get("/").text
    assert "2 orders were not cancelled" in said
    why = said.partition("Why:")[2].partition("</ul>")[0]
    assert "the provider does not know the order" in why
    assert "reason=deadline_passed" in why
    assert "state=rejected&amp;state=expired" in said


def test_the_overview_counts_wrong_entries_apart_from_what_a_provider_refused(
    reader: Visitor, ledger: Engine
) -> None:
    refused = (State.REJECTED, Reason.NOT_FOUND)
    wrong = (State.REJECTED, Reason.INVALID_REQUEST)
    for order in ("ord_1", "ord_2"):
        end(ledger, PANEL, order, *wrong)
    said = reader.get("/").text
    assert "2 entries are wrong" in said
    assert "submit them again" in said
    assert "Tell your customers" not in said
    end(ledger, PANEL, "ord_3", *refused)
    said = reader.get("/").text
    assert "2 entries are wrong" in said
    assert "1 order was not cancelled" in said
    why = said.partition("Why:")[2].partition("</ul>")[0]
    assert "the provider does not know the order" in why
    assert "something in the submission is wrong" not in why
    [link] = re.findall(r'<a href="([^"]+)">2 entries', said)
    assert len(listed(reader.get(html.unescape(link)).text)) == 2


def test_the_filter_reads_times_in_the_zone_of_the_browser(
    reader: Visitor, ledger: Engine
) -> None:
    take_in(ledger, PANEL, "ord_1")
    there = utc_now().astimezone(ZoneInfo("Europe/Istanbul"))
    around = (there - timedelta(minutes=9), there + timedelta(minutes=9))
    first, last = (f"{one:%d.%m.%Y+%H:%M}" for one in around)
    period = f"{LIST}?since={first}&until={last}"
    assert "ord_1" not in reader.get(period).text
    reader.session.cookies.set("rescind_zone", "Europe/Istanbul")
    said = reader.get(period).text
    assert "ord_1" in said
    assert '<small class="dim" data-zone>Europe/Istanbul</small>' in said
    linked = f"{LIST}?since={around[0].astimezone(UTC):%Y-%m-%dT%H:%MZ}"
    assert f'name="since" value="{around[0]:%Y-%m-%d %H:%M}"' in reader.get(linked).text
    reader.session.cookies.set("rescind_zone", "no/such zone")
    assert "ord_1" not in reader.get(period).text


def test_the_page_shows_the_deadline_of_the_provider(
    reader: Visitor, ledger: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BY_NAME, "notpanel", Planned())
    at = {"send_at": "2020-11-20T19:05:00+00:00"}
    planned = take_in(ledger, ("notpanel", "default"), "ord_1", params=at)
    plain = take_in(ledger, ("notpanel", "default"), "ord_2")
    said, without = (
        reader.get(f"/desk/cancellations/{one}").text for one in (planned, plain)
    )
    assert "The provider cancels it until" in said
    assert "2020-11-20T19:00:00" in said
    assert "The provider cancels it until" not in without
