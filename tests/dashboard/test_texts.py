"""No text of the pages is left in English for a reader who asks for Turkish."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from providers.registry import OURS
from rescind.dashboard import translation
from rescind.dashboard.formatting import plain
from rescind.dashboard.known_sentences import FIELDS, known
from rescind.dashboard.rendering import templates
from rescind.dashboard.submission.param_fields import param_fields
from rescind.dashboard.translation import speak
from rescind.ledger.changes.lane_states import HELD_BY_OPERATOR
from rescind.ledger.scheduling.schedule_runs import RunState
from rescind.ledger.states import State
from rescind.operations.lane_view import STALLED
from tests.dashboard import texts
from tests.dashboard.stage import READER, Served, a_day, utc_now

WORDS = [*State, *RunState, "open", "paused", "held", "stopped"]
PLACEHOLDER = re.compile(r"%\(\w+\)s")


@pytest.fixture(scope="module")
def turkish() -> Catalog:
    with (translation.CATALOGS / "tr.po").open("rb") as file:
        return read_po(file, locale="tr")


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    yield
    speak(None, "")


@pytest.mark.parametrize("page", texts.PAGES, ids=lambda one: one.name)
def test_every_text_of_a_template_is_marked(page: Path) -> None:
    assert list(texts.unmarked(page.read_text())) == []


def test_every_text_of_a_module_is_marked() -> None:
    assert [place for one in texts.MODULES for place in texts.plain_literals(one)] == []


def test_a_turkish_sentence_names_a_field_as_the_page_does(turkish: Catalog) -> None:
    # Rules of schedules and plans name the words of their own files.
    places = {
        text: place
        for text, place in texts.messages().items()
        if not place.startswith(("schedule_sentences", "plan_sentences"))
    }
    raw = re.compile(rf"(?<![/\w(.])(?:{'|'.join(FIELDS)})(?![/\w)])")
    said = [
        (one.id, PLACEHOLDER.sub("", text)) for one in turkish for text in _texts(one)
    ]
    found = [text for id_, text in said if id_ in places and raw.search(text)]
    assert found == []


def test_every_text_has_a_translation_and_none_is_stale(turkish: Catalog) -> None:
    asked = set(texts.messages())
    found = {_id(one): one for one in turkish if one.id}
    assert asked - set(found) == set(), "not translated"
    assert set(found) - asked == set(), "not on any page"
    assert not turkish.obsolete
    assert [one.id for one in found.values() if one.fuzzy or not all(_texts(one))] == []


def test_translations_keep_the_placeholders(turkish: Catalog) -> None:
    for one in turkish:
        allowed = [_placeholders(text) for text in _both(one.id)]
        for text, its in zip(_texts(one), allowed, strict=True):
            # Turkish may name the number where English says "it".
            extra = {"%(num)s"} if isinstance(one.id, tuple | list) else set()
            assert _placeholders(text) - extra == its - extra, one.id
            assert _placeholders(text) <= allowed[-1], one.id


def _id(one: Message) -> texts.Message:
    return one.id if isinstance(one.id, str) else tuple(one.id)


def _both(text: object) -> list[str]:
    return [text] if isinstance(text, str) else list(text)  # type: ignore[call-overload]


def _texts(one: Message) -> list[str]:
    return _both(one.string)


def _placeholders(text: str) -> set[str]:
    return set(PLACEHOLDER.findall(text))


@pytest.mark.parametrize("word", sorted(map(str, WORDS)))
def test_every_word_of_a_closed_vocabulary_is_translated(word: str) -> None:
    speak("tr", "")
    assert plain(word) != word.replace("_", " ")


def test_what_providers_say_of_their_fields_is_translated() -> None:
    said = [one.order_form for one in OURS]
    for provider in OURS:
        for field in param_fields(provider):
            said += [*field.labels.values(), field.label, field.description]
    speak("tr", "")
    for one in [*filter(None, said), HELD_BY_OPERATOR, STALLED]:
        assert known(one) != one


# --- pages ----------------------------------------------------------------------------

ADDRESSES = [
    "/",
    "/desk/cancellations",
    "/desk/groups",
    "/desk/statistics",
    "/desk/notifications",
    "/desk/undelivered",
    "/desk/lanes",
    "/desk/actions",
]
ENGLISH = re.compile(rf"\b({'|'.join(State)}|the|and|of)\b")


def _seen(html: str) -> str:
    """The text of a page, without what the ledger holds in its own words."""
    for tag in ("blockquote", "code", "script", "bdi"):
        html = re.sub(rf"<{tag}\b.*?</{tag}>", " ", html, flags=re.DOTALL)
    html = re.sub(r'<span [^>]*dir="auto".*?</span>', " ", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def test_a_turkish_reader_sees_turkish_pages(site: Served) -> None:
    a_day(site.engine, utc_now())
    reader = site.visitor(READER)
    reader.session.headers["accept-language"] = "tr-TR,tr;q=0.9,en;q=0.5"
    for address in ADDRESSES:
        html = reader.get(address).text
        assert '<html lang="tr">' in html
        assert ENGLISH.findall(_seen(html)) == [], address


def test_a_literal_is_translated_for_each_reader() -> None:
    template = templates.from_string("{{ 'failed' | plain }}")
    said = []
    for language in ("tr", "en"):
        speak(language, "")
        said.append(template.render())
    assert said == ["başarısız", "failed"]


def test_numbers_are_written_as_the_language_writes_them() -> None:
    speak("tr", "")
    assert translation.ngettext(
        "%(num)s cancellation", "%(num)s cancellations", 1234
    ).startswith("1.234 ")


def test_a_reader_chooses_the_language_on_the_page(site: Served) -> None:
    stranger = site.visitor()
    chosen = {"language": "tr", "next": "/desk/sign-in"}
    assert stranger.post("/desk/language", chosen).headers["location"] == chosen["next"]
    assert "Oturum aç" in stranger.get("/desk/sign-in").text
    stranger.post("/desk/language", {"language": "xx", "next": "/"})
    assert "Oturum aç" in stranger.get("/desk/sign-in").text


def test_another_sites_page_cannot_choose_the_language(site: Served) -> None:
    stranger = site.visitor()
    afar = {"sec-fetch-site": "cross-site"}
    answer = stranger.post("/desk/language", {"language": "tr"}, **afar)
    assert answer.status_code == 403
    assert "Oturum aç" not in stranger.get("/desk/sign-in").text
