"""Whether what a reply says of an order is true, and the sentence if it is not."""

from __future__ import annotations

from dataclasses import dataclass

from rescind.provider.outcomes import Finding, Outcome, Reason
from rescind.provider.policy import Policy
from rescind.sandbox.simulation import Simulation

DONE = frozenset({"cancelled", "partial"})
ALREADY = Reason.ALREADY_CANCELLED
TRUTHS = DONE | {"active", "completed", "missing", "unsupported"}
"""The words that ``Simulation.truths`` may have. While a cancel waits, the truth is
``cancelling``."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one reply said of an order, and the order's true state."""

    finding: Finding
    call: str
    """``cancel`` or ``read``."""
    truth: str
    fault: str = ""
    """The fault of the cancel; empty if it had none."""


def untrue(said: Said, policy: Policy) -> str | None:
    """Why ``said`` is not true; ``None`` if it is."""
    if said.truth not in TRUTHS | {"cancelling"}:
        return unknown_truth(said.truth)
    rule = _broken_rule(said, policy)
    if rule is None:
        return None
    outcome, reason = said.finding.outcome, said.finding.reason
    fault = f"with the fault {said.fault}" if said.fault else "without a fault"
    named = f"{outcome} ({reason})" if reason else str(outcome)
    return (
        f"after a cancel {fault}, the answer to the {said.call} was read as {named},"
        f" and the order is {said.truth} at the simulated provider: {rule}"
    )


def unknown_truth(truth: str) -> str:
    known = ", ".join(sorted(TRUTHS))
    return f"truths has the unknown truth {truth!r}: the truths are {known}"


def never_existed(
    finding: Finding, policy: Policy, simulation: type[Simulation]
) -> str | None:
    """Why what is said of an order that never existed would not be true."""
    known = simulation.forgotten_status is not None
    if finding.outcome is not Outcome.GONE or not policy.cancelled_may_vanish or known:
        return None
    return (
        "it never existed, and after a lost answer a reading says GONE. With"
        " cancelled_may_vanish=True it would end as cancelled. Set"
        " cancelled_may_vanish=False. Or, if the provider deletes cancelled orders,"
        " return GONE only where it tells them from orders that never existed (the"
        " simulation's flag for a provider that cannot: forgotten_status)"
    )


def _broken_rule(said: Said, policy: Policy) -> str | None:
    truth, finding = said.truth, said.finding
    vanished = truth in DONE | {"missing"} and policy.cancelled_may_vanish
    match finding.outcome:
        case Outcome.CANCELLED if truth not in DONE:
            return "CANCELLED is said only of an order that is cancelled"
        case Outcome.REFUSED if said.call == "read" or policy.refusal_is_final:
            # A reading with any reason ends the cancellation as rejected.
            reads_on = said.call == "cancel" and finding.reason is ALREADY
            undecided = finding.reason is None or reads_on
            if not (undecided or truth not in DONE or vanished):
                return (
                    "REFUSED with a reason is final, so it is never said of an order"
                    " that is cancelled (look at refusal_is_final and, if the reply"
                    " says that there is no such order, at cancelled_may_vanish)"
                )
        case Outcome.ACTIVE if truth not in ("active", "unsupported"):
            return (
                "ACTIVE lets the cancel be sent again, so it is said only of an order"
                " that can still be cancelled (look at active_trusted_after,"
                " queued_for and the simulation's may_ask_again)"
            )
        case Outcome.GONE if not (truth == "missing" or vanished):
            return (
                "GONE is said only of an order that does not exist (look at"
                " cancelled_may_vanish; without it, a 404 for a cancelled order is"
                " UNKNOWN)"
            )
        case _:
            pass
    return None
