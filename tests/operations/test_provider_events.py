"""Only what a provider has signed asks for readings, and only once."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from providers.notpanel import NotPanel
from rescind.ledger.seal import Seal, new_key
from rescind.ledger.states import State
from rescind.ledger.storage.milliseconds import in_ms
from rescind.operations.provider_events import ProvenEvent, proven, take_in_event
from rescind.provider.events import (
    MOST_ORDERS,
    WINDOW,
    Event,
    EventNews,
    is_recent,
    same_secret,
)
from rescind.provider.testing.contract import EVENTS
from tests.event_sender import LANE, SECRET, Sender, config, signed
from tests.ledger.build import HOUR, NOW, add, row

SEAL = Seal(new_key())


def event(*orders: str, at: datetime = NOW, its_id: str | None = None) -> Event:
    headers, body = signed(orders, at, its_id=its_id)
    return Event(headers, body, received_at=NOW)


def test_a_signed_event_names_its_orders_in_their_one_form() -> None:
    came = proven(LANE, config(), event("ord_1", " ord_2", "ord_1", "not an order"))
    assert came is not None
    assert came.orders == ["ord_1", "ord_2"]


def test_an_event_names_a_bounded_number_of_orders() -> None:
    came = proven(LANE, config(), event(*(f"ord_{n}" for n in range(500))))
    assert came is not None
    assert len(came.orders) == MOST_ORDERS


@settings(max_examples=40)
@given(EVENTS)
def test_no_other_bytes_are_proven(one: Event) -> None:
    assert proven(LANE, config(), one) is None


@given(st.data())
def test_one_changed_byte_is_a_forged_event(data: st.DataObject) -> None:
    good = event("ord_1", "ord_2")
    place = data.draw(st.integers(0, len(good.body) - 1))
    other = data.draw(st.integers(1, 255))
    body = bytearray(good.body)
    body[place] ^= other
    assert proven(LANE, config(), replace(good, body=bytes(body))) is None


def test_another_key_or_no_signature_proves_nothing() -> None:
    headers, body = signed(["ord_1"], NOW, key=SECRET[:-1])
    assert proven(LANE, config(), Event(headers, body, received_at=NOW)) is None
    del headers["x-signature"]
    assert proven(LANE, config(), Event(headers, body, received_at=NOW)) is None


@pytest.mark.parametrize(
    ("after", "good"), [(WINDOW * 0.99, True), (WINDOW * 2, False)]
)
def test_a_captured_event_is_worth_nothing_later(after: timedelta, good: bool) -> None:
    for at in (NOW - after, NOW + after):
        assert (proven(LANE, config(), event("ord_1", at=at)) is not None) is good


def test_a_lane_without_an_account_or_without_events_proves_nothing() -> None:
    assert proven(LANE, replace(config(), account=None), event("ord_1")) is None
    assert proven(LANE, config(NotPanel()), event("ord_1")) is None


def test_a_signed_event_that_cannot_be_read_names_no_order() -> None:
    headers, body = signed(7, NOW)
    came = proven(LANE, config(), Event(headers, body, received_at=NOW))
    assert came is not None
    assert came.orders == ()


class Faulty(Sender):
    """Its author forgot that an event can be anything."""

    def parse_event(self, event: Event) -> EventNews:
        raise KeyError(json.loads(event.body)["orders"][0])


class Careless(Sender):
    """Names orders that are no texts."""

    def parse_event(self, event: Event) -> EventNews:
        return EventNews([["ord_1"]])  # type: ignore[list-item]


@pytest.mark.parametrize("provider", [Faulty(), Careless()])
def test_a_bug_of_a_provider_proves_nothing_and_logs_nothing_of_the_event(
    provider: Sender,
) -> None:
    with structlog.testing.capture_logs() as logs:
        assert proven(LANE, config(provider), event("ord_secret")) is None
    assert [one["log_level"] for one in logs] == ["error"]
    assert "ord_secret" not in str(logs)


def test_no_repr_of_an_event_shows_what_was_sent() -> None:
    assert "ord_1" not in repr(event("ord_1"))
    assert "x-signature" not in repr(event("ord_1"))


@given(st.text(), st.text())
def test_two_secrets_are_the_same_only_if_they_are_equal(a: str, b: str) -> None:
    assert same_secret(a, b) is (a == b and a != "")
    assert same_secret(a, a) is (a != "")
    assert not same_secret(None, a)


def test_a_window_has_two_ends() -> None:
    one = Event(received_at=datetime(2020, 1, 1, tzinfo=UTC))
    assert is_recent(one.received_at - WINDOW, one)
    assert not is_recent(one.received_at + WINDOW * 2, one)


# --- in the ledger --------------------------------------------------------------------


def taken(engine: Engine, one: Event) -> int:
    came = proven(LANE, config(), one)
    assert isinstance(came, ProvenEvent)
    return take_in_event(engine, SEAL, LANE, came)


def test_an_event_asks_for_a_reading_and_a_repeated_one_does_not(
    engine: Engine,
) -> None:
    due = NOW + HOUR
    ids = [add(engine, State.REQUESTED, order=o, due_at=due) for o in ("ord_1", "x")]
    first = replace(event("ord_1"), received_at=NOW + HOUR / 2)
    came = ProvenEvent(first, ["ord_1"])
    assert take_in_event(engine, SEAL, LANE, came) == 1
    assert [row(engine, one).due_at for one in ids] == [
        in_ms(first.received_at),
        in_ms(due),
    ]
    other = add(engine, State.REQUESTED, order="ord_1", key="k", due_at=due)
    assert take_in_event(engine, SEAL, LANE, came) == 0
    assert row(engine, other).due_at == in_ms(due)


def test_events_with_one_id_are_one_and_other_content_is_another(
    engine: Engine,
) -> None:
    for number, expected in ((1, 1), (2, 0)):
        add(engine, State.REQUESTED, order=f"ord_{number}", due_at=NOW + HOUR)
        assert taken(engine, event(f"ord_{number}", its_id="e1")) == expected
    assert taken(engine, event("ord_2")) == 1
    add(engine, State.REQUESTED, order="ord_3", due_at=NOW + HOUR)
    assert taken(engine, event("ord_3")) == 1


def test_the_same_event_of_two_accounts_is_two_events(engine: Engine) -> None:
    second = (LANE[0], "second")
    for lane in (LANE, second):
        add(engine, State.REQUESTED, order="ord_1", lane=lane, due_at=NOW + HOUR)
        came = ProvenEvent(event("ord_1"), ["ord_1"])
        assert take_in_event(engine, SEAL, lane, came) == 1


def test_an_unknown_order_changes_nothing(engine: Engine) -> None:
    assert taken(engine, event("ord_7")) == 0
    assert taken(engine, event()) == 0
