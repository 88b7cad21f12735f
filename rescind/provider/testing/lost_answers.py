"""What is said of an order is true, though the answer to its cancel was lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import pytest

from rescind.provider.http import Evidence
from rescind.provider.outcomes import (
    Finding,
    Findings,
    Order,
    Outcome,
)
from rescind.provider.testing.case import Case
from rescind.provider.testing.model_caller import Caller, read_back
from rescind.provider.testing.said_and_true import (
    DONE,
    TRUTHS,
    Said,
    never_existed,
    unknown_truth,
    untrue,
)
from rescind.sandbox.faults import KINDS

NUMBER = 24
"""Orders that are cancelled with each fault."""
DROPPED = "taken on, and dropped"


class LostAnswers:
    """Cancels at the simulated provider, with every kind of fault."""

    case: ClassVar[Case]

    @pytest.mark.parametrize("fault", ["", *KINDS])
    def test_what_is_said_of_an_order_is_true(self, fault: str) -> None:
        if self.case.simulation is None:
            pytest.skip("the case names no simulation")
        caller = Caller(self.case)
        for asked in caller.calls(NUMBER):
            check_cancel(caller, asked, fault)
            check_reading(caller, asked, fault)

    def test_what_was_taken_on_and_dropped_can_be_cancelled_again(self) -> None:
        if self.case.simulation is None:
            pytest.skip("the case names no simulation")
        caller = Caller(self.case)
        for asked in caller.calls(NUMBER // 2):
            check_dropped(caller, asked)

    def test_an_order_that_never_existed_does_not_count_as_cancelled(self) -> None:
        if self.case.simulation is None:
            pytest.skip("the case names no simulation")
        caller = Caller(self.case)
        for asked in caller.missing(NUMBER // 4):
            check_never_existed(caller, asked)

    def test_a_repeat_is_as_harmless_as_the_simulation_says(self) -> None:
        if self.case.simulation is None:
            pytest.skip("the case names no simulation")
        harmless = self.case.simulation.repeats_are_harmless
        assert harmless or not self.case.provider.policy.repeatable, (
            "the policy has repeatable=True, and the simulation has"
            " repeats_are_harmless=False: a cancel would be sent twice. Set"
            " repeatable=False, unless the provider's pages say that a second cancel"
            " does no harm"
        )

    def test_the_simulation_uses_the_common_truths(self) -> None:
        if self.case.simulation is None:
            pytest.skip("the case names no simulation")
        for state, truth in self.case.simulation.truths.items():
            assert truth in TRUTHS, f"the state {state!r}: {unknown_truth(truth)}"
        assert "missing" in self.case.simulation.truths.values(), (
            "truths has no state whose truth is missing: the probe, and a scenario,"
            " ask for an order that does not exist"
        )

    def test_the_simulation_cancels_orders(self) -> None:
        if self.case.simulation is None:
            pytest.skip("the case names no simulation")
        caller = Caller(self.case)
        for asked in caller.calls(NUMBER):
            caller.call("cancel", asked)
            caller.wait(caller.settled)
            if any(caller.model.truth(one.id) in DONE for one in asked):
                return
        raise AssertionError("no order was cancelled")


def check_cancel(caller: Caller, asked: Sequence[Order], fault: str) -> None:
    """Cancel, and compare what the exchange proves with what the provider did."""
    if fault:
        caller.model.fail_next("cancel", fault)
    result = caller.call("cancel", asked)
    for order in asked:
        check_noted(caller, order)
        if result.evidence in (Evidence.NOT_SENT, Evidence.THROTTLED):
            assert not caller.model.acted(order.id), (
                f"{order.id}: the exchange proves that nothing was done, and the"
                f" simulation acted on it ({fault}): {result}"
            )
        if result.evidence is Evidence.ANSWERED and isinstance(result.parsed, Findings):
            finding = result.parsed.of(order.id)
            check_true(caller, order, finding, "cancel", fault)


def check_noted(caller: Caller, order: Order) -> None:
    """What a cancel changed is in the simulation's notes: the demo relies on them."""
    truth = caller.model.changed_to(order.id)
    assert truth not in DONE | {"cancelling"} or caller.model.acted(order.id), (
        f"{order.id}: a cancel made it {truth}, and the simulation did not note it: add"
        " the order's id to notes.acted where its state changes"
    )


def check_reading(caller: Caller, asked: Sequence[Order], fault: str) -> None:
    """Read back as late as a reading is believed, and compare with the truth."""
    for order, finding in read_back(caller, asked):
        check_true(caller, order, finding, "read", fault)


def check_dropped(caller: Caller, asked: Sequence[Order]) -> None:
    """Cancel, and let the provider drop what it took on. Once a reading shows such an
    order as active, as Rescind believes it, the cancel is sent again."""
    caller.call("cancel", asked)
    dropped = {one.id for one in asked if caller.model.drop(one.id)}
    active = []
    for order, finding in read_back(caller, asked) if dropped else ():
        check_true(caller, order, finding, "read", DROPPED)
        if order.id in dropped and finding.outcome is Outcome.ACTIVE:
            active.append(order)
    if active:
        caller.call("cancel", active)
        check_reading(caller, active, DROPPED)


def check_never_existed(caller: Caller, asked: Sequence[Order]) -> None:
    """Lose the answer to a cancel, and read back, as Rescind would."""
    caller.model.fail_next("cancel", "drop_after")
    caller.call("cancel", asked)
    for order, finding in read_back(caller, asked):
        wrong = never_existed(finding, caller.policy, type(caller.model.simulation))
        assert wrong is None, f"{order.id}: {wrong}"


def check_true(
    caller: Caller, order: Order, finding: Finding, call: str, fault: str
) -> None:
    truth = caller.model.truth(order.id)
    wrong = untrue(Said(finding, call, truth, fault), caller.policy)
    assert wrong is None, f"{order.id}: {wrong}"
