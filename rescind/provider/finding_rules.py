"""The reasons that a finding may have, by its call.

Any other reason would end a cancellation with a state and a reason that contradict each
other: such as ``rejected``, because the order is already cancelled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Literal

from rescind.provider.outcomes import (
    BatchRefused,
    Finding,
    Findings,
    Outcome,
    Parsed,
    Reason,
    unclear,
)

CallKind = Literal["cancel", "read"]
Pair = tuple[Outcome, Reason | None]
_CANCELLED = (Reason.CONFIRMED, Reason.ALREADY_CANCELLED, Reason.PARTIAL)
_REFUSED = (
    None,
    Reason.WINDOW_CLOSED,
    Reason.ALREADY_COMPLETED,
    Reason.NOT_SUPPORTED,
    Reason.REFUSED,
)
# A reading says CANCELLED or GONE instead, and it has no content that can be wrong.
_REFUSED_CANCEL = (
    Reason.ALREADY_CANCELLED,
    Reason.NOT_FOUND,
    Reason.INVALID_REQUEST,
)
_OTHERS = (Outcome.REQUESTED, Outcome.ACTIVE, Outcome.GONE, Outcome.UNKNOWN)
_BOTH = frozenset[Pair](
    (
        *product([Outcome.CANCELLED], _CANCELLED),
        *product([Outcome.REFUSED], _REFUSED),
        *product(_OTHERS, [None]),
    )
)
FITTING: Mapping[CallKind, frozenset[Pair]] = {
    "cancel": _BOTH | set(product([Outcome.REFUSED], _REFUSED_CANCEL)),
    "read": _BOTH,
}
"""Each outcome with its reasons, by the call: ``cancel`` or ``read``."""


def fits(call: CallKind, finding: Finding) -> bool:
    """Whether the reason of ``finding`` fits its outcome and its call, and its deadline
    has a time zone."""
    until = finding.cancellable_until
    if until is not None and until.utcoffset() is None:
        return False
    return (finding.outcome, finding.reason) in FITTING[call]


def misfits(call: CallKind, parsed: Parsed) -> tuple[Finding, ...]:
    """The findings of ``parsed`` that do not fit."""
    match parsed:
        case Findings(found):
            return tuple(one for one in found.values() if not fits(call, one))
        case BatchRefused(finding) if not fits(call, finding):
            return (finding,)
        case _:
            return ()


def only_fitting(call: CallKind, parsed: Parsed) -> Parsed:
    """``parsed``, in which each finding that does not fit says nothing of its order:
    the order is read back."""
    match parsed:
        case Findings(found):
            return Findings({order: _fitting(call, f) for order, f in found.items()})
        case BatchRefused(finding):
            return BatchRefused(_fitting(call, finding))
        case _:
            return parsed


def _fitting(call: CallKind, finding: Finding) -> Finding:
    if fits(call, finding):
        return finding
    why = f"a fault of ours: {in_words(call, finding)}"
    return replace(unclear(why), code=finding.code)


def in_words(call: CallKind, finding: Finding) -> str:
    until = finding.cancellable_until
    zoned = until is None or until.utcoffset() is not None
    zone = "" if zoned else " until a time without a zone"
    return f"{call} read as {finding.outcome} ({finding.reason}){zone}"
