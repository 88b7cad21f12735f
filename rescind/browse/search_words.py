"""The words by which a cancellation is found, and the trigrams of a text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

LEAST = 3
"""Characters of the shortest part that is searched for: a trigram."""
MOST_GRAMS = 32
"""Trigrams of a search text that the index is asked for; the words themselves are then
compared."""
LONGEST = 1_000
"""Characters of metadata values that are found by a part."""


def words_of(row: Any) -> str:
    """Order, key, group and metadata values of a row, one a line, in lower case."""
    lines = [row.order_id]
    if row.key != row.order_id:
        lines.append(row.key)
    if row.group_name:
        lines.append(row.group_name)
    told = "\n".join(_values(row.meta))[:LONGEST]
    return folded("\n".join([*lines, told] if told else lines))


def folded(text: str) -> str:
    """The text as it is compared: without the difference of capitals.

    The four Turkish letters I, ı, İ and i are one letter here. Capital I is both the
    capital of i and that of ı, by the language of the text, which nobody knows.
    """
    return _ONE_I.sub("i", unicodedata.normalize("NFC", text).casefold())


_ONE_I = re.compile("i\N{COMBINING DOT ABOVE}+|\N{LATIN SMALL LETTER DOTLESS I}")
"""What ``casefold`` leaves of İ and of ı."""


def foldings(text: str) -> list[str]:
    """The forms in which an entry of the index may hold the text, the present first.

    Entries of earlier versions have capitals folded, but not the four letters I. A form
    that is shorter than a trigram is left out.
    """
    forms = dict.fromkeys([folded(text), text.casefold()])
    return [one for one in forms if len(one) >= LEAST]


def trigrams(text: str) -> list[str]:
    """The distinct parts of three characters, ``MOST_GRAMS`` at most."""
    found = dict.fromkeys(text[n : n + LEAST] for n in range(len(text) - LEAST + 1))
    return list(found)[:MOST_GRAMS]


def _values(value: object) -> Iterator[str]:
    """The texts and numbers in a JSON value; not its names."""
    if isinstance(value, Mapping):
        for one in value.values():
            yield from _values(one)
    elif isinstance(value, list):
        for one in value:
            yield from _values(one)
    elif isinstance(value, str) or (
        isinstance(value, int | float) and not isinstance(value, bool)
    ):
        yield str(value)
