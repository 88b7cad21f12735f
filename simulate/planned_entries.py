"""Entries that wait for others: in some worlds, and always in the same ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from simulate.messages import Message

Entry = Mapping[str, Any]
EACH, OF = 1, 6
"""Worlds whose seed leaves this rest have plans. No seed that once found a fault does:
its world stays as it was."""
WANTED = (
    None,
    None,
    "any",
    "rejected expired withdrawn",
    "cancelled rejected/not_found",
    "failed withdrawn/not_wanted",
)


def is_planned(seed: int) -> bool:
    return seed % OF == EACH


def with_plans(seed: int, messages: Sequence[Message]) -> tuple[Message, ...]:
    """The messages, of which some entries wait for earlier ones of their message."""
    if not is_planned(seed):
        return tuple(messages)
    random = Random(f"plans {seed}")  # noqa: S311  (a world, not a secret)
    return tuple(
        replace(one, entries=tuple(_planned(random, one.entries)))
        for one in _joined(random, messages)
    )


def _joined(random: Random, messages: Sequence[Message]) -> list[Message]:
    """Longer messages: most have one entry, which can wait for none."""
    made: list[Message] = []
    for one in messages:
        if made and random.random() < 0.6:
            made[-1] = replace(made[-1], entries=made[-1].entries + one.entries)
        else:
            made.append(one)
    return made


def _planned(random: Random, entries: Sequence[Entry]) -> Iterator[Entry]:
    for place, entry in enumerate(entries):
        planned = {**entry, "ref": str(place)}
        if place and random.random() < 0.6:
            number = random.randint(1, min(3, place))
            before = sorted(random.sample(range(place), number))
            planned["after"] = [str(one) for one in before]
            planned["only_if"] = random.choice(WANTED)
        yield planned


def complete(entries: Sequence[Entry]) -> Iterator[Entry]:
    """The entries without references to those that shrinking has left out."""
    refs: set[str] = set()
    for entry in entries:
        left = [ref for ref in entry.get("after", ()) if ref in refs]
        if "ref" in entry:
            refs.add(entry["ref"])
        if left or "after" not in entry:
            yield {**entry, "after": left} if left else entry
        else:
            yield {k: v for k, v in entry.items() if k not in ("after", "only_if")}
