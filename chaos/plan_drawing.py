"""Draws which entries of a message are in plans: which wait for which, and how those
have to end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

Entry = Mapping[str, Any]
SHARE = 0.2
"""How often a plan begins at an entry that is in no other plan. It makes a third of
all entries part of plans: at the end of a message there is no place for one."""
WANTED = (
    None,
    None,
    "any",
    "cancelled rejected/already_completed",
    "rejected expired withdrawn",
    "failed withdrawn/not_wanted",
)
"""Values of ``only_if``; ``None`` leaves it out."""


def with_plans(random: Random, entries: Sequence[Entry]) -> Iterator[Entry]:
    """The entries of a message; some are in plans of two or three steps."""
    left = list(entries)
    while left:
        size = random.choice((2, 3)) if random.random() < SHARE else 1
        some, left = left[:size], left[size:]
        yield from _plan(random, some) if len(some) > 1 else some


def _plan(random: Random, entries: Sequence[Entry]) -> Iterator[Entry]:
    refs: list[str] = []
    for entry in entries:
        # The order names it: a ref is known in its own message only.
        step = {**entry, "ref": f"step {entry['order']}"}
        if refs:
            # Its own time would be that of another round: see ``watcher``.
            step.pop("not_before", None)
            number = random.randint(1, len(refs))
            step["after"] = random.sample(refs, number)
            only_if = random.choice(WANTED)
            step |= {} if only_if is None else {"only_if": only_if}
        refs.append(step["ref"])
        yield step


def is_in_plan(entry: Entry) -> bool:
    return "ref" in entry
