"""Translates the sentences that other packages write, also those that the ledger kept.

A sentence is compared with the texts of ``entry_sentences`` and ``ledger_sentences``.
So it need not be kept as a code with values: rows of every earlier version are
translated, too, and a program reads the code beside it. Another's words match no text,
and stay as they are.
"""

from __future__ import annotations

import re
from functools import cache

from rescind.dashboard.entry_sentences import INTAKE, PARAMS
from rescind.dashboard.ledger_sentences import FILES, LEDGER
from rescind.dashboard.plan_sentences import PLANS
from rescind.dashboard.translation import LANGUAGES, gettext, language

LONGEST = 2_000
"""Characters of a sentence; a longer one is shown as it is."""
PLACEHOLDER = re.compile(r"%\((\w+)\)s")
VALUES = {
    "field": r"[^\s;]+",
    "most": r"[^\s;]+",
    "least": r"[^\s;]+",
    "param": "[^;]+",
}
"""What the values of these names look like; others may be any text."""
JOINED = "; "
"""What stands between the faults of several params."""


def known(text: object) -> str:
    """A sentence of ours in the reader's language; another's as it is."""
    sentence = str(text)
    if language() == LANGUAGES[0] or len(sentence) > LONGEST:
        return sentence
    whole = gettext(sentence)
    if whole == sentence:
        whole = _filled(sentence) or _joined(sentence) or sentence
    return whole


def _filled(sentence: str) -> str | None:
    for template, pattern in _patterns():
        if found := pattern.fullmatch(sentence):
            values = {name: _value(name, v) for name, v in found.groupdict().items()}
            return gettext(template) % values
    return None


def _value(name: str, value: str) -> str:
    if name.endswith("_word"):
        return gettext(value.replace("_", " "))
    return known(value) if name.endswith("_said") else value


def _joined(sentence: str) -> str | None:
    parts = sentence.split(JOINED)
    said = [known(one) for one in parts] if len(parts) > 1 else parts
    return JOINED.join(said) if said != parts else None


@cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    """Each text with its pattern, the one with most words of its own first."""
    texts = [one for one in (*INTAKE, *PARAMS, *FILES, *LEDGER, *PLANS) if "%(" in one]
    texts.sort(key=lambda one: -len(PLACEHOLDER.sub("", one)))
    return [(one, _pattern(one)) for one in texts]


def _pattern(template: str) -> re.Pattern[str]:
    pieces = PLACEHOLDER.split(template)
    # Every other piece is the name of a placeholder.
    parts = [
        f"(?P<{piece}>{VALUES.get(piece, '.+?')})" if place % 2 else re.escape(piece)
        for place, piece in enumerate(pieces)
    ]
    return re.compile("".join(parts), re.DOTALL)
