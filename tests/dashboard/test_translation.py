"""The pages speak the language that the browser asks for."""

from __future__ import annotations

import pytest

from rescind.dashboard import translation
from rescind.dashboard.translation import gettext, language, ngettext, speak


@pytest.mark.parametrize(
    ("chosen", "accepted", "spoken"),
    [
        (None, "tr-TR,tr;q=0.9,en;q=0.5", "tr"),
        (None, "en;q=0.4, tr;q=0.9", "tr"),
        (None, "de-DE,en;q=0.5", "en"),
        (None, "", "en"),
        (None, ";;q=x,,", "en"),
        ("tr", "en", "tr"),
        ("xx", "tr", "en"),
    ],
)
def test_the_language_follows_the_choice_and_the_browser(
    chosen: str | None, accepted: str, spoken: str
) -> None:
    speak(chosen, accepted)
    assert language() == spoken


def test_a_text_without_a_translation_is_shown_in_english() -> None:
    speak("tr", "")
    assert gettext("Overview") == "Genel bakış"
    assert gettext("no such text %(n)s", n=3) == "no such text 3"
    assert ngettext("%(num)s apple of ours", "%(num)s apples of ours", 2).startswith(
        "2"
    )
    speak(None, "")
    assert gettext("Overview") == "Overview"


def test_every_language_but_the_codes_own_has_a_catalog() -> None:
    for name in translation.LANGUAGES[1:]:
        assert (translation.CATALOGS / f"{name}.po").exists()
