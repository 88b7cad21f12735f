"""What intake and the ledger say is said in the reader's language."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from rescind.dashboard.entry_sentences import INTAKE, PARAMS
from rescind.dashboard.known_sentences import LONGEST, PLACEHOLDER, TEXTS, known
from rescind.dashboard.ledger_sentences import LEDGER
from rescind.dashboard.list_links import LIST
from rescind.dashboard.plan_sentences import PLANS
from rescind.dashboard.translation import gettext, speak
from rescind.intake.repeats import remark
from rescind.intake.submissions import take_in as submit
from rescind.ledger.states import State
from rescind.provider.error_pages import page_held
from rescind.provider.http_messages import Reply
from rescind.schedules.moments import parse_cron, parse_zone
from rescind.schedules.reasons import too_many
from rescind.webhooks.attempt import result_of
from tests.dashboard.said import SPEAKING, literals, of_params, sentences
from tests.dashboard.stage import PANEL, Served, Visitor, take_in, utc_now
from tests.dashboard.test_submit_file import MIXED, previewed

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

PIECES = {
    *(": check its headers", ": did you mean Q7?", "did you mean Q7?"),
    'five fields, such as "30 2 * * *": minute, hour, day, month, day of week',
    "timezone: there is no Q7: Q7",
    *("cron must have Q7", "cron: its Q7 is wrong; it must have Q7"),
    *("use one such as Europe/Istanbul", "`rescind schedule run Q7"),
    (
        "it found more than Q7, its max, so nothing was submitted. Q7 --dry-run` shows"
        " the entries; Q7 --max N` submits up to N"
    ),
    *("Q7 is not UTF-8", "Q7 is not TOML: Q7", "Q7 is not known hereQ7"),
    *("row Q7", "line Q7", "entry Q7", "CSV with a header", "its Q7"),
    *("; items names where the list is", "Q7 is not a listQ7"),
    *(": the receiver wants no more webhooks", ": redirects are not followed"),
    *("Q7 Q7: another user of this machine may have put it there", "belongs to"),
    *("is a symbolic link of", "Q7 another user (id Q7)"),
    *("can be written by everybody", "the provider Q7 of Q7 Q7"),
    *("check base_url, and Q7", "nothing more of a reply", "no answer"),
    *("Q7 within Q7 s", "a whole number", "true or false", "a text"),
    *("an object with named values", "a list", "Q7 must be Q7"),
    *("Q7; there are: Q7", "Q7: there is no plans file", "its names are: Q7"),
    *(", and the plans file cannot be read now", "the plan", "the step Q7"),
    *("correct, update or uninstall the package", "cannot be imported (Q7): Q7"),
    "cannot be made (Q7): Q7",
    "is not a class that derives from rescind.provider.Provider: Q7",
    (
        "has a wrong name: a name has small letters, digits and _, and begins with a"
        " letter; Q7"
    ),
    *("the plan takes no Q7 from its input: Q7", "Q7 is required: Q7 needs it"),
}
"""Parts of sentences. The tests below have sentences that are made of them."""
NOT_SHOWN = {
    # Words of libraries, and names.
    *("connection to server", "not authorized", "unable to open", "not a database"),
    *("no such table", "disk is full", "No space left", "Value error, "),
    "Multiple connection attempts failed",
    *("rescind schedule", "cron Q7 Q7", "Token Q7"),
    # These are for the command line alone.
    "Q7 holds secrets and can be read by others: run `chmod 600 Q7`",
    "Q7 can be read by others: run `chmod 600 Q7`",
    # These errors are caught.
    *("it is of neither form", "it ends too early"),
}


@pytest.fixture(autouse=True)
def _in_turkish() -> Iterator[None]:
    speak("tr", "")
    yield
    speak(None, "")


@pytest.mark.parametrize(
    ("sentence", "turkish"),
    [
        ("order is required", "Sipariş zorunludur"),
        (
            (
                "it was submitted before with another group and metadata: nothing was"
                " changed"
            ),
            (
                "daha önce başka değerlerle gönderilmişti (Grup, Ek bilgiler):"
                " hiçbir şey değiştirilmedi"
            ),
        ),
        ("base_url is required", "base_url zorunludur"),
    ],
)
def test_a_sentence_names_fields_as_the_page_does(sentence: str, turkish: str) -> None:
    speak("tr", "")
    assert known(sentence) == turkish


def test_no_sentence_of_an_error_is_left_in_english() -> None:
    said = [(text, where) for text, where in sentences() if text not in COMPOSED]
    assert len(said) > 50
    assert [one for one in said if known(one[0]) == one[0]] == []


def test_no_sentence_from_the_ledger_or_a_file_is_left_in_english() -> None:
    said = [one for module in SPEAKING for one in literals(module)]
    assert len(said) > 150
    new = [one for one in said if known(one[0]) == one[0]]
    assert [one for one in new if one[0] not in PIECES | NOT_SHOWN] == []


def of_error(call: Callable[..., object], *given: object) -> str:
    with pytest.raises(ValueError) as raised:  # noqa: PT011  (any sentence)
        call(*given)
    return str(raised.value)


MADE = [
    too_many("nightly", 10),
    *(page_held(Reply(status, body=b"<title>X</title>")).why for status in (403, 404)),
    *(str(result_of(Reply(status), utc_now()).detail) for status in (301, 410)),
    *(of_error(parse_cron, line, ZoneInfo("UTC")) for line in ("1 2", "99 * * * *")),
    *(of_error(parse_zone, zone) for zone in ("Europe/Istanbull", "x")),
    "[nightly]: source is required; soruce is not known here: did you mean source?",
    "the schedules file /a b is not UTF-8",
    "https://shop: connection lost: it was closed without an answer",
    "https://shop cannot be reached: [Errno 111] Connection refused",
    "https://shop answers with HTTP 401: check its headers",
    'orders.csv, line 3: has a quote (") that is never closed',
    "entry 3 is not an object with named values",
    "it is not a list; items names where the list is",
    "orders.csv is not CSV with a header, as its format says",
    (
        "/tmp/a belongs to another user (id 7): another user of this machine may have"
        " put it there"
    ),
    (
        "the provider x of rescind-x 1.0 cannot be made (KeyError: 1): correct, update"
        " or uninstall the package"
    ),
    (
        "the provider x of rescind-x 1.0 cannot be imported (KeyError: 1): correct,"
        " update or uninstall the package"
    ),
    (
        "the provider X of rescind-x 1.0 has a wrong name: a name has small letters,"
        " digits and _, and begins with a letter; correct, update or uninstall the"
        " package"
    ),
    (
        "the provider x of rescind-x 1.0 is not a class that derives from"
        " rescind.provider.Provider: correct, update or uninstall the package"
    ),
    "[akinon.default]: base_url: must be a scheme and a host, such as https://host",
    "3 calls failed in a row; the last: not connected: [Errno 111] Connection refused",
    "login: no answer within 20 s",
    "there is no plan 'x'; there are: web-order",
    "there is no plan 'x': there is no plans file",
    "there is no plan 'x', and the plans file cannot be read now; there are: none",
    "the plan takes no awb from its input: its names are: order",
    "the plan takes no awb from its input: did you mean awd?",
    "awb is required: the step parcel needs it",
]
"""Sentences that are made of parts."""
ENGLISH = re.compile(r"\b(?:the|is|are|it|of|not|with|within|must|has|another|did)\b")


@pytest.mark.parametrize("said", MADE)
def test_no_sentence_that_is_made_of_parts_is_left_in_english(said: str) -> None:
    assert ENGLISH.findall(known(said)) == []


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
    digits, package = number.map(lambda q: q.strip("Q")), number.map("{} 1.0".format)
    samples = {"at": digits, "package": package}
    values = {name: data.draw(samples.get(name, number)) for name in names}
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
    assert said == "Parametreler: reason_id en çok 8 olabilir; ids bir liste olmalıdır"


# --- pages ----------------------------------------------------------------------------


def turkish(visitor: Visitor) -> Visitor:
    visitor.session.headers["accept-language"] = "tr"
    return visitor


def test_a_preview_says_in_turkish_what_is_wrong(
    clerk: Visitor, ledger: Engine
) -> None:
    take_in(ledger, PANEL, "ord_other", key="taken")
    shown = turkish(clerk).get(previewed(clerk, MIXED)).text
    assert "Sağlayıcı şunlardan biri olmalıdır: " in shown
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
        assert "Sipariş zorunludur" in shown
        assert "is required" not in shown
        assert "Sağlayıcının kendi sözleri" not in shown


@pytest.mark.parametrize("text", [*INTAKE, *PARAMS, *LEDGER, *PLANS])
def test_what_programs_read_too_names_no_option_of_the_command_line(text: str) -> None:
    assert " --" not in text
