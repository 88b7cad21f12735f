"""Compares the ledger and our calls with the providers' own record of the orders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rescind.demo.facts import LedgerRow, Offence, Order, Wish
from rescind.demo.order_oracle import DONE, compare
from rescind.demo.sandbox_record import seen
from rescind.ledger.states import State
from rescind.provider.outcomes import Reason

LATE_GRACE = 0.05
"""Seconds that a provider may need to receive a call that was sent in time."""
TRUE_OF: Mapping[str, frozenset[str]] = {
    Reason.NOT_FOUND: frozenset({"missing"}),
    Reason.ALREADY_COMPLETED: frozenset({"completed"}),
    Reason.WINDOW_CLOSED: frozenset({"completed"}),
    Reason.NOT_SUPPORTED: frozenset({"unsupported"}),
}
"""By reason of a refusal: the states of an order at its provider that make it true."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Every offence by kind, and the cancellations that were still open."""

    compared: int
    kinds: Mapping[str, Sequence[Offence]]
    unfinished: Sequence[Offence] = ()
    """Cancellations that were open at the end, and had a next step planned."""

    @property
    def caught(self) -> frozenset[str]:
        return frozenset(kind for kind, found in self.kinds.items() if found)


def judge(
    accepted: Collection[Wish],
    rows: Sequence[LedgerRow],
    records: Sequence[Mapping[str, Any]],
    reopened: Mapping[str, str],
    at: datetime,
) -> Judgement:
    """Compare the accepted cancellations and the ledger with the providers' record.

    ``records`` are the sandbox's. ``reopened`` holds, by id, the cancellations that the
    watcher has seen leave a final state. ``at`` is when ``rows`` were read.
    """
    orders = [seen(record) for record in records]
    verdict = compare(accepted, rows, orders, at)
    truths = {(one.provider, one.order): one for one in orders}
    return Judgement(
        compared=verdict.compared,
        kinds={
            "lost": verdict.lost,
            "untrue": (*verdict.untrue, *_wrong_reasons(rows, truths)),
            "twice": verdict.twice,
            "late": tuple(_late(rows, records)),
            "reopened": tuple(_reopened(rows, reopened)),
        },
        unfinished=verdict.unfinished,
    )


def _wrong_reasons(
    rows: Sequence[LedgerRow], truths: Mapping[tuple[str, str], Order]
) -> Iterator[Offence]:
    """Rows that were rightly rejected, but with a reason that is not true."""
    for row in rows:
        order = truths.get((row["provider"], row["order"]))
        fitting = TRUE_OF.get(str(row["reason"]))
        if row["state"] != State.REJECTED or fitting is None or order is None:
            continue
        if order.truth not in fitting | DONE:
            why = f"the ledger says {row['reason']}, and the order is {order.truth}"
            yield Offence(row["provider"], row["order"], why)


def _late(
    rows: Sequence[LedgerRow], records: Sequence[Mapping[str, Any]]
) -> Iterator[Offence]:
    """Rows for which a cancel was sent after their ``cancel_before``, or after they
    were withdrawn.

    An order with several cancellations is left out: a cancel that its provider received
    may belong to any of them.
    """
    wishes = Counter((row["provider"], row["order"]) for row in rows)
    events = {(one["provider"], one["id"]): one["events"] for one in records}
    for row in rows:
        alone = wishes[row["provider"], row["order"]] == 1
        for what, moment in _limits(row) if alone else ():
            limit = moment.timestamp() + LATE_GRACE
            for event in events.get((row["provider"], row["order"]), ()):
                if event["op"] == "cancel" and event["t"] > limit:
                    why = f"a cancel arrived {event['t'] - limit:.2f} s after {what}"
                    yield Offence(row["provider"], row["order"], why)


def _limits(row: LedgerRow) -> Iterator[tuple[str, datetime]]:
    """The moments after which no cancel may be sent for this row."""
    if row["cancel_before"] is not None:
        yield "its cancel_before", datetime.fromisoformat(row["cancel_before"])
    if row["state"] == State.WITHDRAWN:
        yield "it was withdrawn", datetime.fromisoformat(row["finished_at"])


def _reopened(
    rows: Sequence[LedgerRow], reopened: Mapping[str, str]
) -> Iterator[Offence]:
    for row in rows:
        if row["id"] in reopened:
            yield Offence(row["provider"], row["order"], reopened[row["id"]])
