"""In some worlds the ledger is restored from an older copy: always in the same ones."""

from __future__ import annotations

from random import Random

EACH, OF = 4, 7
"""Worlds whose seed leaves this rest. No seed that once found a fault does: its world
stays as it was. In these worlds all withdrawals come after the restore: producers would
have to repeat those that they made since the copy."""
SOON = 60.0
"""Seconds after the restore, within which they come: most orders are read in them."""


def is_restored(seed: int) -> bool:
    return seed % OF == EACH


def moments(seed: int, span: float) -> tuple[float, float]:
    """When the copy is made, and how many seconds later it is put back."""
    random = Random(f"restore {seed}")  # noqa: S311  (a world, not a secret)
    return random.uniform(0, span), random.choice((1.0, 5.0, 20.0, 60.0, 3600.0))


def withdrawn_at(seed: int, number: int, restored_at: float) -> list[float]:
    """When each of so many withdrawals comes."""
    random = Random(f"withdrawn {seed}")  # noqa: S311  (a world, not a secret)
    return [restored_at + random.uniform(0, SOON) for _ in range(number)]
