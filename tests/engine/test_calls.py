"""A call that cannot be made affects its own orders, and no others."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from providers.registry import BY_NAME
from rescind.config.accounts import LaneConfig
from rescind.engine.call_deadlines import (
    ON_THE_WAY,
    Limits,
    TooLateError,
    longest_call,
    too_late,
)
from rescind.engine.call_results import FINE
from rescind.engine.calls import SEALED_WAIT, Caller
from rescind.engine.provider_tokens import Tokens
from rescind.engine.rate_limiter import Permit
from rescind.ledger.changes.recording import new_id
from rescind.ledger.decision import decide
from rescind.ledger.decision_events import Halve, Lost, NotSent, PutBack, Wait
from rescind.ledger.progress import Claimed, Progress
from rescind.ledger.seal import Seal, new_key
from rescind.ledger.states import State
from rescind.provider.evidence import Evidence, Exchange
from rescind.provider.outcomes import Finding, Order
from tests.conftest import free_port
from tests.providers.conftest import Wire, wire

__all__ = ["wire"]
AKINON = BY_NAME["akinon"]
GOOD = {"is_all": True, "reasons": {"101": 2}}


def claimed(number: int, params: dict[str, Any], **changes: Any) -> Claimed:
    now = datetime.now(UTC)
    lease = changes.pop("lease", timedelta(minutes=5))
    progress = Progress(State.SENDING, attempts=1, spent=1, due_at=now + lease)
    return Claimed(
        f"id-{number}", Order(str(number), params), 2, now, progress, **changes
    )


@pytest.fixture
def caller() -> Caller:
    nowhere = f"http://127.0.0.1:{free_port()}"
    values = {"base_url": nowhere, "token": "the-token"}
    account = AKINON.account_model.model_validate(values)
    config = LaneConfig(AKINON, AKINON.policy, account)
    seal = Seal(new_key())
    tokens = Tokens(Redis.from_url(f"redis://127.0.0.1:{free_port()}"), seal)
    return Caller(("akinon", "default"), config, "cancel", seal, tokens)


def test_a_provider_that_refuses_connections_was_sent_nothing(caller: Caller) -> None:
    asked = caller.call([claimed(1, GOOD)])
    assert asked.events == {"id-1": NotSent()}
    assert asked.effect.failed


def test_an_order_whose_request_cannot_be_built_is_separated_from_its_batch(
    caller: Caller,
) -> None:
    broken = caller.call([claimed(1, GOOD | {"reasons": {101}}), claimed(2, GOOD)])
    assert broken.events == {"id-1": Halve(2), "id-2": Halve(2)}
    alone = caller.call([claimed(1, GOOD | {"reasons": {101}})])
    assert alone.events == {"id-1": Lost()}
    assert alone.effect.held is None
    assert alone.effect.failed is None
    assert "a bug of ours" in str(alone.effect.words)


def test_params_that_cannot_be_unsealed_delay_only_their_order(
    caller: Caller,
) -> None:
    sealed = Seal(new_key()).close({"ibans": {"101": "TR00"}})
    asked = caller.call([claimed(1, GOOD, sealed=sealed)])
    (event,) = asked.events.values()
    assert isinstance(event, Wait)
    assert event.until is not None
    assert event.until > datetime.now(UTC) + SEALED_WAIT - timedelta(seconds=30)
    assert asked.effect.held is None
    assert "RESCIND_SEAL_KEY" in str(asked.effect.words)


def test_nothing_is_sent_past_the_deadline(caller: Caller) -> None:
    late = datetime.now(UTC) - timedelta(seconds=1)
    asked = caller.call([claimed(1, GOOD, cancel_before=late)])
    assert asked.call is None
    assert isinstance(asked.events["id-1"], PutBack)


class Clock:
    """The time that calls read. A slow login moves it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = datetime.now(UTC)
        monkeypatch.setattr("rescind.provider.wire.Sockets.now", lambda _: self.now)


@pytest.mark.parametrize("moved", [timedelta(hours=-1), timedelta(hours=1)])
def test_a_call_ends_no_earlier_than_it_took_whatever_its_clock_is_set_to(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, moved: timedelta
) -> None:
    """Else a reading soon after it would be taken for one long after it."""
    clock = Clock(monkeypatch)
    began, took = clock.now, timedelta(seconds=20)

    def lost(*_: object) -> Exchange:
        clock.now += moved + took
        return Exchange(Evidence.MAYBE_DONE, took=took, asked_at=began)

    monkeypatch.setattr("rescind.engine.calls.exchange", lost)
    assert caller.call([claimed(1, GOOD)]).at == max(clock.now, began + took)


def test_a_call_begun_too_late_for_its_lease_is_not_sent_though_the_clock_was_set_back(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    clock.now -= timedelta(hours=1)
    late = caller.call([claimed(1, GOOD)], begin_by=time.monotonic() - 1)
    assert late.call is None
    assert late.events == {"id-1": PutBack(clock.now)}
    in_time = caller.call([claimed(1, GOOD)], begin_by=time.monotonic() + 60)
    assert in_time.call is not None


class SlowLogin:
    """Tokens whose login takes ``seconds``."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds

    def get(self, *_: object) -> str:
        self._clock.now += timedelta(seconds=self._seconds)
        return "a-token"


def test_a_deadline_that_passes_during_a_login_is_kept(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    before, after = (clock.now + timedelta(seconds=s) for s in (2, 60))
    slow = replace(caller, tokens=cast("Tokens", SlowLogin(clock, 3)))
    late = claimed(1, GOOD, cancel_before=before)
    asked = slow.call([late, claimed(2, GOOD, cancel_before=after)])
    assert asked.call is None
    assert asked.events == {"id-1": PutBack(before), "id-2": PutBack(clock.now)}
    assert asked.effect == FINE, "the lane has done nothing wrong"
    reading = replace(slow, operation="verify")
    assert reading.call([late]).call is not None, "past it, it is still read back"


def test_nothing_is_sent_after_a_login_that_took_too_long_for_its_lease(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    slow = replace(caller, tokens=cast("Tokens", SlowLogin(clock, 20)))
    lease = longest_call(AKINON.policy) + timedelta(seconds=10)
    asked = slow.call([claimed(1, GOOD, lease=lease)])
    assert asked.events == {"id-1": NotSent()}
    assert "lease" in str(asked.effect.failed)


def test_a_call_whose_thread_starts_after_the_deadline_is_not_made(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    late = claimed(1, GOOD, cancel_before=clock.now + timedelta(seconds=2))
    clock.now += timedelta(seconds=3)
    asked = caller.call([late])
    assert asked.call is None
    done = decide(late, asked.events["id-1"], AKINON.policy, asked.at)
    assert (done.state, done.attempts) == (State.EXPIRED, 0)


def test_orders_claimed_for_too_long_are_returned_and_the_lane_is_not_at_fault(
    caller: Caller,
) -> None:
    lease = longest_call(AKINON.policy) - timedelta(seconds=1)
    asked = caller.call([claimed(1, GOOD, lease=lease)])
    assert isinstance(asked.events["id-1"], PutBack)
    assert asked.effect == FINE
    assert asked.call is None


def test_a_permit_that_was_kept_for_too_long_is_not_used(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    permit = Permit(send_by=clock.now)
    asked = caller.call([claimed(1, GOOD)], permit)
    assert asked.events == {"id-1": PutBack(clock.now)}
    assert asked.effect == FINE, "the lane has done nothing wrong"
    assert not asked.permit.used


def test_a_call_without_an_answer_has_used_its_permit(caller: Caller) -> None:
    asked = caller.call([claimed(1, GOOD)], Permit())
    assert asked.permit.used
    assert asked.permit.ended is not None


def test_a_call_does_not_begin_before_its_permit_is_valid(caller: Caller) -> None:
    permit = Permit(not_before=time.monotonic() + 0.2)
    asked = caller.call([claimed(1, GOOD)], permit)
    assert asked.permit.ended is not None
    assert asked.permit.ended >= permit.not_before


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_redirect_after_a_cancel_leaves_it_open_and_holds_the_lane(
    caller: Caller, wire: Wire, status: int
) -> None:
    head = f"HTTP/1.1 {status} Found\r\nLocation: /done\r\nConnection: close\r\n"
    wire.answers(f"{head}Content-Length: 0\r\n\r\n")
    asked = directed(caller, wire).call([claimed(1, GOOD)])
    assert asked.events == {"id-1": Lost()}
    assert "redirect" in str(asked.effect.held)


@pytest.mark.parametrize("operation", ["cancel", "verify", "poll"])
def test_the_answer_of_each_operation_is_read(
    caller: Caller, wire: Wire, operation: str
) -> None:
    body = '{"detail": "Not found."}'
    head = f"HTTP/1.1 404 Not Found\r\nContent-Length: {len(body)}\r\n\r\n"
    wire.answers(head + body)
    here = replace(directed(caller, wire), operation=operation)
    assert isinstance(here.call([claimed(1, GOOD)]).events["id-1"], Finding)


def directed(caller: Caller, wire: Wire) -> Caller:
    """The same caller, with an account whose provider is ``wire``."""
    values = {"base_url": f"http://{wire.host}:{wire.port}", "token": "the-token"}
    account = AKINON.account_model.model_validate(values)
    return replace(caller, config=LaneConfig(AKINON, AKINON.policy, account))


class Renewed:
    """Tokens that are new each time."""

    def get(self, *_: object) -> str:
        return new_id()


@pytest.mark.parametrize("room", [True, False])
def test_with_a_new_token_a_call_is_sent_again_where_the_rate_has_room(
    caller: Caller,
    wire: Wire,
    room: bool,
) -> None:
    # The reply closes the connection: a call on a closing one may get no answer.
    head = "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 2\r\n\r\n"
    wire.answers(head + "{}")
    here = replace(directed(caller, wire), tokens=cast("Tokens", Renewed()))
    permit = Permit(more=lambda: [Permit()] if room else [])
    asked = here.call([claimed(1, GOOD)], permit)
    assert len(wire.requests) == (2 if room else 1)
    assert isinstance(asked.events["id-1"], Wait if room else NotSent)


@given(left=st.floats(-5, 30), lease=st.floats(-5, 120), kept=st.floats(-5, 30))
def test_no_request_is_sent_after_its_deadline_or_permit_or_too_late_for_its_lease(
    left: float, lease: float, kept: float
) -> None:
    now = datetime.now(UTC)
    policy = AKINON.policy
    before, ends = now + timedelta(seconds=left), now + timedelta(seconds=lease)
    until = now + timedelta(seconds=kept)
    permit = Permit(send_by=until)
    limits = Limits(lease_ends=ends, deadline=before, permit=permit)
    try:
        send_by = limits.send_by(policy, now)
    except TooLateError:
        assert before <= now + ON_THE_WAY or until <= now
    else:
        assert send_by < before
        assert send_by <= until
        assert send_by + timedelta(seconds=2 * policy.read_timeout) <= ends


@given(st.lists(st.floats(-1, 1), min_size=1))
def test_only_the_late_orders_of_a_batch_are_returned(lefts: list[float]) -> None:
    now = datetime.now(UTC)
    batch = [
        claimed(n, GOOD, cancel_before=now + timedelta(seconds=left))
        for n, left in enumerate(lefts)
    ]
    for one, event in zip(batch, too_late(batch, now).values(), strict=True):
        after = decide(one, event, AKINON.policy, now)
        assert one.cancel_before
        sendable = after.due_at == now
        assert sendable == (one.cancel_before > now + ON_THE_WAY)
        assert (after.state is State.EXPIRED) == one.past_deadline(now)
