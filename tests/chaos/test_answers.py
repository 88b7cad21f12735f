"""Dropped answers are found: a worker asks again about an order that succeeded."""

from __future__ import annotations

from typing import Any

import pytest

from chaos.answers import (
    BACK_SECONDS,
    HELD,
    HELD_SECONDS,
    LEASE_SECONDS,
    dropped,
)

REFUSED = (100.0, 106.0)
"""Start and end of the time in which the ledger refused writes."""
ASKED = 100.0
"""When the provider received the cancel; its answer came during ``REFUSED``."""


def event(t: float, op: str = "cancel", **changes: Any) -> dict[str, Any]:
    plain = {"t": t, "op": op, "acted": op == "cancel", "fault": None, "answered": True}
    return {**plain, **changes}


def offences(
    *events: dict[str, Any],
    provider: str = "ithink",
    troubles: tuple[float, ...] = (),
) -> int:
    record = {"provider": provider, "id": "1", "events": list(events)}
    return len(list(dropped([record], [REFUSED], troubles)))


@pytest.mark.parametrize("provider", HELD)
@pytest.mark.parametrize("op", ["read", "cancel"])
def test_asking_again_about_a_yes_is_noticed(provider: str, op: str) -> None:
    assert offences(event(ASKED), event(120.0, op), provider=provider) == 1


def test_a_yes_that_is_not_asked_about_again_was_recorded() -> None:
    assert offences(event(ASKED)) == 0


def test_of_an_order_with_several_cancellations_another_one_may_ask() -> None:
    events = [event(ASKED), event(120.0, "read")]
    record = {"provider": "ithink", "id": "1", "events": events}
    assert list(dropped([record], [REFUSED], (), {("ithink", "1")})) == []


@pytest.mark.parametrize(
    "first",
    [
        event(ASKED, fault="late"),
        event(ASKED, answered=False),
        event(ASKED, acted=False),
        event(ASKED - HELD_SECONDS - 0.1),
        event(REFUSED[1]),
    ],
    ids=["lost", "unheard", "no yes", "came before", "came after"],
)
def test_any_other_answer_may_be_asked_about(first: dict[str, Any]) -> None:
    assert offences(first, event(120.0, "read")) == 0


@pytest.mark.parametrize(
    ("at", "number"),
    [(ASKED - 1, 1), (ASKED + 1, 0), (REFUSED[1] + BACK_SECONDS + 1, 1)],
)
def test_only_a_worker_that_was_killed_meanwhile_may_have_dropped_it(
    at: float, number: int
) -> None:
    assert offences(event(ASKED), event(120.0, "read"), troubles=(at,)) == number


def test_one_whose_lease_ran_out_meanwhile_is_asked_about_again() -> None:
    events = [event(ASKED), event(120.0, "read")]
    told = {"provider": "ithink", "id": "1", "events": events}
    assert list(dropped([told], [(100.0, 100.0 + LEASE_SECONDS)], [])) == []


def test_a_yes_that_asks_for_readings_is_no_matter_of_this() -> None:
    assert offences(event(ASKED), event(120.0, "read"), provider="notpanel") == 0
