"""The statistics equal what was counted, in each period, and lead to the lists."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from rescind.browse.outcome_history import FOREVER, Counted
from rescind.dashboard.statistics import (
    PARTS,
    Span,
    edges,
    first_moment,
    statistics_of,
)
from rescind.dashboard.statistics_page import within
from rescind.intake.submissions import take_in as submit
from rescind.ledger.states import FINAL, State
from rescind.ledger.storage.counters import OUTCOME, WAIT
from rescind.ledger.storage.milliseconds import in_ms
from rescind.provider.outcomes import Reason
from tests.dashboard.stage import PANEL, PARCEL, Served, Visitor, end, utc_now

QUARTER = 900_000
HOUR = timedelta(hours=1)
LATEST = 1_790_000_000_000
moments = st.integers(0, 32 * 96).map(lambda n: LATEST - n * QUARTER)
outcomes = st.builds(
    Counted,
    moments.map(lambda at: at - at % QUARTER),
    st.sampled_from(["ithink", "akinon"]),
    st.just(OUTCOME),
    st.sampled_from(sorted(FINAL)),
    st.just("confirmed"),
    st.integers(1, 9),
)


ZONES = ("UTC", "Europe/Istanbul", "Europe/Berlin", "Asia/Kathmandu", "America/Havana")
zones = st.sampled_from(ZONES).map(ZoneInfo)


@given(counts=st.lists(outcomes, max_size=20), span=st.sampled_from(Span), zone=zones)
def test_every_sum_of_the_page_is_the_same_number(
    counts: list[Counted], span: Span, zone: ZoneInfo
) -> None:
    now = datetime.fromtimestamp(LATEST / 1000, zone)
    found = statistics_of(span, counts, now)
    since = in_ms(first_moment(span, now))
    total = sum(one.count for one in counts if one.at >= since)
    assert found.whole.total == total
    assert sum(part.numbers.total for part in found.parts) == total
    assert sum(its.total for its in found.providers.values()) == total
    assert sum(count for _, _, count in found.reasons) == total
    drawn = sum(sum(one.counts.values()) for one in found.chart.columns)
    assert drawn == total
    for column in found.chart.columns:
        for bar in [one for one in column.bars if not one.is_mark]:
            assert 7.9 <= bar.y <= bar.y + bar.height <= 158.1
    assert found.parts[-1].start <= now < found.parts[-1].end
    assert abs(found.hours - PARTS[span][0] * PARTS[span][1] / HOUR) <= 1


@given(
    now=st.builds(datetime.fromtimestamp, st.integers(10**9, 2 * 10**9), zones),
    span=st.sampled_from(Span),
)
def test_parts_are_whole_hours_and_days_of_the_readers_clock(
    now: datetime, span: Span
) -> None:
    length, number = PARTS[span]
    times = edges(span, now)
    assert len(times) == number + 1
    assert in_ms(times[-2]) <= in_ms(now) < in_ms(times[-1])
    for first, second in pairwise(times):
        took = (in_ms(second) - in_ms(first)) / 3_600_000
        assert abs(took - length / HOUR) <= (1 if length > HOUR else 0)
    for one in times:
        # Havana changes its clock at midnight: a day may begin at 01:00.
        late = (one.hour * 60 + one.minute) % (length // timedelta(minutes=1))
        assert late == 0 or (late == 60 and str(one.tzinfo) == "America/Havana")


def test_the_page_has_the_hours_of_the_readers_zone(
    reader: Visitor, ledger: Engine
) -> None:
    end(ledger, PANEL, "ord_1", State.CANCELLED, Reason.CONFIRMED)
    reader.session.cookies.set("rescind_zone", "Asia/Kathmandu")
    said = reader.get("/desk/statistics?over=month").text
    assert "Hours and days are those of this time zone: Asia/Kathmandu" in said
    [since] = set(re.findall(r"provider=notpanel&amp;since=([^&\"]+)", said))
    assert since.endswith("T18%3A15%3A00Z"), "midnight there"


def test_times_are_bounds_in_units_that_people_read() -> None:
    said = [within(one) for one in (None, 100, 1500, 90_000, 7_200_000, FOREVER)]
    assert said == ["–", "100 ms", "1.5 s", "90 s", "2 h", "more than 7 d"]


def test_the_page_counts_by_provider_and_links_to_what_it_counts(
    reader: Visitor, ledger: Engine
) -> None:
    for number in range(3):
        end(ledger, PANEL, f"ord_{number}", State.CANCELLED, Reason.CONFIRMED)
    end(ledger, PARCEL, "awb-1", State.FAILED, Reason.UNRESOLVED)
    for over in Span:
        said = reader.get(f"/desk/statistics?over={over}").text
        [panel] = re.findall(r"<tr>.*>notpanel</th>.*", said)
        assert ">3</a>" in panel
        assert '<td class="num">45 s</td>' in panel, "40 s after its acceptance"
        links = re.findall(r'href="(/desk/cancellations\?[^"]*)"', panel)
        [link] = [one for one in links if "state=cancelled" in one]
        listed = reader.get(link.replace("&amp;", "&")).text
        assert listed.count('class="row"') == 3
    assert reader.get("/desk/statistics?over=year").status_code == 422


def test_wrong_entries_stand_apart_from_the_providers(
    site: Served, reader: Visitor
) -> None:
    end(site.engine, PANEL, "ord_1", State.CANCELLED, Reason.CONFIRMED)
    ledger = (site.engine, site.context.accounts, site.context.seal)
    entries = [{"provider": "notpanel", "order": ""}, {"provider": "ghost"}]
    submit(*ledger, entries, utc_now(), by="token:tests")
    said = reader.get("/desk/statistics").text
    table = said.partition('aria-label="Table by provider"')[2].partition("</table>")[0]
    providers, _, whole = table.partition("<tfoot>")
    assert re.findall(r'<tr><th scope="row">([^<]*)', providers) == ["notpanel"]
    rows = re.findall(r'<tr><th scope="row">([^<]*)', whole)
    assert rows == ["Wrong entries, sent to no provider", "All"]
    assert '<td class="num">2</td>' in whole


def test_an_empty_period_says_so(reader: Visitor) -> None:
    assert "Nothing has ended in this period." in reader.get("/desk/statistics").text


@pytest.mark.parametrize("span", Span)
def test_a_time_before_the_period_is_not_counted(span: Span) -> None:
    now = utc_now()
    early = in_ms(first_moment(span, now)) - 1
    one = Counted(early, "ithink", WAIT, "100", "", 1)
    found = statistics_of(span, [one], now)
    assert found.whole.half is None
