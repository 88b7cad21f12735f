"""The oracle reports each kind of offence, and no other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chaos.chaos_oracle import Judgement, judge
from rescind.demo.unfinished import LAPSED

WISH = ("iletimerkezi", "default", "1")
AT = datetime(2020, 11, 20, 18, 9, tzinfo=UTC)
"""When the ledger was read."""


def row(**changes: Any) -> dict[str, Any]:
    plain = {
        "id": "a",
        "provider": "iletimerkezi",
        "account": "default",
        "order": "1",
        "key": "1",
        "params": {},
        "state": "cancelled",
        "reason": "confirmed",
        "attempts": 1,
        "cancel_before": None,
        "due_at": None,
        "finished_at": "1970-01-01T00:01:00Z",
    }
    return {**plain, **changes}


def event(**changes: Any) -> dict[str, Any]:
    plain = {
        "t": 100.0,
        "op": "cancel",
        "acted": True,
        "fault": None,
        "answered": True,
        "status": 200,
        "active": None,
    }
    return {**plain, **changes}


def record(*events: dict[str, Any], truth: str = "cancelled") -> dict[str, Any]:
    return {
        "provider": "iletimerkezi",
        "id": "1",
        "truth": truth,
        "events": list(events),
    }


def verdict(
    rows: list[dict[str, Any]],
    records: list[dict[str, Any]],
    reopened: dict[str, str] | None = None,
) -> Judgement:
    return judge({WISH}, rows, records, reopened or {}, AT)


def test_what_was_done_and_said_truly_is_no_offence() -> None:
    assert verdict([row()], [record(event())]).caught == frozenset()


def test_a_wish_that_is_not_in_the_ledger_is_lost() -> None:
    assert verdict([], [record(truth="active")]).caught == {"lost"}


def still(state: str, due_in: timedelta) -> dict[str, Any]:
    """A row that was open when the ledger was read, and due ``due_in`` after that."""
    return row(state=state, reason=None, due_at=(AT + due_in).isoformat())


@pytest.mark.parametrize("due_in", [timedelta(hours=-1), timedelta(hours=1)])
@pytest.mark.parametrize("state", ["scheduled", "queued", "verifying", "requested"])
def test_one_that_is_due_again_by_itself_is_not_finished_and_not_lost(
    state: str, due_in: timedelta
) -> None:
    found = verdict([still(state, due_in)], [record(event())])
    assert found.caught == frozenset()
    (open_one,) = found.unfinished
    assert f"still {state} at the end" in open_one.why


@pytest.mark.parametrize(
    ("lease_ends_in", "lost"),
    [
        (timedelta(seconds=10), False),
        (-LAPSED, False),
        (-LAPSED - timedelta(seconds=1), True),
    ],
)
def test_one_whose_lease_ended_long_ago_is_lost_for_nothing_will_free_it(
    lease_ends_in: timedelta, lost: bool
) -> None:
    found = verdict([still("sending", lease_ends_in)], [record(event())])
    assert found.caught == ({"lost"} if lost else frozenset())
    assert len(found.unfinished) == (not lost)


def test_cancelled_of_an_order_that_is_not_is_untrue() -> None:
    assert verdict([row()], [record(event(), truth="active")]).caught == {"untrue"}


def test_rejected_of_an_order_that_our_call_cancelled_is_untrue() -> None:
    said = row(state="rejected", reason="window_closed")
    assert verdict([said], [record(event())]).caught == {"untrue"}


@pytest.mark.parametrize(
    ("reason", "truth"),
    [
        ("not_found", "active"),
        ("already_completed", "active"),
        ("window_closed", "missing"),
        ("not_supported", "active"),
    ],
)
def test_a_refusal_for_a_reason_that_is_not_so_is_untrue(
    reason: str, truth: str
) -> None:
    said = row(state="rejected", reason=reason)
    refused = record(event(acted=False), truth=truth)
    assert verdict([said], [refused]).caught == {"untrue"}


def test_expired_of_an_order_that_our_call_cancelled_is_untrue() -> None:
    said = row(state="expired", reason="deadline_passed")
    assert verdict([said], [record(event())]).caught == {"untrue"}


def test_expired_is_true_where_another_cancellation_of_the_order_was_sent() -> None:
    late = row(id="b", key="2", state="expired", reason="deadline_passed")
    assert verdict([row(), late], [record(event())]).caught == frozenset()


@pytest.mark.parametrize("reason", ["already_cancelled", "inferred"])
def test_expired_is_untrue_where_the_other_one_did_not_cancel_it(reason: str) -> None:
    late = row(id="b", key="2", state="expired", reason="deadline_passed")
    other = row(reason=reason, attempts=1)
    assert verdict([other, late], [record(event())]).caught == {"untrue"}


def test_a_second_cancel_after_one_that_worked_is_seen() -> None:
    twice = record(event(answered=False), event(acted=False))
    assert verdict([row()], [twice]).caught == {"twice"}


def test_a_cancel_that_arrives_after_its_deadline_is_seen() -> None:
    late = row(cancel_before="1970-01-01T00:01:39Z")
    assert verdict([late], [record(event(t=99.2))]).caught == {"late"}
    assert verdict([late], [record(event(t=99.0))]).caught == frozenset()


def test_a_final_state_that_was_left_is_seen() -> None:
    found = verdict([row()], [record(event())], {"a": "was final, and is not"})
    assert found.caught == {"reopened"}


@pytest.mark.parametrize(("state", "caught"), [("active", {"twice"}), ("other", set())])
def test_a_cancel_that_is_sent_before_a_late_one_has_acted_is_a_second_one(
    state: str, caught: set[str]
) -> None:
    late = event(acted=False, fault="late", answered=False)
    shown = event(op="read", acted=False, active=True)
    told = record(late, shown, event()) | {"was": state}
    assert verdict([row()], [told]).caught == caught


def withdrawn(**changes: Any) -> dict[str, Any]:
    """A row that was withdrawn 60 s after the epoch."""
    return row(**{"state": "withdrawn", "reason": "requested", "attempts": 0} | changes)


def test_one_that_was_withdrawn_and_not_sent_is_no_offence() -> None:
    untouched = record(truth="active")
    throttled = record(event(t=50.0, acted=False, status=429), truth="active")
    elsewhere = record(truth="cancelled")
    for found in (untouched, throttled, elsewhere):
        assert verdict([withdrawn()], [found]).caught == frozenset()


def test_one_that_was_withdrawn_and_sent_is_untrue() -> None:
    assert verdict([withdrawn()], [record(event(t=50.0))]).caught == {"untrue"}
    counted = withdrawn(attempts=1)
    assert verdict([counted], [record(truth="active")]).caught == {"untrue"}


def test_one_that_is_sent_after_its_withdrawal_is_late() -> None:
    refused = record(event(t=70.0, acted=False, status=429), truth="active")
    assert verdict([withdrawn()], [refused]).caught == {"late"}


def test_another_cancellation_of_a_withdrawn_order_may_be_sent() -> None:
    both = [withdrawn(), row(id="b", key="b")]
    assert verdict(both, [record(event())]).caught == frozenset()
    neither = [withdrawn(), withdrawn(id="b", key="b")]
    assert verdict(neither, [record(event())]).caught == {"untrue"}
