"""Before and after a submission, the page says which order is really sent."""

from __future__ import annotations

import re
from html import unescape

import pytest
from sqlalchemy import Engine

from rescind.intake.spellings import respelled
from rescind.ledger.states import State
from rescind.provider.outcomes import Reason
from tests.dashboard.stage import PANEL, Visitor, end, take_in
from tests.dashboard.test_submit_file import HEAD, id_of, previewed
from tests.dashboard.test_submit_one import rows
from tests.providers.test_canonical import SAME


def remarks(page: str) -> list[str]:
    """The sentence beside each row, or an empty text."""
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    each = [
        re.findall(r'<p class="why" dir="auto">([^<]*)<', row)
        for row in body.split("<tr>")
    ]
    return [unescape(found[0]) if found else "" for found in each[1:]]


@pytest.mark.parametrize("name", SAME)
def test_a_changed_spelling_is_known_for_every_provider(name: str) -> None:
    for written, sent in SAME[name]:
        changed = respelled({"provider": name, "order": written})
        assert changed == (None if written == sent else sent)
        assert respelled({"provider": name, "order": sent}) is None


def test_what_is_wrong_has_no_other_spelling() -> None:
    for entry in ({}, {"provider": "nobody", "order": "1"}, {"provider": "akinon"}):
        assert respelled(entry) is None


def test_the_preview_and_the_result_say_how_an_order_is_sent(
    clerk: Visitor, ledger: Engine
) -> None:
    take_in(ledger, PANEL, "77")
    where = previewed(
        clerk, HEAD + "notpanel,0023501,,\nnotpanel,077,,\nnotpanel,5,,\n"
    )
    said = ["it is sent as 23501", "it is kept as 77", ""]
    before = clerk.get(where).text
    assert remarks(before) == said
    assert "start time" not in before
    done = clerk.send("/desk/submit/file/now", id=id_of(where))
    assert remarks(clerk.get(done.headers["location"]).text) == said
    assert {row.order_id for row in rows(ledger)} == {"77", "23501", "5"}


def test_the_form_leads_to_a_page_that_says_so_too(clerk: Visitor) -> None:
    form = {"lane": "notpanel/default", "order": "0023501"}
    for word in ("It was accepted", "It was submitted before"):
        led = clerk.send("/desk/submit/one", **form).headers["location"]
        shown = clerk.get(led).text
        assert word in shown
        assert "spelling" in shown


@pytest.mark.parametrize(
    ("kept", "row"),
    [({}, "notpanel,ord_1,second,"), ({"key": "first"}, "notpanel,ord_1,,")],
)
def test_the_preview_names_another_cancellation_of_the_order(
    clerk: Visitor, ledger: Engine, kept: dict[str, str], row: str
) -> None:
    end(ledger, PANEL, "ord_1", State.CANCELLED, Reason.CONFIRMED, **kept)
    (said,) = remarks(clerk.get(previewed(clerk, f"{HEAD}{row}\n")).text)
    key = kept.get("key", "ord_1")
    assert said == (
        f"another cancellation of this order is cancelled, with the key {key}"
    )
