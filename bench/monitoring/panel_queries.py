"""Asks Prometheus what the panels of a Grafana dashboard ask."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import requests

Panel = Mapping[str, Any]
"""One panel, as in the dashboard's JSON."""
ALL = ".*"
PATIENCE_SECONDS = 60
_VARIABLE = re.compile(r"\$(?:provider|account)\b")
_LABEL = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a panel: its name in the legend, its labels and its points."""

    name: str
    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]
    """Times in seconds since 1970 UTC with the values; one for an instant query."""


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A Prometheus, and the time of the picture, in seconds since 1970 UTC."""

    url: str
    began: float
    ended: float
    step: float
    """Seconds between two points."""
    scraped_every: float
    """Seconds between two scrapes."""

    def series(self, panel: Panel) -> list[Series]:
        """The series of all targets. Raises ``requests.RequestException``, and
        ``ValueError`` with Prometheus' words if it refuses a query."""
        found = (one for target in panel["targets"] for one in self._of(target))
        return [one for one in found if one.points]

    def _of(self, target: Mapping[str, Any]) -> Iterator[Series]:
        instant = bool(target.get("instant"))
        for found in self._ask(asked(target["expr"], self._rate_interval()), instant):
            points = [found["value"]] if instant else found["values"]
            yield Series(
                named(target.get("legendFormat", ""), found["metric"]),
                found["metric"],
                tuple(_numbers(points)),
            )

    def _rate_interval(self) -> str:
        # As Grafana computes it.
        return f"{max(4 * self.scraped_every, self.step + self.scraped_every):.0f}s"

    def _ask(self, expression: str, instant: bool) -> list[Any]:
        path, when = "query", {"time": self.ended}
        if not instant:
            path = "query_range"
            when = {"start": self.began, "end": self.ended, "step": self.step}
        answer = requests.get(
            f"{self.url}/api/v1/{path}",
            params={"query": expression} | {n: str(at) for n, at in when.items()},
            timeout=PATIENCE_SECONDS,
        )
        if not answer.ok:
            raise ValueError(f"{expression}: {answer.text}")
        return list(answer.json()["data"]["result"])


def _numbers(points: Iterable[Any]) -> Iterator[tuple[float, float]]:
    """The points, without those that are no number, which Grafana does not draw."""
    pairs = ((float(at), float(value)) for at, value in points)
    return (pair for pair in pairs if not math.isnan(pair[1]))


def asked(expression: str, rate_interval: str) -> str:
    """The expression with all providers, all accounts and this interval."""
    chosen = _VARIABLE.sub(ALL, expression)
    return chosen.replace("$__rate_interval", rate_interval)


def named(legend: str, labels: Mapping[str, str]) -> str:
    """The name of a series in the legend; without a format, its labels."""
    if legend:
        return _LABEL.sub(lambda found: labels.get(found[1], ""), legend)
    own = (f'{name}="{text}"' for name, text in labels.items() if name != "__name__")
    return f"{labels.get('__name__', '')}{{{', '.join(own)}}}"
