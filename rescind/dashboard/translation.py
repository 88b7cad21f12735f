"""Translates the pages' texts into the language that the browser asks for.

English texts are the keys. A text without a translation is shown in English. A
provider's words are shown as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from functools import cache
from pathlib import Path

from babel.core import negotiate_locale
from babel.messages.pofile import read_po

LANGUAGES = ("en", "tr")
"""The first is the language of the code."""
COOKIE = "rescind_language"
CATALOGS = Path(__file__).parent / "translations"

_language: ContextVar[str] = ContextVar("language", default=LANGUAGES[0])


def language() -> str:
    """The language of the request that is being answered."""
    return _language.get()


def speak(chosen: str | None, accepted: str) -> None:
    """Use the language ``chosen``, or the best of an ``Accept-Language`` header."""
    wanted = [chosen] if chosen else _preferred(accepted)
    found = negotiate_locale(wanted, LANGUAGES, sep="-") or LANGUAGES[0]
    _language.set(found)


def _preferred(accepted: str) -> list[str]:
    """The languages of the header, the most wanted first."""
    weighed = []
    for part in accepted.split(","):
        name, _, weight = part.strip().partition(";q=")
        try:
            weighed.append((-float(weight or 1), name.strip()))
        except ValueError:
            continue
    return [name for _, name in sorted(weighed, key=lambda one: one[0])]


def gettext(text: str, /, **values: object) -> str:
    """The text in the request's language; ``values`` replace its ``%(name)s``."""
    found = _single(language()).get(text) or text
    return found % values if values else found


def ngettext(one: str, many: str, number: int, /, **values: object) -> str:
    """The text that fits ``number``, which also replaces ``%(num)s``."""
    forms = _plural(language()).get(one)
    # English and Turkish both have two forms.
    found = (forms or (one, many))[0 if number == 1 else 1]
    return found % {"num": _grouped(number), **values}


def _grouped(number: int) -> str:
    return f"{number:,}".replace(",", "." if language() == "tr" else ",")


_ = gettext


@cache
def _single(name: str) -> Mapping[str, str]:
    return {k: v for k, v in _messages(name).items() if isinstance(v, str)}


@cache
def _plural(name: str) -> Mapping[str, tuple[str, str]]:
    found = _messages(name).items()
    return {k: (v[0], v[-1]) for k, v in found if not isinstance(v, str) and all(v)}


@cache
def _messages(name: str) -> Mapping[str, str | tuple[str, ...]]:
    """The catalog of a language: by English text, the translation or its forms."""
    if name == LANGUAGES[0]:
        return {}
    with (CATALOGS / f"{name}.po").open("rb") as file:
        catalog = read_po(file, locale=name)
    found: dict[str, str | tuple[str, ...]] = {}
    for message in catalog:
        if not message.id or not message.string or message.fuzzy:
            continue
        key = message.id if isinstance(message.id, str) else message.id[0]
        text = message.string
        found[key] = text if isinstance(text, str) else tuple(text)
    return found


def N_(text: str) -> str:  # noqa: N802  (its usual name)
    """Mark a text for the catalogs where it is defined; it is translated at use."""
    return text
