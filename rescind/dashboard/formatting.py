"""Formats values for the pages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from rescind.ledger.storage.milliseconds import from_ms

UNITS = ((86_400, "d"), (3600, "h"), (60, "min"))
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
}
"""Each state has a sign beside its colour, for readers who cannot tell colours."""


def span(seconds: float) -> str:
    """A duration in seconds as text, such as ``3 min``."""
    whole = max(0, round(seconds))
    for size, unit in UNITS:
        if whole >= 2 * size:
            return f"{whole // size} {unit}"
    return f"{whole} s"


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
        _iso(moment), f"{moment:%Y-%m-%d %H:%M:%S}"
    )


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
    """The value with spaces: ``already cancelled`` for ``already_cancelled``."""
    return str(value).replace("_", " ")


def mark(state: str) -> str:
    return MARKS.get(state, "•")


def shown(value: Any) -> str:
    """A value of a record; a mapping is shown as ``name=value`` pairs."""
    if isinstance(value, dict):
        return ", ".join(f"{name}={one}" for name, one in value.items())
    return str(value)


def rate(value: str) -> str:
    return "without limit" if value == "none" else value


def many(number: int, what: str, most: int | None = None) -> str:
    """``3 lanes``; beyond ``most``, ``more than 1,000 lanes``."""
    if most is not None and number > most:
        return f"more than {most:,} {what}s"
    return f"{number:,} {what}{'' if number == 1 else 's'}"
