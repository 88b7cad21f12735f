"""What the provider shows of an order is understood, and noted by its simulation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from rescind.provider.evidence import Evidence
from rescind.provider.http_messages import Reply
from rescind.provider.outcomes import (
    BatchRefused,
    Finding,
    Findings,
    Held,
    Order,
    Outcome,
    TokenRefused,
)
from rescind.provider.testing.case import Case, json_reply
from rescind.provider.testing.model_caller import Caller, read_back
from rescind.provider.testing.other_orders import names
from rescind.provider.testing.reply_checks import read

NUMBER = 24
"""Orders that are cancelled, to find one that the provider takes on."""


class KnownStates:
    """The documents of the case and the states of its simulation, without faults."""

    case: ClassVar[Case]

    def test_each_document_of_a_reading_decides_its_orders(self) -> None:
        for status, document in self.case.answers("read"):
            if document in self.case.undecided:
                continue
            left = list(
                _left_unknown(self.case, json_reply(document, status), document)
            )
            assert not left, (
                f"a reading with this document leaves {left[0]} unknown: {document}. Is"
                " a word missing in the vocabulary? If it is meant so, give the"
                " document in Case(undecided=[…]), too"
            )

    def test_each_state_of_the_simulation_is_understood(self) -> None:
        if self.case.simulation is None:
            pytest.skip("the case names no simulation")
        for state, truth in self.case.simulation.truths.items():
            if truth == "missing" or state in self.case.undecided_states:
                continue
            caller, order = _in_state(self.case, state)
            ((_, finding),) = read_back(caller, [order])
            assert finding.outcome is not Outcome.UNKNOWN, (
                f"a reading of an order in the state {state!r} ({truth}) leaves it"
                f" unknown ({finding.code!r}): it would end as failed (unresolved). Is"
                " a word missing in the vocabulary? If the provider does not show this"
                " state, name it in Case(undecided_states={…})"
            )

    def test_the_probe_accepts_the_credentials_of_the_simulation(self) -> None:
        if self.case.simulation is None:
            pytest.skip("the case names no simulation")
        result = Caller(self.case).probe()
        if result is None:
            pytest.skip("the provider has no probe")
        answered = result.evidence is Evidence.ANSWERED
        proved = answered and not isinstance(result.parsed, Held | TokenRefused)
        assert proved, (
            "the simulation refuses the probe of its own credentials, or its answer"
            f" cannot be read: `rescind doctor` would report the account: {result}"
        )

    def test_the_simulation_notes_what_a_reading_showed_as_active(self) -> None:
        if self.case.simulation is None:
            pytest.skip("the case names no simulation")
        for state in self.case.simulation.cancellable:
            caller, order = _in_state(self.case, state)
            ((_, finding),) = read_back(caller, [order])
            noted = caller.model.shown_active(order.id)
            assert finding.outcome is not Outcome.ACTIVE or noted, (
                f"a reading showed {order.id} ({state}) as active, and the simulation"
                " did not note it: set notes.active[order.id] in each reading. The demo"
                " counts a cancel that is sent again by it"
            )

    def test_an_accepted_cancel_may_wait_as_long_as_the_policy_says(self) -> None:
        if self.case.simulation is None:
            pytest.skip("the case names no simulation")
        caller = Caller(self.case)
        waits = any(_taken_on(caller, asked) for asked in caller.calls(NUMBER))
        assert not waits or caller.policy.queued_for > timedelta(0), (
            "a cancel is read as REQUESTED while it waits at the simulated provider,"
            " and the policy has queued_for=0: set it to the longest time that a cancel"
            " may wait there"
        )

    def test_an_order_that_is_not_there_leaves_no_other_one_unknown(self) -> None:
        if self.case.simulation is None:
            pytest.skip("the case names no simulation")
        for caller, part in _with_one_missing(self.case):
            parsed = caller.call("read", part).parsed
            if isinstance(parsed, BatchRefused):
                continue
            assert isinstance(parsed, Findings), parsed
            for order in part[1:]:
                known = parsed.of(order.id).outcome is not Outcome.UNKNOWN
                assert known or _alone(caller, order).outcome is Outcome.UNKNOWN, (
                    f"one order that does not exist leaves {order.id} unknown in a"
                    f" reading of {len(part)}: return BatchRefused if the reading was"
                    " refused as a whole, and it is read again in halves"
                )


def _left_unknown(case: Case, reply: Reply, document: Any) -> Iterator[str]:
    """The orders that ``document`` names and that it leaves unknown; ``every order`` if
    it decides nothing."""
    said: list[Findings] = []
    for asked in (*case.every_asked, case.read_together):
        parsed = read(case, "read", asked, reply)
        if isinstance(parsed, Findings):
            said.append(parsed)
            named = (one.id for one in asked if names(document, one))
            yield from (one for one in named if _is_unknown(parsed.of(one)))
    found = [one for parsed in said for one in parsed.by_order.values()]
    if said and all(map(_is_unknown, found)):
        yield "every order"


def _is_unknown(finding: Finding) -> bool:
    return finding.outcome is Outcome.UNKNOWN


def _in_state(case: Case, state: str, number: int = 0) -> tuple[Caller, Order]:
    """An order that is in this state at a simulated provider."""
    caller = Caller(case)
    order = caller.example(number)
    caller.model.simulation.seed(order.id, state, {})
    return caller, order


def _taken_on(caller: Caller, asked: Sequence[Order]) -> bool:
    """Whether a cancel of one of the orders is requested, and waits."""
    parsed = caller.call("cancel", asked).parsed
    return isinstance(parsed, Findings) and any(
        parsed.of(one.id).outcome is Outcome.REQUESTED
        and caller.model.truth(one.id) == "cancelling"
        for one in asked
    )


def _with_one_missing(case: Case) -> Iterator[tuple[Caller, list[Order]]]:
    """Each kind of reading of several orders, of which the first does not exist."""
    caller = Caller(case)
    simulation = caller.model.simulation
    missing = [s for s, truth in simulation.truths.items() if truth == "missing"]
    orders = [caller.example(n) for n in range(min(caller.policy.read_batch, 6))]
    for part in map(list, caller.provider.split_reading(orders)):
        if len(part) < 2 or not missing:
            continue
        simulation.seed(part[0].id, missing[0], {})
        for order in part[1:]:
            simulation.seed(order.id, next(iter(simulation.cancellable)), {})
        yield caller, part


def _alone(caller: Caller, order: Order) -> Finding:
    parsed = caller.call("read", [order]).parsed
    return (
        parsed.of(order.id)
        if isinstance(parsed, Findings)
        else Finding(Outcome.UNKNOWN)
    )
