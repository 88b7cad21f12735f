"""What became of each entry of a submission."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from rescind.config.accounts import Lane
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.refusal_codes import RefusalCode
from rescind.provider.text import storable


class Receipt(StrEnum):
    ACCEPTED = "accepted"
    """New, and in the ledger."""
    DUPLICATE = "duplicate"
    """In the ledger already; nothing was changed, even if some fields differ."""
    REFUSED = "refused"
    """Stored as ``rejected``, with its fault."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The result of one entry."""

    receipt: Receipt
    id: str
    """Empty if the entry is not kept."""
    lane: Lane | None = None
    wrong: str | None = None
    code: RefusalCode | None = None
    """``wrong`` for programs."""
    param: str | None = None
    """A JSON pointer to the fault, within the entry."""
    state: str | None = None
    """The state of a duplicate in the ledger."""
    differs: tuple[str, ...] = ()
    """The fields in which a duplicate differs from the ledger."""
    with_engine: bool = False
    """Whether this process's engine inserted it, and so need not be notified."""
    conflicts: bool = False
    """Whether it was refused because its key stands for something else."""


def lanes_to_notify(taken: Iterable[Taken]) -> set[Lane]:
    """The lanes with new work that the engine does not know of."""
    return {
        one.lane
        for one in taken
        if one.lane and one.receipt is Receipt.ACCEPTED and not one.with_engine
    }


def refused(error: InvalidRequestError | None, its_id: str) -> Taken:
    if error is None:
        return Taken(Receipt.REFUSED, its_id)
    wrong = storable(str(error))
    return Taken(Receipt.REFUSED, its_id, None, wrong, error.code, error.param)
