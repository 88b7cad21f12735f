"""The scenario of a world, drawn from its seed before the world runs.

A scenario is pure data: one that fails is shrunk by leaving parts of it out.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from simulate.messages import Message
from simulate.network import Delays
from simulate.planned_entries import with_plans
from simulate.restored_worlds import is_restored, moments, withdrawn_at

SPAN = 40.0
"""Seconds from the first submission to the last, and from the first trouble to the
last."""
CALLS = 60
"""How many calls, from the first one on, may have a fault or a delay."""
FAULTS = (
    "drop_before",
    "drop_after",
    "error_500_before",
    "error_502_after",
    "garbage",
    "throttle",
    "row_missing",
    "row_dropped",
    "refuse",
)
LATEST = 25.0
"""Most seconds until a provider acts on a request. It is less than any policy waits
before it trusts a reading that shows an order as active."""
POINTS = (
    "delivered",
    "step",
    "connecting",
    "connected",
    "sent",
    "answered",
    "returned",
    "acknowledging",
    "sweeping",
    "swept",
)
"""The points at which a machine may die or stand still."""
INSIDE = ("committing", "committed")
"""The points around a commit at which a machine may die. The transaction may also fail
there, or only its acknowledgement may be lost."""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A producer withdraws an entry ``at`` a time."""

    at: float
    entry: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Trouble:
    """A fault of the machine that passes a ``point`` for the ``nth`` time, counted over
    all machines. Without a point, a fault of the world ``at`` a time."""

    kind: str
    """At a point: die, fail, freeze or suspend. At a time: set-clock, redis-away,
    redis-emptied, ledger-away, or ledger-restored from a copy of that time, ``seconds``
    later."""
    point: str = ""
    nth: int = 0
    at: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Scenario:
    seed: int
    messages: tuple[Message, ...]
    troubles: tuple[Trouble, ...]
    faults: Mapping[int, str]
    """The fault of a call, by its number."""
    delays: Mapping[int, Delays]
    workers: int = 2
    settle: float = 1.5
    """Seconds until a cancel that a provider has queued takes effect."""
    lag: float = 1.0
    """Seconds after a cancel until iThink's readings show it."""
    withdrawals: tuple[Withdrawal, ...] = ()
    skews: Mapping[int, float] = field(default_factory=dict)
    """How far the clock of a machine is ahead, in seconds, by the machine's number."""

    @property
    def size(self) -> int:
        """The number of its parts."""
        entries = sum(len(one.entries) for one in self.messages)
        others = (self.troubles, self.faults, self.delays, self.withdrawals)
        return entries + sum(map(len, others)) + len(self.skews)


def scenario(seed: int) -> Scenario:
    """The scenario of a seed: always the same one."""
    made = _drawn(seed)
    if not is_restored(seed):
        return made
    at, seconds = moments(seed, SPAN)
    restore = Trouble("ledger-restored", at=at, seconds=seconds)
    times = withdrawn_at(seed, len(made.withdrawals), at + seconds)
    moved = zip(made.withdrawals, times, strict=True)
    return replace(
        made,
        troubles=(*made.troubles, restore),
        withdrawals=tuple(replace(one, at=when) for one, when in moved),
    )


def _drawn(seed: int) -> Scenario:
    random = Random(seed)  # noqa: S311  (a world, not a secret)
    messages = with_plans(seed, list(_messages(random)))
    return Scenario(
        seed=seed,
        messages=messages,
        troubles=tuple(_troubles(random)),
        faults={n: random.choice(FAULTS) for n in _some(random, 0.25)},
        delays={n: _delays(random) for n in _some(random, 0.25)},
        workers=random.choice((1, 2, 2, 3)),
        settle=random.choice((0.5, 1.5, 20.0, 600.0)),
        lag=random.choice((0.0, 1.0, 60.0, 400.0)),
        withdrawals=tuple(_withdrawals(random, messages)),
        skews=_skews(random),
    )


def _some(random: Random, share: float) -> list[int]:
    return [n for n in range(1, CALLS + 1) if random.random() < share]


def _skews(random: Random) -> dict[int, float]:
    """Clocks of the first machines that are wrong from the beginning on."""
    wrong = [n for n in range(1, 7) if random.random() < 0.2]
    return {n: random.choice((-3600.0, -40.0, 40.0, 3600.0)) for n in wrong}


def _delays(random: Random) -> Delays:
    kind = random.choice(("connecting", "there", "there", "back"))
    longest = {"connecting": 6.0, "there": LATEST, "back": 70.0}[kind]
    # Most faults show at the end of the allowed range.
    shortest = random.choice((0.0, 0.8 * longest))
    return Delays(**{kind: random.uniform(shortest, longest)})


# --- submissions --------------------------------------------------------------------


def _messages(random: Random) -> list[Message]:
    entries: list[Mapping[str, Any]] = []
    for number in range(random.randint(2, 14)):
        entry = _entry(random, number)
        entries.append(entry)
        if random.random() < 0.15:
            # Another producer submits the same order under its own key.
            entries.append({**entry, "key": f"second-{number}"})
    if random.random() < 0.5:
        random.shuffle(entries)
    made = []
    while entries:
        size = random.choice((1, 1, 2, 3, 8))
        some, entries = entries[:size], entries[size:]
        at = random.choice((0.0, 0.0, random.uniform(0, SPAN)))
        again = random.choice((None, None, at, random.uniform(at, 2 * SPAN)))
        made.append(Message(at, tuple(some), again))
    return made


def _entry(random: Random, number: int) -> dict[str, Any]:
    """An entry. Its times, if it has any, are seconds from the beginning."""
    provider, order, params = _wish(random, number)
    entry: dict[str, Any] = {"provider": provider, "order": order, "params": params}
    drawn = random.random()
    if drawn < 0.2:
        entry["cancel_before"] = random.choice((1, 5, 20, 30, 90))
    elif drawn < 0.28:
        entry["not_before"] = random.choice((3, 20, 3600))
    return entry


def _wish(random: Random, number: int) -> tuple[str, str, dict[str, Any]]:
    match random.choices(range(5), (28, 26, 14, 20, 12))[0]:
        case 0:
            return "notpanel", f"ord_{random.randrange(10**9):09}", {}
        case 1:
            return "ithink", str(86_300_000_000 + random.randrange(10**9)), {}
        case 2:
            return "iletimerkezi", str(400_000_000 + random.randrange(10**8)), {}
        case 3:
            key = uuid.UUID(int=random.getrandbits(128), version=4)
            return "dukkango", str(key), {"reason_id": 1 + number % 8}
        case _:
            order = str(2_000_000 + random.randrange(10**6))
            return "akinon", order, {"is_all": True, "reasons": {"101": 2}}


def _withdrawals(random: Random, messages: Iterable[Message]) -> Iterator[Withdrawal]:
    """Withdrawals of some entries, most of them about when a worker takes them."""
    for message in messages:
        for entry in message.entries:
            if random.random() < 0.25:
                later = random.choice(
                    (0.0, random.uniform(0, 3), random.uniform(0, SPAN))
                )
                yield Withdrawal(message.at + later, entry)


# --- troubles -----------------------------------------------------------------------


def _troubles(random: Random) -> list[Trouble]:
    made = [_at_point(random) for _ in range(random.randint(0, 4))]
    made += [_at_moment(random) for _ in range(random.randint(0, 2))]
    if {"suspend", "ledger-away"} <= {one.kind for one in made}:
        # If a machine is suspended and its time of day set back, both of its clocks say
        # that no time has passed. Only the ledger can tell how much has.
        made = [one for one in made if one.kind != "set-clock" or one.seconds > 0]
    return made


def _at_point(random: Random) -> Trouble:
    nth = random.choice((1, 1, 2, 3, random.randint(1, 25)))
    kind = random.choice(("die", "die", "fail", "freeze", "suspend"))
    if kind == "die":
        return Trouble("die", random.choice(POINTS + INSIDE), nth)
    if kind == "fail":
        return Trouble("fail", random.choice(INSIDE), nth)
    seconds = random.choice((2.0, 30.0, 90.0, 1800.0))
    return Trouble(kind, random.choice(POINTS), nth, seconds=seconds)


def _at_moment(random: Random) -> Trouble:
    kind = random.choice(("set-clock", "redis-away", "redis-emptied", "ledger-away"))
    seconds = random.choice((1.0, 10.0, 40.0))
    if kind == "set-clock":
        seconds = random.choice((-3600.0, -5.0, 3600.0))
    return Trouble(kind, at=random.uniform(0, SPAN), seconds=seconds)
