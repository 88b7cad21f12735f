"""Chooses which call fails, and how: at random by a rate, or by a script."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random

KINDS = (
    "drop_before",
    "drop_after",
    "error_500_before",
    "error_500_after",
    "error_502_before",
    "error_502_after",
    "error_503_before",
    "error_503_after",
    "garbage",
    "throttle",
    "slow_before",
    "slow_after",
    "row_missing",
    "refuse",
)
ON_REQUEST = ("row_dropped", "row_contradicted", "late")
"""Faults that occur only if named: ``row_dropped``, where notpanel accepts a batch and
ignores one order; ``row_contradicted``, where it has two rows for one order; ``late``,
where a provider acts after its caller has disconnected."""
IN_BATCHES = frozenset({"row_missing", "row_contradicted"})
"""Faults that need a call for more than one order."""
OPS = ("cancel", "read", "login")


@dataclass(slots=True)
class Scripted:
    """The next ``times`` calls of this provider's operation get this fault."""

    provider: str
    op: str
    kind: str
    times: int


def known_kinds(kinds: Iterable[str]) -> tuple[str, ...]:
    """The kinds without duplicates; raises ``ValueError`` for an unknown one."""
    found = tuple(dict.fromkeys(kinds))
    for kind in found:
        if kind not in KINDS + ON_REQUEST:
            raise ValueError(f"no such kind of fault: {kind!r}")
    return found


def known_rate(rate: object) -> float:
    if (
        isinstance(rate, bool)
        or not isinstance(rate, int | float)
        or not 0 <= rate <= 1
    ):
        raise ValueError("rate must be a number from 0 to 1")
    return float(rate)


class Faults:
    """Decides on a fault for each call; the same seed and calls give the same ones."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311
        self.rates: dict[str, float] = {}
        self.kinds: dict[str, tuple[str, ...]] = {}
        self.script: list[Scripted] = []
        self.fired: Counter[tuple[str, str, str]] = Counter()

    def choose(self, provider: str, op: str, rows: int) -> str | None:
        """The fault for a call with so many rows, or ``None``."""
        kind = self._scripted(provider, op, rows) or self._by_rate(provider, rows)
        if kind is not None:
            self.fired[provider, op, kind] += 1
        return kind

    def one_of(self, ids: Sequence[str]) -> str:
        return self._random.choice(ids)

    def _scripted(self, provider: str, op: str, rows: int) -> str | None:
        for entry in self.script:
            if (entry.provider, entry.op) != (provider, op):
                continue
            if entry.kind in IN_BATCHES and rows < 2:
                continue
            entry.times -= 1
            if entry.times <= 0:
                self.script.remove(entry)
            return entry.kind
        return None

    def _by_rate(self, provider: str, rows: int) -> str | None:
        rate = self.rates.get(provider, 0.0)
        if not rate or self._random.random() >= rate:
            return None
        kinds = self.kinds.get(provider, KINDS)
        fitting = [kind for kind in kinds if rows > 1 or kind not in IN_BATCHES]
        return self._random.choice(fitting) if fitting else None
