"""Writes values as Grafana does: with the panel's unit, mappings and thresholds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.monitoring.panel_queries import Panel

COLOURS = {
    "green": "#56a64b",
    "orange": "#ff780a",
    "red": "#e02f44",
    "blue": "#3274d9",
    "text": "#24292e",
}
PALETTE = (
    *("#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42", "#1f78c1", "#ba43a9"),
    *("#705da0", "#508642", "#cca300", "#447ebc", "#c15c17", "#890f02", "#0a437c"),
)
"""Grafana's classic palette, in its order."""
_LARGE = ((1e9, " Bil"), (1e6, " Mil"), (1e3, " K"))
_TIMES = ((86_400, " days"), (3_600, " hours"), (60, " mins"))


def written(panel: Panel, value: float) -> str:
    """The value as text: by its mapping, or else with its unit."""
    shown = _mapping(panel, value).get("text")
    if shown is not None:
        return str(shown)
    defaults = panel["fieldConfig"]["defaults"]
    return with_unit(value, defaults.get("unit", "short"), defaults.get("decimals"))


def with_unit(value: float, unit: str, decimals: int | None = None) -> str:
    """A value in ``short``, ``s`` (seconds) or ``percentunit`` (a share of 1)."""
    if unit == "percentunit":
        return f"{_number(value * 100, decimals)}%"
    if unit == "s" and 0 < abs(value) < 1:
        return f"{_number(value * 1000, decimals)} ms"
    steps, last = (_TIMES, " s") if unit == "s" else (_LARGE, "")
    for size, name in steps:
        if abs(value) >= size:
            return f"{_number(value / size, decimals)}{name}"
    return f"{_number(value, decimals)}{last}"


def _number(value: float, decimals: int | None) -> str:
    if decimals is not None:
        return f"{value:.{decimals}f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def colour(panel: Panel, value: float) -> str:
    """The colour of a value: of its mapping, or of the highest threshold below it."""
    found = _mapping(panel, value).get("color")
    if found is None:
        for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]:
            if step["value"] is None or value >= step["value"]:
                found = step["color"]
    return COLOURS[str(found)]


def _mapping(panel: Panel, value: float) -> Mapping[str, Any]:
    for one in panel["fieldConfig"]["defaults"].get("mappings", ()):
        its: Mapping[str, Any] = one["options"].get(f"{value:g}", {})
        if its:
            return its
    return {}
