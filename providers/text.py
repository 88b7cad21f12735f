"""Reading what others wrote: JSON of any shape, Turkish, HTML, odd capitals.

Nothing here raises, whatever it is given.
"""

from __future__ import annotations

import contextlib
import html
import re
import unicodedata
from typing import Any

LONGEST = 500
"""Characters of a provider's words that are kept."""


def as_object(value: object) -> dict[str, Any]:
    """``value`` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_number(value: object) -> int | None:
    """A whole number, also when it is written as text; else ``None``."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,9}\s*", value):
        return int(value)
    return None


def first_text(*values: object) -> str | None:
    """The first of ``values`` that has something in it, at most 500 characters."""
    for value in values:
        text = storable(plain_text(value) or "").strip()
        if text:
            return text[:LONGEST]
    return None


def plain_text(value: object) -> str | None:
    """A text, or a whole number written as one; else ``None``."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    try:
        return str(value)
    except ValueError:
        # A number of more digits than Python writes.
        return None


def fold(text: str | None) -> str:
    """``text`` for comparing: no capitals, no accents, every kind of i the same."""
    decomposed = unicodedata.normalize("NFKD", (text or "").replace("ı", "i"))
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    return re.sub(r"[\s_]+", " ", bare.casefold()).strip()


def without_html(text: object) -> str | None:
    """The words of an HTML fragment; ``None`` when there are none."""
    if not isinstance(text, str):
        return None
    words = re.sub(r"<[^<>]*>", " ", text[: LONGEST * 20])
    # "&#" and more digits than Python reads: the words stay as they are.
    with contextlib.suppress(ValueError):
        words = html.unescape(words)
    return first_text(re.sub(r"\s+", " ", words))


def storable(text: str) -> str:
    """``text`` as both databases can keep it."""
    # PostgreSQL takes no NUL and no half of a surrogate pair in a text.
    return text.replace("\x00", "").encode("utf-8", "replace").decode()
