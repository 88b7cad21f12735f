"""The story of an order is told in sentences, and says what the history says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescind.dashboard.advice import advice, headline
from rescind.dashboard.story import _TOLD, story
from rescind.ledger.states import EDGES, FINAL, State

AT, LATER = "2026-11-20T18:09:00.000Z", "2026-11-20T18:09:50.000Z"


def step(before: str | None, after: str, **values: Any) -> dict[str, Any]:
    whole = {"at": AT, "from": before, "to": after, "reason": None, "evidence": None}
    return {**whole, "repeats": 0, "until": None, **values}


def told(before: str | None, after: str, **values: Any) -> str:
    [sentence] = story([step(before, after, **values)])
    return sentence.text


def call(evidence: str, **values: Any) -> dict[str, Any]:
    return {"operation": "cancel", "evidence": evidence, "took_ms": 9, **values}


def test_repeats_are_one_sentence_with_their_number_time_and_cause() -> None:
    refused = call("not_sent", detail="connection refused")
    said = told("sending", "queued", evidence=refused, repeats=82, until=LATER)
    assert said == "Not sent 83 times in 50 s: connection refused"
    assert told("sending", "queued", evidence=refused) == "Not sent: connection refused"


def test_a_claim_is_told_with_its_result_and_alone_only_while_it_is_under_way() -> None:
    steps = [step(None, "queued"), step("queued", "sending")]
    assert [one.text for one in story(steps)][-1] == "A worker is sending it."
    ended = step("sending", "cancelled", reason="confirmed", evidence=call("answered"))
    texts = [one.text for one in story([*steps, ended])]
    assert texts == [
        "Submitted.",
        "Sent. The provider answered that the order is cancelled.",
    ]


@pytest.mark.parametrize("edge", [*EDGES, (None, "queued"), (None, "scheduled")])
def test_every_change_of_state_has_a_sentence_of_its_own(
    edge: tuple[str | None, str],
) -> None:
    assert edge in _TOLD or edge[0] in FINAL


@given(
    edge=st.sampled_from(sorted(_TOLD, key=str)),
    evidence=st.none()
    | st.text(max_size=9)
    | st.builds(
        call,
        st.sampled_from(["not_sent", "answered", "throttled", "maybe_done"]),
        detail=st.none() | st.text(min_size=1, max_size=9),
    ),
    repeats=st.integers(0, 9),
)
def test_any_step_is_told(
    edge: tuple[str | None, str], evidence: Any, repeats: int
) -> None:
    until = LATER if repeats else None
    said = told(*edge, evidence=evidence, repeats=repeats, until=until)
    assert said
    assert "%(" not in said


def test_who_asked_for_a_step_is_named() -> None:
    [retried] = story([step("failed", "queued", evidence="retry", by="ann")])
    assert (retried.text, retried.by) == (
        "A new round began: it is tried again.",
        "ann",
    )


@pytest.mark.parametrize("reason", ["never_sent", "attempts_exhausted"])
def test_what_was_never_sent_is_called_so(reason: str) -> None:
    said = headline(reason, 0, "connection refused")
    assert said == "Never sent: the provider could not be reached (connection refused)."
    assert "received nothing" in advice("notpanel", State.FAILED, reason, 0)
    assert headline(reason, 1, "connection refused") is None
