"""The oracle of plans reports each kind of offence, and no other."""

from __future__ import annotations

from typing import Any

import pytest

from chaos.plan_oracle import GRACE, Plans, ends_of, steps_of
from rescind.demo.facts import Wish

FIRST, STEP = ("ithink", "default", "1"), ("akinon", "default", "2")
DONE, REFUSED = ("cancelled", "confirmed"), ("rejected", "refused")
FAILED, SKIPPED = ("failed", "unresolved"), ("withdrawn", "not_wanted")
OPEN = (None, None)
AT = 60.0
"""When the first one ended, in seconds since the epoch."""


def stamp(at: float) -> str:
    return f"1970-01-01T00:{int(at) // 60:02}:{at % 60:06.3f}Z"


def changes(*ends: tuple[float, tuple[str | None, str | None]]) -> list[dict[str, Any]]:
    queued = {"at": stamp(0), "to": "queued", "reason": None}
    return [queued] + [
        {"at": stamp(at), "to": end[0] or "queued", "reason": end[1]}
        for at, end in ends
    ]


def row(wish: Wish, end: tuple[str | None, str | None], at: float) -> dict[str, Any]:
    waits = end == OPEN
    return {
        "id": f"id of {wish[2]}",
        "provider": wish[0],
        "account": wish[1],
        "order": wish[2],
        "key": wish[2],
        "state": "scheduled" if waits else end[0],
        "reason": end[1],
        "due_at": None,
        "finished_at": None if waits else stamp(at),
    }


def record(
    wish: Wish,
    *times: float,
    acted: bool = True,
    fault: str | None = None,
    was: str = "active",
) -> dict[str, Any]:
    call = {"op": "cancel", "acted": acted, "fault": fault}
    events = [{**call, "t": at} for at in times]
    return {"provider": wish[0], "id": wish[2], "events": events, "was": was}


def plans(
    first: tuple[str | None, str | None],
    step: tuple[str | None, str | None],
    *records: dict[str, Any],
    only_if: str | None = None,
    later: tuple[tuple[float, tuple[str | None, str | None]], ...] = (),
    decided: bool = False,
) -> Plans:
    """A plan of two: the first one ended at ``AT``, and the step a second later."""
    entry = {"after": ["a"], "ref": "b"} | ({"only_if": only_if} if only_if else {})
    steps = list(steps_of([[({"ref": "a"}, FIRST), (entry, STEP)]]))
    ended = [] if first == OPEN else [(AT, first)]
    ends = {FIRST: ends_of(changes(*ended, *later))}
    now = later[-1] if later else (AT, first)
    rows = {FIRST: row(FIRST, now[1], now[0]), STEP: row(STEP, step, AT + 1)}
    own = [rows[STEP]["id"]] if decided else []
    return Plans(steps, rows, ends, records, own)


def caught(found: Plans) -> tuple[int, int]:
    return len(list(found.untrue())), len(list(found.waiting()))


SENT = record(STEP, AT + 0.5)
CANCELLED = record(FIRST, AT - 1)


def test_a_step_that_is_sent_when_the_other_has_ended_as_wanted_is_no_offence() -> None:
    assert caught(plans(DONE, DONE, CANCELLED, SENT)) == (0, 0)
    assert caught(plans(REFUSED, DONE, SENT, only_if="rejected/refused")) == (0, 0)
    assert caught(plans(FAILED, DONE, SENT, only_if="any")) == (0, 0)


@pytest.mark.parametrize(
    ("first", "only_if"),
    [(REFUSED, None), (FAILED, None), (DONE, "rejected"), (OPEN, "any")],
)
def test_a_step_that_is_sent_though_the_other_has_not_ended_as_wanted_is_untrue(
    first: tuple[str | None, str | None], only_if: str | None
) -> None:
    assert caught(plans(first, DONE, CANCELLED, SENT, only_if=only_if))[0] == 1


def test_a_step_that_is_sent_before_the_other_has_ended_is_untrue() -> None:
    for early, offences in ((GRACE * 2, 1), (GRACE / 2, 0)):
        sent = record(STEP, AT - early)
        assert caught(plans(DONE, DONE, CANCELLED, sent)) == (offences, 0)


def test_a_step_is_untrue_if_the_provider_of_the_other_had_no_cancel_by_then() -> None:
    for other in (record(FIRST), record(FIRST, AT - 1, acted=False)):
        assert caught(plans(DONE, DONE, other, SENT)) == (1, 0)
    assert caught(plans(DONE, DONE, record(FIRST, AT + 5), SENT)) == (1, 0)
    late = record(FIRST, AT - 1, acted=False, fault="late")
    earlier = {**record(FIRST, AT - 1, acted=False), "was": "cancelled"}
    for other in (late, earlier):
        assert caught(plans(DONE, DONE, other, SENT)) == (0, 0)


def test_nobody_has_to_act_on_an_order_that_someone_else_had_cancelled() -> None:
    # A call was lost on its way, and a reading showed the order as cancelled.
    other = record(FIRST, AT - 1, acted=False, fault="drop_before", was="cancelled")
    assert caught(plans(DONE, DONE, other, SENT)) == (0, 0)


def test_the_round_that_counts_is_the_one_at_that_time() -> None:
    then = ((AT + 9, OPEN), (AT + 10, DONE))
    early = plans(REFUSED, DONE, SENT, CANCELLED, only_if="rejected", later=then)
    assert caught(early) == (0, 0)
    late = record(STEP, AT + 11)
    assert caught(plans(REFUSED, DONE, late, only_if="rejected", later=then))[0] == 1


def test_a_step_that_is_skipped_for_an_end_that_it_does_not_want_is_true() -> None:
    assert caught(plans(REFUSED, SKIPPED)) == (0, 0)
    later = ((AT + 9, OPEN), (AT + 10, DONE))
    assert caught(plans(REFUSED, SKIPPED, later=later)) == (0, 0)


@pytest.mark.parametrize("first", [DONE, FAILED, OPEN])
def test_a_step_that_is_skipped_for_nothing_is_untrue(
    first: tuple[str | None, str | None],
) -> None:
    assert caught(plans(first, SKIPPED)) == (1, 0)


@pytest.mark.parametrize(
    ("first", "for_ever"), [(DONE, 1), (REFUSED, 1), (FAILED, 0), (OPEN, 0)]
)
def test_a_step_that_waits_for_what_has_ended_waits_for_ever(
    first: tuple[str | None, str | None], for_ever: int
) -> None:
    assert caught(plans(first, OPEN)) == (0, for_ever)


def test_what_an_operator_has_decided_is_not_judged() -> None:
    assert caught(plans(FAILED, DONE, SENT, decided=True)) == (0, 0)
    assert caught(plans(FAILED, SKIPPED, decided=True)) == (0, 0)


def test_a_ref_that_comes_again_names_the_nearest_entry_before() -> None:
    again = ("ithink", "default", "3")
    message: list[tuple[dict[str, Any], Wish]] = [
        ({"ref": "a"}, FIRST),
        ({"ref": "b", "after": ["a"]}, STEP),
        ({"ref": "a", "after": ["a"]}, again),
        ({"after": ["a"]}, ("akinon", "default", "4")),
    ]
    assert [one.before for one in steps_of([message])] == [[FIRST], [FIRST], [again]]
