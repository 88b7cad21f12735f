"""The oracle: checks, order by order, whether the ledger states what happened.

It compares the ledger with the simulated providers' own record of each order and of
every call that reached them. It takes no fact from the ledger on trust.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rescind.demo.facts import LedgerRow, Offence, Order, Seen, Wish
from rescind.demo.unfinished import abandoned, missing, unfinished
from rescind.ledger.states import State
from rescind.provider.outcomes import Reason
from rescind.sandbox.installed_simulations import simulations
from rescind.sandbox.simulation import Simulation

DONE = frozenset({"cancelled", "cancelling", "partial"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """All offences, by kind, and all open orders. Good if there are none."""

    compared: int
    untrue: tuple[Offence, ...] = ()
    lost: tuple[Offence, ...] = ()
    twice: tuple[Offence, ...] = ()
    unfinished: tuple[Offence, ...] = ()
    """Open at the end, and waiting for a later step."""

    @property
    def good(self) -> bool:
        return not (self.untrue or self.lost or self.twice or self.unfinished)

    @property
    def line(self) -> str:
        return (
            f"orders untrue {len(self.untrue)}, lost {len(self.lost)},"
            f" sent twice {len(self.twice)}, not finished {len(self.unfinished)}"
        )

    def offences(self) -> Iterator[tuple[str, Offence]]:
        kinds = {
            "untrue": self.untrue,
            "lost": self.lost,
            "twice": self.twice,
            "not finished": self.unfinished,
        }
        for kind, found in kinds.items():
            for one in found:
                yield kind, one


def compare(
    accepted: Collection[Wish],
    rows: Sequence[LedgerRow],
    orders: Sequence[Order],
    at: datetime | None,
) -> Verdict:
    """The verdict on ``rows``, given the accepted cancellations and the orders.

    ``at`` is the time at which the rows were read. If it is ``None``, every row that is
    open counts as not finished: the run may have ended too early for it.
    """
    sent = [row for row in rows if not _was_never_accepted(row)]
    truths = {(one.provider, one.order): one for one in orders}
    wishes = Counter((row["provider"], row["order"]) for row in sent if _is_part(row))
    return Verdict(
        compared=len(sent),
        untrue=tuple(_untrue(sent, truths)),
        lost=(*missing(accepted, sent), *abandoned(sent, at)),
        twice=tuple(_twice(orders, wishes)),
        unfinished=tuple(unfinished(sent, at)),
    )


def _is_part(row: LedgerRow) -> bool:
    """Whether the row cancels only some items of an order."""
    return bool(row["params"].get("cancel_items"))


def _simulated(provider: str) -> type[Simulation]:
    """What the provider is known to do: its simulation says so, and no policy of
    ours."""
    return simulations().get(provider, Simulation)


def _was_never_accepted(row: LedgerRow) -> bool:
    refused = row["state"] == State.REJECTED and row["reason"] == Reason.INVALID_REQUEST
    return bool(refused and row["attempts"] == 0)


# --- untrue -------------------------------------------------------------------------


def _untrue(
    rows: Sequence[LedgerRow], truths: Mapping[tuple[str, str], Order]
) -> Iterator[Offence]:
    number, did = Counter(map(_of, rows)), {_of(row) for row in rows if _did_it(row)}
    called = {_of(row) for row in rows if row["attempts"] or _is_confirmed(row)}
    for row in rows:
        # If another row's call cancelled the same order, "too late" is not untrue.
        late = row["state"] == State.EXPIRED and (
            _of(row) in did or (number[_of(row)] > 1 and not row["attempts"])
        )
        # Nor is "withdrawn", if another row of the same order was sent.
        unsent = row["state"] == State.WITHDRAWN and not row["attempts"]
        if late or (unsent and _of(row) in called):
            continue
        order = truths.get((row["provider"], row["order"]))
        why = _lie(row, order)
        if why is not None:
            said = f"the ledger says {row['state']}/{row['reason']}: {why}"
            yield Offence(row["provider"], row["order"], said)


def _did_it(row: LedgerRow) -> bool:
    """Whether this row states that a call of its own cancelled the order."""
    return _is_confirmed(row) and row["attempts"] > 0


def _is_confirmed(row: LedgerRow) -> bool:
    """Without attempts, its call was made in the time that a restored ledger lacks."""
    return (row["state"], row["reason"]) == (State.CANCELLED, Reason.CONFIRMED)


def _of(row: LedgerRow) -> tuple[str, str, str]:
    return (row["provider"], row["account"], row["order"])


def _lie(row: LedgerRow, order: Order | None) -> str | None:
    """Why the row's outcome is not true; ``None`` if it is."""
    match row["state"]:
        case State.CANCELLED:
            return _not_cancelled(row, order)
        case State.REJECTED if order is not None:
            done = _standing(row, order)
            return f"it is {done}" if done in DONE and not _hidden(row, order) else None
        case State.EXPIRED if order is not None:
            done = _standing(row, order)
            ours = order.changed_by_us and done in DONE
            return f"our call made it {done}" if ours else None
        case State.WITHDRAWN if row["attempts"]:
            return "it counts a cancel that may have reached the provider"
        case State.WITHDRAWN if order is not None:
            acted = any(call.op == "cancel" and call.acted for call in order.calls)
            return "a cancel of it was sent" if acted else None
        case _:
            return None


def _hidden(row: LedgerRow, order: Order) -> bool:
    """Whether the provider cancelled the order before our call and has deleted it.

    It then answers "no such order" to the cancel and to the reading. No caller can
    distinguish such an order from one that never existed.
    """
    status = _simulated(order.provider).forgotten_status
    forgotten = status is not None and any(
        c.op == "read" and c.answered and c.status == status for c in order.calls
    )
    unknown = row["reason"] == Reason.NOT_FOUND
    return unknown and forgotten and not order.changed_by_us


def _not_cancelled(row: LedgerRow, order: Order | None) -> str | None:
    if order is None:
        return "the provider was never asked about it"
    standing = _standing(row, order)
    if standing == "partial":
        said = row["reason"] == Reason.PARTIAL
        return None if said else "only a part of it is cancelled"
    if standing == "missing" and _simulated(order.provider).forgotten_status:
        # There is no such order, so nothing will be sent. "inferred" means that.
        return None if row["reason"] == Reason.INFERRED else "there is no such order"
    return None if standing == "cancelled" else f"it is {standing}"


def _standing(row: LedgerRow, order: Order) -> str:
    """The true state of the order, or of the items that this row cancels."""
    if not order.items:
        return order.truth
    wanted = row["params"].get("cancel_items")
    if not wanted:
        return "active" if order.truth == "partial" else order.truth
    states = {order.items.get(str(item), "") for item in wanted}
    if states == {"cancelled"} or "cancelling" in states:
        return "cancelling" if "cancelling" in states else "cancelled"
    return "active" if order.truth in DONE else order.truth


# --- sent twice ---------------------------------------------------------------------


def _twice(
    orders: Sequence[Order], wishes: Mapping[tuple[str, str], int]
) -> Iterator[Offence]:
    for one in orders:
        if _simulated(one.provider).repeats_are_harmless:
            continue
        # Each further partial cancellation of the same order has a call of its own.
        free = max(0, wishes.get((one.provider, one.order), 0) - 1)
        repeats = list(_repeats(one))[free:]
        if repeats:
            yield Offence(one.provider, one.order, _sent_twice(repeats))


def _sent_twice(repeats: Sequence[tuple[int, int]]) -> str:
    """One sentence for all the pairs of an order."""
    first, seconds = repeats[0][0], ", ".join(str(second) for _, second in repeats)
    calls = "call" if len(repeats) == 1 else "calls"
    return (
        f"{calls} {seconds} cancelled again, although the provider had processed"
        f" the cancel of call {first} and no reading since had permitted it"
        " (the simulation's flags for this: may_ask_again, repeats_are_harmless)"
    )


def _repeats(order: Order) -> Iterator[tuple[int, int]]:
    """Pairs of cancels, by number, of which the second was not allowed."""
    acted: tuple[int, Seen] | None = None
    for number, call in enumerate(order.calls, 1):
        if call.op == "cancel":
            if acted is not None:
                yield acted[0], number
            acted = (number, call) if call.acted else acted
        elif acted is not None and _clears(order, acted[1], call):
            acted = None


def _clears(order: Order, cancel: Seen, call: Seen) -> bool:
    """Whether this reading may have shown that the cancel can be sent again."""
    if call.op != "read" or not call.answered:
        return False
    simulated = _simulated(order.provider)
    if not cancel.changed or simulated.may_ask_again:
        return True
    # Only where readings lag can an order read as active after a successful cancel.
    return simulated.readings_lag and call.active is True
