"""Formats values for the pages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from rescind.dashboard.translation import _, gettext, language
from rescind.ledger.storage.milliseconds import from_ms

SIZES = (86_400, 3600, 60)
"""Seconds of a day, an hour and a minute."""
MARKS = {
    "cancelled": "✓",
    "rejected": "⊘",
    "expired": "!",
    "failed": "✕",
    "withdrawn": "↶",
    "held": "■",
    "paused": "‖",
    "stopped": "■",
    "open": "○",
    "working": "▸",
    "done": "✓",
    "partly": "◐",
    "not_done": "⊘",
    "unknown": "?",
}
"""Each state has a sign beside its colour, for readers who cannot tell colours."""


def span(seconds: float) -> str:
    """A duration in seconds as text, such as ``3 min``."""
    whole = max(0, round(seconds))
    *longer, second = units().split()
    for size, unit in zip(SIZES, longer, strict=True):
        if whole >= 2 * size:
            return f"{whole // size} {unit}"
    return f"{whole} {second}"


def seconds(number: float) -> str:
    """A duration with its fraction, such as ``0.5 s``."""
    digits = f"{number:g}".replace(".", separators()[1])
    return f"{digits} {units().split()[-1]}"


def units() -> str:
    """The short words for days, hours, minutes and seconds."""
    return _("d h min s")


def separators() -> str:
    """What groups the digits of a number by three, and what begins its fraction."""
    return ".," if language() == "tr" else ",."


def number_of(value: float, digits: int = 0) -> str:
    """A number as the reader's language writes it: ``1,234`` or ``1.234``."""
    return f"{value:,.{digits}f}".translate(str.maketrans(",.", separators()))


def percent_of(number: int) -> str:
    """A percentage as the reader's language writes it: ``87 %`` or ``%87``."""
    return f"%{number}" if language() == "tr" else f"{number} %"


def date_of(moment: datetime, form: str = "") -> str:
    """A date as the reader's language writes it, then the time in this form.

    The page's script writes dates so, too.
    """
    day = "%d.%m.%Y" if language() == "tr" else "%Y-%m-%d"
    return moment.strftime(f"{day} {form}".strip())


def as_moment(value: datetime | int | str) -> datetime:
    if isinstance(value, str):
        return datetime.fromisoformat(value).astimezone(UTC)
    found = from_ms(value) if isinstance(value, int) else value
    assert found is not None  # noqa: S101  (an integer is a moment)
    return found.astimezone(UTC)


def at(value: datetime | int | str | None) -> Markup:
    """A time in UTC; the page's script changes it to the reader's time zone."""
    if value is None:
        return Markup("–")
    moment = as_moment(value)
    return Markup('<time datetime="{}" data-at>{}</time>').format(
        _iso(moment), date_of(moment, "%H:%M:%S")
    )


def moment(text: str) -> Markup | str:
    """As ``at`` for a time that somebody wrote; any other text as it is."""
    try:
        found = datetime.fromisoformat(text)
        return text if found.tzinfo is None else at(found)
    except (ValueError, OverflowError):
        return text


def age(value: datetime | int | str | None, now: datetime) -> Markup:
    """How long ago a time was; the page's script keeps it up to date."""
    if value is None:
        return Markup("–")
    moment = as_moment(value)
    return Markup('<time datetime="{}" data-age>{}</time>').format(
        _iso(moment), span((now - moment).total_seconds())
    )


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def plain(value: object) -> str:
    """A word of a closed vocabulary in the reader's language.

    A word that has no translation has spaces: ``too far`` for ``too_far``."""
    return gettext(str(value).replace("_", " "))


def actor(by: object) -> str:
    """An actor of ``rescind.config.actors`` in words; another text as it is."""
    kind, colon, name = str(by).partition(":")
    words = {
        "token": _("%(name)s (access token)"),
        "oidc": "%(name)s",
        "cli": _("%(name)s (command line)"),
        "schedule": _("schedule %(name)s"),
        "celery": _("a program on %(name)s"),
    }
    return words[kind] % {"name": name} if colon and kind in words else str(by)


def mark(state: str) -> str:
    return MARKS.get(state, "•")


def shown(value: Any) -> str:
    """A value of a record; a mapping is shown as ``name=value`` pairs."""
    if isinstance(value, dict):
        return ", ".join(f"{name}={one}" for name, one in value.items())
    return str(value)


def rate(value: str) -> str:
    return _("without limit") if value == "none" else value
