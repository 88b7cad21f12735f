"""Reads text of other programs: JSON of any shape, Turkish, HTML, any capitals.

No function here raises, for any input.
"""

from __future__ import annotations

import contextlib
import html
import re
import unicodedata
from functools import lru_cache
from typing import Any

LONGEST = 500
"""Characters of a provider's words that are kept."""
NUMBER = re.compile(r"\s*[0-9]{1,9}\s*")
TAGS = re.compile(r"<[^<>]*>")
SPACES = re.compile(r"\s+")
NAME = re.compile(r"[A-Za-z][A-Za-z_-]{0,39}")
GAPS = re.compile(r"[\s_]+")


def as_object(value: object) -> dict[str, Any]:
    """``value`` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_number(value: object) -> int | None:
    """A whole number, or a text that is one; else ``None``."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and NUMBER.fullmatch(value):
        return int(value)
    return None


def first_text(*values: object) -> str | None:
    """The first of ``values`` that is a text and not empty, cut to ``LONGEST``."""
    for value in values:
        if value is None:
            continue
        text = value if isinstance(value, str) else plain_text(value)
        if text and (kept := storable(text).strip()):
            return kept[:LONGEST]
    return None


def plain_text(value: object) -> str | None:
    """A text, or a whole number written as one; else ``None``."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    try:
        return str(value)
    except ValueError:
        # Python refuses to write a number of so many digits.
        return None


@lru_cache(maxsize=256)  # most rows of a reply say the same
def fold(text: str | None) -> str:
    """``text`` for comparing: no capitals, no accents, every kind of i the same."""
    bare = text or ""
    if not bare.isascii():
        decomposed = unicodedata.normalize("NFKD", bare.replace("ı", "i"))
        bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    return GAPS.sub(" ", bare.casefold()).strip()


def without_html(text: object) -> str | None:
    """The words of an HTML fragment; ``None`` if there are none."""
    return _without_html(text[: LONGEST * 20]) if isinstance(text, str) else None


@lru_cache(maxsize=256)
def _without_html(text: str) -> str | None:
    words = TAGS.sub(" ", text)
    # html.unescape refuses "&#" with too many digits: the words stay as they are.
    with contextlib.suppress(ValueError):
        words = html.unescape(words)
    return first_text(SPACES.sub(" ", words))


def field_name(name: object) -> str:
    """An unknown field name for an error message, unless it may be personal data.

    A producer that mixes up names and values sends an IBAN or a person as a name.
    """
    shown = isinstance(name, str) and NAME.fullmatch(name)
    return str(name) if shown else "a field whose name is not shown"


def storable(text: str) -> str:
    """``text`` as both databases can store it."""
    # PostgreSQL stores no NUL and no half of a surrogate pair.
    text = text.replace("\x00", "")
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
