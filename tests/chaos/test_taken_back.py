"""What a producer is told of its withdrawals is compared with the ledger."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine

from chaos.taken_back import Withdrawals
from rescind.ledger.reading.queries import as_record
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import open_ledger
from tests.ledger.build import NOW, add, row


def record(engine: Engine, one: str) -> dict[str, Any]:
    return as_record(row(engine, one))


def test_what_the_producer_was_told_is_no_offence(engine: Engine) -> None:
    waits, sent = add(engine, order="1"), add(engine, State.SENDING, order="2")
    done = Withdrawals(engine)
    told = [done.withdraw(one, NOW) for one in (waits, sent, "nobody")]
    assert told == ["done", "already-sent", "it is not in the ledger"]
    assert (done.withdrawn, done.refused) == ({waits}, 1)
    assert list(done.offences([record(engine, one) for one in (waits, sent)])) == []


@pytest.mark.parametrize("state", [State.QUEUED, State.CANCELLED])
def test_one_that_goes_on_after_its_withdrawal_is_an_offence(
    engine: Engine, state: State
) -> None:
    one = add(engine)
    done = Withdrawals(engine)
    done.withdraw(one, NOW)
    (offence,) = done.offences([{**record(engine, one), "state": state}])
    assert f"was told that it is withdrawn, and it is {state}" in offence.why


def test_one_that_is_withdrawn_without_an_answer_is_an_offence(engine: Engine) -> None:
    one = record(engine, add(engine, State.WITHDRAWN))
    (offence,) = Withdrawals(engine).offences([one])
    assert "was told no such thing, and it is withdrawn" in offence.why


def test_without_an_answer_both_ends_are_true(engine: Engine) -> None:
    one = add(engine)
    away = Withdrawals(open_ledger("sqlite:////no-such-folder/ledger.db"))
    assert away.withdraw(one, NOW) == "nothing"
    for state in (State.QUEUED, State.WITHDRAWN):
        assert list(away.offences([{**record(engine, one), "state": state}])) == []
