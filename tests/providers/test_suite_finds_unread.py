"""The suite finds words that are not understood, and answers about other orders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from providers.notpanel import NotPanel
from rescind.provider.http_messages import Reply
from rescind.provider.outcomes import (
    UNKNOWN,
    BatchRefused,
    Finding,
    Findings,
    Order,
    Outcome,
    Parsed,
)
from rescind.provider.policy import Policy
from rescind.provider.testing import Case, ProviderSuite
from rescind.sandbox import Call, Notes
from rescind.sandbox import Reply as Answer
from rescind.sandbox import Request as Sent
from rescind.sandbox.notpanel import NotPanel as NotPanelSimulation
from tests.providers.cases import CASES
from tests.providers.samples import N1, N2, panel


class Speechless(NotPanel):
    """Does not know the word for a cancelled order."""

    def parse_read(self, orders: Sequence[Order], reply: Reply) -> Parsed:
        parsed = super().parse_read(orders, reply)
        if not isinstance(parsed, Findings):
            return parsed
        known = parsed.by_order.items()
        return Findings({k: f for k, f in known if f.outcome is not Outcome.CANCELLED})


class Impatient(NotPanel):
    """Believes that the provider never lets a cancel wait."""

    policy: ClassVar[Policy] = NotPanel.policy.overridden({"queued_for": 0})


class Careless(NotPanel):
    """Takes the answer about any order for one about its own."""

    said: ClassVar[Outcome] = Outcome.REQUESTED

    def parse_cancel(self, orders: Sequence[Order], reply: Reply) -> Parsed:
        return Findings({order.id: Finding(self.said) for order in orders})

    def parse_read(self, orders: Sequence[Order], reply: Reply) -> Parsed:
        return self.parse_cancel(orders, reply)


class Misled(Careless):
    said: ClassVar[Outcome] = Outcome.ACTIVE


class Spoilt(NotPanel):
    """Reads nothing of a batch in which one order does not exist."""

    def parse_read(self, orders: Sequence[Order], reply: Reply) -> Parsed:
        return (
            Findings({})
            if b"not found" in reply.body
            else super().parse_read(orders, reply)
        )


class Halved(Spoilt):
    """Says that such a batch was refused, so that it is read again in halves."""

    def parse_read(self, orders: Sequence[Order], reply: Reply) -> Parsed:
        spoilt = len(orders) > 1 and b"not found" in reply.body
        return BatchRefused(UNKNOWN) if spoilt else super().parse_read(orders, reply)


class Mute(NotPanelSimulation):
    """Does not note what a reading showed."""

    def open(self, request: Sent, path: str) -> Call | None:
        call = super().open(request, path)
        return call and Call(call.op, call.ids, lambda notes: _mute(call, notes))


def _mute(call: Call, notes: Notes) -> Answer:
    reply = call.run(notes)
    notes.active.clear()
    return reply


def altered(**values: Any) -> ProviderSuite:
    """The suite over notpanel, with parts of its case replaced."""
    case: Case = replace(CASES["notpanel"], **values)
    return type("Suite", (ProviderSuite,), {"case": case})()  # type: ignore[no-any-return]


UNREAD = [{"status": "asleep", "charge": "0.50"}]
Check = Callable[[ProviderSuite], None]
CHECKS: dict[str, tuple[dict[str, Any], str, Check]] = {
    "a word of the simulation that no vocabulary has": (
        {"provider": Speechless()},
        "in the state 'cancelled' .* leaves it unknown",
        ProviderSuite.test_each_state_of_the_simulation_is_understood,
    ),
    "a word of a document that no vocabulary has": (
        {"reads": UNREAD},
        "leaves every order unknown",
        ProviderSuite.test_each_document_of_a_reading_decides_its_orders,
    ),
    "a word of one row of a document that no vocabulary has": (
        {"reads": [{N1: panel("cancelled"), N2: panel("asleep")}]},
        f"leaves {N2} unknown",
        ProviderSuite.test_each_document_of_a_reading_decides_its_orders,
    ),
    "an accepted cancel that may not wait": (
        {"provider": Impatient()},
        "the policy has queued_for=0",
        ProviderSuite.test_an_accepted_cancel_may_wait_as_long_as_the_policy_says,
    ),
    "a request of another order": (
        {"provider": Careless()},
        "to a cancel names another order, and was read as requested",
        lambda one: one.test_an_answer_about_another_order_decides_nothing("cancel"),
    ),
    "a reading of another order": (
        {"provider": Misled()},
        "to a read names another order, and was read as active",
        lambda one: one.test_an_answer_about_another_order_decides_nothing("read"),
    ),
    "an order that leaves its whole batch unknown": (
        {"provider": Spoilt()},
        "return BatchRefused",
        ProviderSuite.test_an_order_that_is_not_there_leaves_no_other_one_unknown,
    ),
    "a reading that the simulation does not note": (
        {"simulation": Mute},
        r"set notes\.active",
        ProviderSuite.test_the_simulation_notes_what_a_reading_showed_as_active,
    ),
}


@pytest.mark.parametrize("what", CHECKS)
def test_the_suite_finds(what: str) -> None:
    values, says, check = CHECKS[what]
    with pytest.raises(AssertionError, match=says):
        check(altered(**values))


@pytest.mark.parametrize("what", CHECKS)
def test_the_same_check_passes_for_the_provider_itself(what: str) -> None:
    _values, _says, check = CHECKS[what]
    check(altered())


def test_what_is_meant_to_stay_unknown_can_be_named() -> None:
    documents = altered(reads=UNREAD, undecided=UNREAD)
    documents.test_each_document_of_a_reading_decides_its_orders()
    states = ("cancelled", "refunded", "partial")
    speechless = altered(provider=Speechless(), undecided_states=states)
    speechless.test_each_state_of_the_simulation_is_understood()


def test_a_batch_that_was_refused_as_a_whole_is_fine() -> None:
    one = altered(provider=Halved())
    one.test_an_order_that_is_not_there_leaves_no_other_one_unknown()
