"""A provider's own deadline bounds the producer's, in intake, rounds and records."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from providers.notpanel import NotPanel
from providers.registry import BY_NAME
from rescind.dashboard.submission.single_form import why_late
from rescind.dashboard.translation import speak
from rescind.intake.entry_records import as_new
from rescind.intake.validation import Checked, check
from rescind.ledger.changes.retries import retry, why_not
from rescind.ledger.reading.queries import as_record, stamp
from rescind.ledger.seal import Seal, new_key
from rescind.ledger.states import State
from rescind.ledger.storage.milliseconds import in_ms, to_ms
from rescind.ledger.storage.transactions import writing
from rescind.provider.deadlines import earlier, provider_deadline
from rescind.provider.outcomes import InvalidRequestError
from tests.intake.test_validation import ACCOUNTS, GOOD, NOW
from tests.ledger.build import BY, HOUR, PLAIN, new, progress, row, take_in
from tests.planned_messages import BEFORE, Planned

PLANNED = NOW + 2 * HOUR
UNTIL = PLANNED - BEFORE
PARAMS = {"send_at": PLANNED.isoformat()}
ENTRY = {**GOOD, "params": PARAMS}


@pytest.fixture(autouse=True)
def _planned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BY_NAME, "notpanel", Planned())
    speak(None, "")


def checked(**more: Any) -> Checked:
    return check({**ENTRY, **more}, ACCOUNTS, NOW)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (None, UNTIL),
        (NOW + HOUR, NOW + HOUR),
        (UNTIL, UNTIL),
        (NOW + 9 * HOUR, UNTIL),
    ],
)
def test_the_earlier_deadline_is_in_force(
    wanted: datetime | None, expected: datetime
) -> None:
    given_time = wanted and wanted.isoformat()
    found = checked(cancel_before=given_time)
    assert (found.cancel_before, found.cancellable_until) == (expected, UNTIL)


def test_without_a_deadline_of_the_provider_the_producer_decides() -> None:
    assert check(GOOD, ACCOUNTS, NOW).cancel_before is None
    soon = (NOW + HOUR).isoformat()
    assert check({**GOOD, "cancel_before": soon}, ACCOUNTS, NOW).cancel_before


@given(st.none() | st.datetimes(), st.none() | st.datetimes())
def test_the_earlier_of_two_is_one_of_them_and_not_later_than_either(
    one: datetime | None, other: datetime | None
) -> None:
    found = earlier(one, other)
    assert (found is None) is (one is None and other is None)
    assert found in (one, other)
    assert all(found is not None and found <= two for two in (one, other) if two)


def test_a_start_that_the_provider_does_not_wait_for_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="only until then") as caught:
        checked(not_before=UNTIL.isoformat())
    assert caught.value.param == "/not_before"
    assert checked(not_before=(UNTIL - HOUR).isoformat()).not_before


def test_an_entry_that_comes_too_late_for_its_provider_expires_and_says_so() -> None:
    late = as_new(ENTRY, ACCOUNTS, Seal(new_key()), UNTIL, by=BY)
    assert late.progress.state is State.EXPIRED
    said = late.progress.provider_message or ""
    assert said.startswith(f"the provider cancels it until {UNTIL.isoformat()}")
    in_time = as_new(ENTRY, ACCOUNTS, Seal(new_key()), UNTIL - HOUR, by=BY)
    assert in_time.progress.state is State.QUEUED


def test_the_form_says_before_submitting_that_it_is_too_late() -> None:
    assert why_late(ENTRY, UNTIL - HOUR) is None
    assert why_late(ENTRY, UNTIL) == "the provider no longer cancels it"
    assert why_late({**ENTRY, "params": {"colour": 1}}, UNTIL) is None
    before = {**ENTRY, "cancel_before": UNTIL.isoformat()}
    assert why_late(before, UNTIL) == "cancel_before has passed"


class Faulty(NotPanel):
    """A package with a fault."""

    def __init__(self, found: object) -> None:
        self._found = found

    def cancellable_until(
        self, order: str, params: Mapping[str, Any]
    ) -> datetime | None:
        if isinstance(self._found, Exception):
            raise self._found
        return self._found  # type: ignore[return-value]


@pytest.mark.parametrize(
    "found", [KeyError("send_at"), NOW.replace(tzinfo=None), "tomorrow", 7]
)
def test_a_fault_of_a_package_is_no_deadline(found: object) -> None:
    assert provider_deadline(Faulty(found), "ord_1", {}) is None


# --- in the ledger --------------------------------------------------------------------


def ended(engine: Engine, state: State = State.FAILED, **values: Any) -> str:
    its = progress(state, **values)
    (one,) = take_in(engine, [new("ord_1", params=PARAMS, progress=its)])
    return one


def retried(
    engine: Engine, one: str, now: datetime, before: datetime | None = None
) -> int | None:
    with writing(engine) as connection:
        assert retry(connection, row(engine, one), now, before, PLAIN, by=BY)
    after = row(engine, one)
    assert after.urgency == (after.cancel_before or after.urgency)
    found: int | None = after.cancel_before
    return found


def test_a_record_shows_the_deadline_of_its_provider(engine: Engine) -> None:
    one = row(engine, ended(engine))
    assert as_record(one)["cancellable_until"] == stamp(to_ms(UNTIL))
    plain = row(engine, take_in(engine, [new("ord_2")])[0])
    assert as_record(plain)["cancellable_until"] is None


def test_a_row_of_a_provider_that_is_gone_shows_none(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = row(engine, ended(engine))
    monkeypatch.delitem(BY_NAME, "notpanel")
    assert as_record(one)["cancellable_until"] is None


def test_a_new_round_ends_with_the_window_of_the_provider(engine: Engine) -> None:
    assert retried(engine, ended(engine), NOW, NOW + 9 * HOUR) == in_ms(UNTIL)


def test_a_new_round_may_end_earlier(engine: Engine) -> None:
    assert retried(engine, ended(engine), NOW, NOW + HOUR) == in_ms(NOW + HOUR)


def test_no_new_round_begins_after_the_window_whatever_is_asked(
    engine: Engine,
) -> None:
    one = row(engine, ended(engine))
    with (
        writing(engine) as connection,
        pytest.raises(InvalidRequestError, match="can no longer be cancelled"),
    ):
        retry(connection, one, UNTIL, UNTIL + HOUR, PLAIN, by=BY)
    assert "can no longer be cancelled" in (why_not(one, UNTIL, PLAIN) or "")
    assert why_not(one, UNTIL - timedelta(seconds=1), PLAIN) is None


def test_what_an_earlier_call_did_can_be_found_out_after_the_window(
    engine: Engine,
) -> None:
    one = ended(engine, lost=True, sent_at=NOW)
    later = UNTIL + 2 * HOUR
    assert retried(engine, one, UNTIL + HOUR, later) == in_ms(later)
    assert row(engine, one).state == State.VERIFYING
