"""``--wait``: waits until all submitted cancellations are final, or a timeout."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Engine, select

from rescind.cli import output
from rescind.errors import messages
from rescind.errors.exit_statuses import DONE, NOT_ALL_CANCELLED, TIMED_OUT, WRONG
from rescind.ledger.states import FINAL, State
from rescind.ledger.storage.tables import CANCELLATION
from rescind.ledger.storage.transactions import LedgerUnreachableError, reading

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 1.0
AT_ONCE = 500


class Shown(Protocol):
    """Shows progress; takes the number of cancellations in each state."""

    def __call__(self, counts: dict[str, int]) -> None: ...


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look has found."""

    counts: dict[str, int]
    """The number of cancellations in each state."""
    over: bool
    """Whether there is nothing more to wait for."""


def wait(engine: Engine, ids: Sequence[str], seconds: float) -> int:
    """Wait until ``ids`` are final or ``seconds`` have passed; returns exit status."""
    states: dict[str, str] = dict.fromkeys(ids, State.QUEUED)
    seen = watch(lambda: _look(engine, states), len(states), seconds)
    if not seen.over:
        _say_unfinished(seen.counts, seconds)
        return TIMED_OUT
    others = any(state != State.CANCELLED for state in seen.counts)
    return NOT_ALL_CANCELLED if others else DONE


def watch(look: Callable[[], Seen], total: int, seconds: float) -> Seen:
    """Look again and again until it is over, or ``seconds`` have passed; returns what
    the last look found. ``total`` is the number of cancellations.

    An unreachable ledger raises only at the last look.
    """
    deadline, pause = time.monotonic() + seconds, FIRST_PAUSE
    seen = Seen({State.QUEUED: total}, over=False)
    with _shown(total) as show:
        while True:
            last = time.monotonic() >= deadline
            try:
                seen = look()
            except LedgerUnreachableError:
                if last:
                    raise
            show(seen.counts)
            if last or seen.over:
                return seen
            time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
            pause = min(pause * 1.5, LONGEST_PAUSE)


def worst(submitted: int, waited: int) -> int:
    """One exit status from two; wrong input counts even if all others ended well."""
    return WRONG if WRONG in (submitted, waited) else max(submitted, waited)


def _look(engine: Engine, states: dict[str, str]) -> Seen:
    """Read again the states that were not final."""
    pending = [one for one, state in states.items() if state not in FINAL]
    for start in range(0, len(pending), AT_ONCE):
        states.update(_states(engine, pending[start : start + AT_ONCE]))
    counts = counted(states.values())
    return Seen(counts, over=not unfinished(counts))


def _states(engine: Engine, ids: Sequence[str]) -> dict[str, str]:
    columns = CANCELLATION.c
    chosen = select(columns.id, columns.state).where(columns.id.in_(ids))
    with reading(engine) as connection:
        return {row.id: row.state for row in connection.execute(chosen)}


def counted(states: Iterable[str]) -> dict[str, int]:
    """The number of each state, in the order of a cancellation's life."""
    counts = Counter(states)
    return {state: counts[state] for state in State if state in counts}


def unfinished(counts: dict[str, int]) -> dict[str, int]:
    """Those of the counts that are of states that are not final."""
    return {state: n for state, n in counts.items() if state not in FINAL}


def _say_unfinished(counts: dict[str, int], seconds: float) -> None:
    rest = unfinished(counts)
    messages.say(
        f"after {seconds:g} s {sum(rest.values())} are not final yet ({listed(rest)}):"
        " they go on; `rescind lanes` says why they wait, and whether workers run",
        "not-final-yet",
    )


def listed(counts: dict[str, int], between: str = ", ") -> str:
    return between.join(f"{n} {state}" for state, n in counts.items())


@contextmanager
def _shown(total: int) -> Iterator[Shown]:
    if not output.on_terminal():
        yield lambda counts: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
    )

    bar = Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task("", total=total)

        def show(counts: dict[str, int]) -> None:
            words = listed(counts, " · ")
            done = total - sum(unfinished(counts).values())
            bar.update(task, completed=done, description=words)

        yield show


class Advance(Protocol):
    """Takes the number of lines that have been submitted."""

    def __call__(self, line: int) -> None: ...


@contextmanager
def lines_bar(total: int) -> Iterator[Advance]:
    """A progress bar over the lines of a file."""
    if not output.on_terminal():
        yield lambda line: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("submitting", total=total)
        yield lambda line: bar.update(task, completed=line)
