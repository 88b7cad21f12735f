"""Shows the demo's progress by lane: bars on a terminal, otherwise lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
)
from sqlalchemy import Engine

from rescind.browse.counts import outcomes
from rescind.ledger.states import FINAL
from rescind.ledger.storage.transactions import reading

LINE_SECONDS = 3.0
"""The time between two lines, without a terminal."""


@dataclass
class Standing:
    """The number of one provider's cancellations, final and by open state."""

    final: int = 0
    waiting: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return self.final + sum(self.waiting.values())


Standings = Mapping[str, Standing]


class Show(Protocol):
    """Shows the progress; called repeatedly."""

    def __call__(self, now: Standings) -> None: ...


def standings(engine: Engine, providers: tuple[str, ...]) -> dict[str, Standing]:
    """The counts of each provider's cancellations."""
    found = {name: Standing() for name in providers}
    with reading(engine) as connection:
        counted = outcomes(connection)
    for provider, state, _, count in counted:
        # A row that names no known provider was refused, and is final.
        one = found.get(provider)
        if one is None:
            continue
        if state in FINAL:
            one.final += count
        else:
            one.waiting[state] = one.waiting.get(state, 0) + count
    return found


def unfinished(now: Standings) -> int:
    return sum(sum(one.waiting.values()) for one in now.values())


@contextmanager
def progress() -> Iterator[Show]:
    """Show the progress while the block lasts."""
    if not sys.stdout.isatty():
        yield _Lines()
        return
    columns = (
        TextColumn("{task.fields[lane]:<21}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("[dim]{task.description}"),
    )
    with Progress(*columns, console=Console()) as bars:
        yield _Bars(bars)


class _Bars:
    """One bar for each lane."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, now: Standings) -> None:
        for provider, one in now.items():
            if provider not in self._tasks:
                lane = f"{provider}/default"
                self._tasks[provider] = self._bars.add_task("", lane=lane)
            words = " · ".join(f"{n} {state}" for state, n in one.waiting.items())
            self._bars.update(
                self._tasks[provider],
                total=one.total,
                completed=one.final,
                description=words,
            )


class _Lines:
    """One line every few seconds."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._next = 0.0

    def __call__(self, now: Standings) -> None:
        since = time.monotonic() - self._began
        if since < self._next and unfinished(now):
            return
        self._next = since + LINE_SECONDS
        lanes = ", ".join(f"{p} {one.final}/{one.total}" for p, one in now.items())
        print(f"{since:4.0f} s  {lanes}", flush=True)
