"""A call that cannot be made says so of its own orders, and of no others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis import Redis

from ledger.decision import Halve, Lost, NotSent, Wait
from ledger.progress import Claimed, Progress
from ledger.seal import Seal, new_key
from ledger.states import State
from providers.model import Order
from providers.registry import BY_NAME
from tests.conftest import free_port
from worker.accounts import LaneConfig
from worker.calls import SEALED_WAIT, Caller
from worker.tokens import Tokens

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
    asked = caller.ask([claimed(1, GOOD)])
    assert asked.events == {"id-1": NotSent()}
    assert asked.effect.failed


def test_an_order_that_cannot_be_built_is_set_apart_from_its_batch(
    caller: Caller,
) -> None:
    broken = caller.ask([claimed(1, GOOD | {"reasons": {101}}), claimed(2, GOOD)])
    assert broken.events == {"id-1": Halve(2), "id-2": Halve(2)}
    alone = caller.ask([claimed(1, GOOD | {"reasons": {101}})])
    assert alone.events == {"id-1": Lost()}
    assert alone.effect.held is None
    assert alone.effect.failed is None
    assert "a bug of ours" in str(alone.effect.words)


def test_params_that_our_key_does_not_open_keep_back_their_order_alone(
    caller: Caller,
) -> None:
    sealed = Seal(new_key()).close({"ibans": {"101": "TR00"}})
    asked = caller.ask([claimed(1, GOOD, sealed=sealed)])
    (event,) = asked.events.values()
    assert isinstance(event, Wait)
    assert event.until is not None
    assert event.until > datetime.now(UTC) + SEALED_WAIT - timedelta(seconds=30)
    assert asked.effect.held is None
    assert "RESCIND_SEAL_KEY" in str(asked.effect.words)


def test_nothing_is_sent_past_the_deadline(caller: Caller) -> None:
    late = datetime.now(UTC) - timedelta(seconds=1)
    asked = caller.ask([claimed(1, GOOD, cancel_before=late)])
    assert asked.call is None
    assert isinstance(asked.events["id-1"], Wait)


def test_nothing_is_sent_that_could_outlast_its_lease(caller: Caller) -> None:
    asked = caller.ask([claimed(1, GOOD, lease=timedelta(seconds=10))])
    assert asked.events == {"id-1": NotSent()}
    assert "lease" in str(asked.effect.failed)
