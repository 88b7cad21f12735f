"""What the verdict on a row of a file is called, on pages and in files.

The words are the same before and after the submission, but for the tense of one.
"""

from __future__ import annotations

from rescind.dashboard.translation import N_, gettext

PLANNED = N_("would be accepted")
"""A row that is valid and new, before the submission."""
WORDS = {
    "accepted": N_("accepted"),
    "known": N_("known already"),
    "repeated": N_("repeats an earlier row"),
    "conflict": N_("its key is in use"),
    "wrong": N_("wrong"),
}
"""By the values of ``file_verdicts.Verdict``."""


def verdict_words(verdict: str, before: bool = False) -> str:
    """The verdict in the reader's language, ``before`` or after the submission."""
    planned = before and verdict == "accepted"
    return gettext(PLANNED if planned else WORDS[verdict])
