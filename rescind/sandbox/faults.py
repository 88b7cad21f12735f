"""Chooses which call fails, and how: at random by a rate, or by a script."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
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
ON_REQUEST = (
    "row_dropped",
    "row_contradicted",
    "late",
    "no_answer_before",
    "no_answer_after",
)
"""Faults that occur only if named."""
EXPLAINED: Mapping[str, str] = {
    "drop_before": "the connection is closed, and the provider has done nothing",
    "drop_after": "the provider acts, and the connection is closed: its answer is lost",
    "error_500_before": "HTTP 500, and the provider has done nothing",
    "error_500_after": "the provider acts, and HTTP 500 is answered",
    "error_502_before": "HTTP 502, and the provider has done nothing",
    "error_502_after": "the provider acts, and HTTP 502 is answered",
    "error_503_before": "HTTP 503, and the provider has done nothing",
    "error_503_after": "the provider acts, and HTTP 503 is answered",
    "garbage": "the provider acts, and HTTP 200 with a web page is answered",
    "throttle": "the provider's answer to too many calls; it has done nothing",
    "slow_before": "after some seconds it acts and answers, if its caller still waits",
    "slow_after": "it acts at once, and answers after some seconds",
    "row_missing": "of several orders, one has no row in the answer; all are acted on",
    "refuse": "the connection is closed, and new ones are refused for some seconds",
    "row_dropped": "notpanel accepts the cancel of one order, and then ignores it",
    "row_contradicted": "notpanel has a second row for one order, which says the"
    " contrary of the first",
    "late": "after some seconds it acts, even if its caller has gone",
    "no_answer_before": "it never answers and does nothing; the connection stays open",
    "no_answer_after": "it acts and never answers; the connection stays open",
}
"""Each kind of fault, for people."""
TIMED = frozenset({"slow_before", "slow_after", "late", "refuse"})
"""Faults that last some seconds."""
OF_ROWS = frozenset({"row_missing", "row_dropped", "row_contradicted"})
"""Faults that are about one order of a call."""
IN_BATCHES = frozenset({"row_missing", "row_contradicted"})
"""Faults that need a call for more than one order."""
OPS = ("cancel", "read", "login", "probe", "create", "list", "refill", "other")
"""What calls do: ``read`` reads orders back, ``probe`` proves credentials, ``create``
makes an order."""


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
        return self.note(provider, op, kind)

    def note(self, provider: str, op: str, kind: str | None) -> str | None:
        """Count the fault of a call; gives it back."""
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
