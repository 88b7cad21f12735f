"""Results as values: rows, comparisons and targets."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self, TypeVar

from bench.processes import ROOT
from bench.stats import median, round_to

US = "Rescind"
CELERY = "plain Celery"
BARE = "bare loop"
DBOS, PROCRASTINATE = "DBOS", "procrastinate"
LIGHT_MB = 110.0
"""Most memory that a worker may use, in every case."""


@dataclass(frozen=True, slots=True)
class Row:
    """One contender in one case, measured once a round."""

    case: str
    who: str
    unit: str
    samples: Sequence[float]

    @property
    def median(self) -> float:
        return median(self.samples)

    @property
    def spread(self) -> tuple[float, float]:
        return min(self.samples), max(self.samples)


@dataclass(frozen=True, slots=True)
class Target:
    """The target of one row: a limit of its value, or of its ratio to another row.

    If ``to`` names another contender, ``limit`` is the limit of the ratio.
    """

    case: str
    who: str
    limit: float
    to: str | None = None
    to_case: str | None = None
    at_most: bool = False
    """Whether less is better, as for times and memory."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target and the measured value."""

    target: Target
    value: float

    @property
    def met(self) -> bool:
        below = self.value <= self.target.limit
        return below if self.target.at_most else self.value >= self.target.limit

    @property
    def share(self) -> float:
        """The share of the target that was reached: 1 is the target, more is better."""
        value, limit = self.value, self.target.limit
        if self.target.at_most:
            return limit / value if value else float("inf")
        return value / limit


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to one question."""

    name: str
    title: str
    how: str
    """How it was measured, in words for its page."""
    rows: Sequence[Row]
    targets: Sequence[Target] = ()
    scale: str = "linear"
    """The scale of its bars: ``linear`` or ``log``."""
    machine: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """The result that ``document()`` has written."""
        rows = [_made(Row, one) for one in document["rows"]]
        targets = [_made(Target, one) for one in document["targets"]]
        return cls(**{**document, "rows": rows, "targets": targets})

    def find(self, case: str, who: str) -> Row | None:
        found = (row for row in self.rows if (row.case, row.who) == (case, who))
        return next(found, None)

    def ratio(self, row: Row, to: str) -> float | None:
        """The ratio to ``to`` in the same case. ``None`` if there is no such row."""
        other = self.find(row.case, to)
        if other is None or other.unit != row.unit or not other.median:
            return None
        return row.median / other.median

    def verdicts(self) -> list[Verdict]:
        """One for each target whose rows were measured."""
        found = ((target, self._value(target)) for target in self.targets)
        return [Verdict(target, value) for target, value in found if value is not None]

    def _value(self, target: Target) -> float | None:
        row = self.find(target.case, target.who)
        if row is None or target.to is None:
            return None if row is None else row.median
        other = self.find(target.to_case or target.case, target.to)
        return row.median / other.median if other and other.median else None

    def document(self) -> dict[str, Any]:
        """The result as a JSON document."""
        rows = [{**asdict(row), "median": round_to(row.median, 5)} for row in self.rows]
        verdicts = [
            {**asdict(one.target), "value": round_to(one.value, 4), "met": one.met}
            for one in self.verdicts()
        ]
        return {**asdict(self), "rows": rows, "targets": verdicts}


Made = TypeVar("Made", Row, Target)


def _made(kind: type[Made], given: Mapping[str, Any]) -> Made:
    return kind(**{one.name: given[one.name] for one in fields(kind)})


def machine(load: float) -> dict[str, Any]:
    """The machine and the code. ``load``: the load average of the minute before."""
    import os

    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "load_before": round_to(load),
        "commit": _commit(),
    }


def _commit() -> str:
    """The commit, with a note of changed files. Empty outside a checkout."""
    command = ("git", "describe", "--always", "--dirty=, with changes")
    try:
        described = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return described.stdout.strip()


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = [line for line in lines if line.startswith("model name")]
        return names[0].partition(":")[2].strip()
    except (OSError, IndexError):
        return platform.processor() or platform.machine()
