"""A given-up cancellation is excused only if its provider could not have told."""

from __future__ import annotations

from typing import Any

import pytest

from chaos.unresolved import MOST_CANCELS, given_up, not_told


def row(provider: str, **changes: Any) -> dict[str, Any]:
    plain = {
        "provider": provider,
        "order": "1",
        "state": "failed",
        "reason": "unresolved",
        "attempts": 1,
        "cancel_before": None,
    }
    return {**plain, **changes}


def excused(one: dict[str, Any], truth: str) -> bool:
    """Whether the cancellation counts as one that could not be known: no offence."""
    records = [{"provider": one["provider"], "id": "1", "truth": truth}]
    offences, hidden = list(given_up([one], records)), not_told([one], records)
    assert len(offences) + len(hidden) == 1
    return bool(hidden)


@pytest.mark.parametrize("provider", ["ithink", "dukkango"])
def test_an_order_that_its_provider_does_not_know_is_not_told_of(provider: str) -> None:
    assert excused(row(provider), "missing")


@pytest.mark.parametrize("provider", ["notpanel", "akinon", "iletimerkezi"])
@pytest.mark.parametrize("truth", ["missing", "active", "completed", "cancelled"])
def test_these_would_have_told(provider: str, truth: str) -> None:
    assert not excused(row(provider), truth)


@pytest.mark.parametrize("truth", ["active", "completed", "cancelled"])
def test_tracking_tells_of_each_shipment_that_it_knows(truth: str) -> None:
    assert not excused(row("ithink"), truth)


@pytest.mark.parametrize("truth", ["completed", "cancelled"])
def test_dukkango_tells_by_a_second_cancel_as_long_as_one_may_be_sent(
    truth: str,
) -> None:
    assert not excused(row("dukkango"), truth)
    assert excused(row("dukkango", cancel_before="2026-11-29T12:00:00+00:00"), truth)
    assert excused(row("dukkango", attempts=MOST_CANCELS), truth)


def test_to_run_out_of_attempts_is_never_excused() -> None:
    assert not excused(row("ithink", reason="attempts_exhausted"), "missing")


def test_what_has_ended_otherwise_was_not_given_up() -> None:
    ended = [row("ithink", state="cancelled", reason="confirmed")]
    assert [*given_up(ended, []), *not_told(ended, [])] == []
