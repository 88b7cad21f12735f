"""A repeated submission changes nothing, and its receipt says what differs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from rescind.config.callback_urls import host_patterns
from rescind.config.callbacks import Callbacks
from rescind.config.webhook_secrets import WebhookSecrets
from rescind.intake.preview import preview
from rescind.intake.receipts import Receipt, Taken
from rescind.intake.repeats import remark
from rescind.intake.submissions import take_in
from rescind.ledger.changes.withdrawals import withdraw
from rescind.ledger.reading.queries import find
from rescind.ledger.storage.transactions import reading, writing
from tests.intake.test_submissions import SEAL
from tests.intake.test_validation import ACCOUNTS, GOOD
from tests.ledger.build import NOW
from tests.ledger.filled import ON_ONE_LEDGER

ALLOWED = Callbacks(
    host_patterns("shop.example.com"), secrets=WebhookSecrets(("whsec_x",)), tasks=True
)
VALUES: dict[str, list[Any]] = {
    "not_before": ["+1h", "+2h", "2020-11-20T22:09:00+03:00"],
    "cancel_before": ["+3h", "+4h"],
    "group": ["g", "h"],
    "metadata": [{"a": 1}, {"a": 1.0}, {"a": True}, {"b": {"c": [1]}}],
    "callback_url": ["https://shop.example.com/a", "https://shop.example.com/b"],
    "callback_task": ["shop.ended", "shop.done"],
}
"""Some values of each field that may differ; a field may also be left out."""


def take(engine: Engine, *entries: dict[str, Any]) -> list[Taken]:
    return take_in(engine, ACCOUNTS, SEAL, entries, NOW, ALLOWED, by="token:tests")


fields = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(values) for name, values in VALUES.items()}
)
counted = iter(range(10**9))


@ON_ONE_LEDGER
@given(first=fields, second=fields)
def test_the_receipt_of_a_repeat_lists_exactly_the_fields_that_differ(
    engine: Engine, first: dict[str, Any], second: dict[str, Any]
) -> None:
    order = {**GOOD, "order": f"ord_{next(counted)}"}
    [one] = take(engine, {**order, **first})
    before = row(engine, one.id)
    known = (engine, ACCOUNTS, SEAL, [{**order, **second}], NOW, ALLOWED)
    [shown], [again] = preview(*known), take(engine, {**order, **second})
    assert (again.receipt, again.id) == (Receipt.DUPLICATE, one.id)
    wanted = [n for n in VALUES if repr(first.get(n)) != repr(second.get(n))]
    had_task = "callback_task" in first, "callback_task" in second
    if had_task[0] != had_task[1]:
        # A task has a queue, too.
        wanted.append("callback_queue")
    assert sorted(again.differs) == sorted(wanted)
    assert (shown.differs, shown.state) == (again.differs, again.state)
    assert row(engine, one.id) == before


def row(engine: Engine, one: str) -> Any:
    with reading(engine) as connection:
        return find(connection, one)


def test_two_entries_of_one_message_differ_too(engine: Engine) -> None:
    entries = [{**GOOD, "group": "g"}, {**GOOD, "group": "h"}]
    shown = preview(engine, ACCOUNTS, SEAL, entries, NOW, ALLOWED)
    for some in (shown, take(engine, *entries)):
        assert [one.receipt for one in some] == [Receipt.ACCEPTED, Receipt.DUPLICATE]
        assert some[1].differs == ("group",)


def test_the_receipt_of_a_repeat_has_the_state(engine: Engine) -> None:
    [one] = take(engine, GOOD)
    assert (one.state, take(engine, GOOD)[0].state) == (None, "queued")
    with writing(engine) as connection:
        withdraw(connection, [one.id], NOW, by="a test")
    [again] = take(engine, GOOD)
    assert (again.receipt, again.state) == (Receipt.DUPLICATE, "withdrawn")
    assert row(engine, one.id).state == "withdrawn"


@pytest.mark.parametrize(
    ("state", "differs", "said"),
    [
        (None, (), None),
        ("queued", (), None),
        ("queued", ("group", "metadata"), "another group and metadata: nothing was"),
        ("withdrawn", (), "and then withdrawn, so nothing is sent"),
    ],
)
def test_a_repeat_is_remarked_on_only_if_its_producer_may_expect_something_else(
    state: str | None, differs: tuple[str, ...], said: str | None
) -> None:
    found = remark(state, differs)
    assert (found is None) if said is None else (found and said in found)


def test_times_are_compared_as_moments(engine: Engine, now: datetime) -> None:
    assert now == NOW
    take(engine, {**GOOD, "cancel_before": "2020-11-20T21:30:00Z"})
    [again] = take(engine, {**GOOD, "cancel_before": "2020-11-21T00:30:00+03:00"})
    assert again.differs == ()
