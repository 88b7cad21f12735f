"""What intake and the ledger say is said in the reader's language."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from rescind.dashboard.entry_sentences import INTAKE, PARAMS
from rescind.dashboard.known_sentences import LONGEST, PLACEHOLDER, known
from rescind.dashboard.ledger_sentences import FILES, LEDGER
from rescind.dashboard.list_links import LIST
from rescind.dashboard.plan_sentences import PLANS
from rescind.dashboard.translation import gettext, speak
from rescind.intake.repeats import remark
from rescind.intake.submissions import take_in as submit
from rescind.ledger.states import State
from tests.dashboard.said import of_params, sentences
from tests.dashboard.stage import PANEL, Served, Visitor, take_in, utc_now
from tests.dashboard.test_submit_file import MIXED, previewed

TEXTS = (*INTAKE, *PARAMS, *FILES, *LEDGER, *PLANS)
COMPOSED = {
    "Q7",
    "Q7 Q7",
    "Q7 Q7: use another key",
    "order must be Q7Q7",
    "callback_url Q7",
    "only_if Q7",
    "it was sent Q7, and may have reached its provider",
    'has a quote (") that is never closedQ7',
}
"""Sentences whose values are sentences themselves, or a part of one."""


@pytest.fixture(autouse=True)
def _in_turkish() -> Iterator[None]:
    speak("tr", "")
    yield
    speak(None, "")


def test_no_sentence_of_an_error_is_left_in_english() -> None:
    said = [(text, where) for text, where in sentences() if text not in COMPOSED]
    assert len(said) > 50
    assert [one for one in said if known(one[0]) == one[0]] == []


@pytest.mark.parametrize("times", ["once", "3 times"])
def test_how_often_it_was_sent_is_translated(times: str) -> None:
    why = f"it was sent {times}, and may have reached its provider"
    said = known(f"abc cannot be withdrawn: {why}")
    assert said.startswith("abc geri çekilemez: ")
    assert "sent" not in said


def test_no_fault_of_a_param_is_left_in_english() -> None:
    said = list(of_params())
    assert len(said) > 5
    for text in said:
        # The model's own faults have no name before them.
        assert any(known(one) != one for one in (text, f"ids: {text}")), text


def test_no_remark_on_a_repeat_is_left_in_english() -> None:
    for state, differs in ((State.WITHDRAWN, ()), (State.QUEUED, ("group", "x"))):
        said = remark(state, differs)
        assert said
        assert known(said) != said


@given(st.sampled_from([t for t in TEXTS if "%(" in t]), st.data())
def test_the_values_of_a_sentence_are_kept(text: str, data: st.DataObject) -> None:
    speak("tr", "")
    names = sorted(set(PLACEHOLDER.findall(text)))
    number = st.integers(100, 999).map(lambda n: f"Q{n}Q")
    values = {name: data.draw(number) for name in names}
    said = known(text % values)
    assert said == gettext(text) % values
    speak("en", "")
    assert known(text % values) == text % values


@given(st.text(alphabet="qxwjQÇş;:%()= ", max_size=50))
def test_what_others_say_stays_as_it_is(text: str) -> None:
    speak("tr", "")
    assert known(text) == text


def test_a_very_long_text_is_not_compared() -> None:
    text = "x " * LONGEST + "is required"
    assert known(text) == text


def test_several_faults_of_params_are_all_translated() -> None:
    said = known("params: reason_id must be at most 8; ids must be a list")
    assert said == "parametreler: reason_id en çok 8 olabilir; ids bir liste olmalıdır"


# --- pages ----------------------------------------------------------------------------


def turkish(visitor: Visitor) -> Visitor:
    visitor.session.headers["accept-language"] = "tr"
    return visitor


def test_a_preview_says_in_turkish_what_is_wrong(
    clerk: Visitor, ledger: Engine
) -> None:
    take_in(ledger, PANEL, "ord_other", key="taken")
    shown = turkish(clerk).get(previewed(clerk, MIXED)).text
    assert "provider şunlardan biri olmalıdır: " in shown
    assert "anahtarı zaten" in shown
    assert "must be" not in shown
    told = turkish(clerk).upload(b"order\nord_1\n").text
    assert "ilk satırı sütunları adlandırmalıdır" in told


def test_a_refused_entry_is_told_in_turkish_and_not_as_the_providers_words(
    site: Served, clerk: Visitor
) -> None:
    context, entry = site.context, {"provider": "notpanel", "order": ""}
    ledger = (site.engine, context.accounts, context.seal)
    [one] = submit(*ledger, [entry], utc_now(), by="token:tests")
    for address in (f"/desk/cancellations/{one.id}", f"{LIST}?state=rejected"):
        shown = turkish(clerk).get(address).text
        assert "order zorunludur" in shown
        assert "is required" not in shown
        assert "Sağlayıcının kendi sözleri" not in shown
