"""Translates the sentences that other packages write, also those that the ledger kept.

A sentence is compared with the texts of the modules ``…_sentences``. So it need not be
kept as a code with values: rows of every earlier version are translated, too, and a
program reads the code beside it. Another's words match no text, and stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache, lru_cache

from rescind.dashboard.call_sentences import (
    CALLS,
    DELIVERIES,
    DUPLICATES,
    REPLIES,
    SYSTEM,
)
from rescind.dashboard.entry_sentences import INTAKE, PARAMS
from rescind.dashboard.ledger_sentences import FILES, LEDGER
from rescind.dashboard.plan_sentences import PLANS
from rescind.dashboard.schedule_sentences import RULES, RUNS, SOURCES
from rescind.dashboard.setup_sentences import ACCOUNTS, HEALTH, PACKAGES, UNREACHABLE
from rescind.dashboard.submission.row_fields import LABELS, NAMED
from rescind.dashboard.translation import LANGUAGES, N_, gettext, language

TEXTS = (
    *(*INTAKE, *PARAMS, *FILES, *LEDGER, *PLANS, *CALLS, *DELIVERIES, *SYSTEM),
    *(*REPLIES, *DUPLICATES),
    *(*RULES, *RUNS, *SOURCES, *ACCOUNTS, *PACKAGES, *UNREACHABLE, *HEALTH),
)
LONGEST = 2_000
"""Characters of a sentence; a longer one is shown as it is."""
KEPT = 1_000
"""Sentences whose translation is kept: each is compared with some hundred texts."""
PLACEHOLDER = re.compile(r"%\((\w+)\)s")
VALUES = {
    "field": r"[^\s;]+",
    "most": r"[^\s;]+",
    "least": r"[^\s;]+",
    "param": "[^;]+",
    "at": r"\d+",
    "package": r"an unnamed package|\S+ \S+(?: and \S+ \S+)*",
}
"""What the values of these names look like; others may be any text."""
FIELDS = {
    **{name: LABELS[name] for name in NAMED},
    "params": N_("Parameters"),
    "metadata": N_("Metadata"),
}
"""The labels of the fields of an entry that have one."""
JOINED = "; "
"""What stands between the faults of several params."""
BEFORE = ": "
"""What stands between a place and the sentence on it."""


def known(text: object) -> str:
    """A sentence of ours in the reader's language; another's as it is."""
    sentence = str(text)
    if language() == LANGUAGES[0] or len(sentence) > LONGEST:
        return sentence
    return _translated(sentence, language())


def is_one_of(texts: Collection[str], sentence: str) -> bool:
    """Whether a sentence is one of ``texts`` (of ``TEXTS``), with any values."""
    if sentence in texts:
        return True
    patterns = (found for text, found in _patterns() if text in texts)
    return any(found.fullmatch(sentence) for found in patterns)


@lru_cache(KEPT)
def _translated(sentence: str, _language: str) -> str:
    whole = gettext(sentence)
    if whole == sentence:
        ways = (_filled, _joined, _behind_place)
        whole = next((said for way in ways if (said := way(sentence))), sentence)
    return whole


def _filled(sentence: str) -> str | None:
    for template, pattern in _patterns():
        if found := pattern.fullmatch(sentence):
            values = {name: _value(name, v) for name, v in found.groupdict().items()}
            return gettext(template) % values
    return None


def _value(name: str, value: str) -> str:
    if name in ("field", "fields"):
        return ", ".join(map(_field, value.split(" and ")))
    if name.endswith("_word"):
        return gettext(value.replace("_", " "))
    return known(value) if name.endswith("_said") else value


def _field(word: str) -> str:
    """A field of an entry as pages call it; another's name as it is."""
    return gettext(FIELDS[word]) if word in FIELDS else word


def _joined(sentence: str) -> str | None:
    parts = sentence.split(JOINED)
    said = [known(one) for one in parts] if len(parts) > 1 else parts
    return JOINED.join(said) if said != parts else None


def _behind_place(sentence: str) -> str | None:
    """A sentence behind a place, such as a column's or an address."""
    place, _colon, rest = sentence.partition(BEFORE)
    if " " not in rest:
        # A single word of a page may be another's word, too.
        return None
    said = known(rest)
    return None if said == rest else f"{known(place)}{BEFORE}{said}"


@cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    """Each text with its pattern, the one with most words of its own first."""
    texts = [one for one in TEXTS if "%(" in one]
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
