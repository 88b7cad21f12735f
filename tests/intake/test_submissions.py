"""Tests of taking in: every entry gets a result, and a bad one affects no other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import Engine, text

from providers.registry import PROVIDERS
from rescind.browse.browsing import list_rows
from rescind.browse.wanted import Wanted
from rescind.config.accounts import Accounts
from rescind.config.callback_urls import host_patterns
from rescind.config.callbacks import Callbacks
from rescind.config.webhook_secrets import WebhookSecrets
from rescind.intake.receipts import Receipt, Taken, lanes_to_notify
from rescind.intake.submissions import take_in
from rescind.ledger.changes.dependencies import NO_DEPENDENTS, Dependents
from rescind.ledger.changes.insertion import insert_new
from rescind.ledger.changes.new_cancellation import NewCancellation
from rescind.ledger.deliveries.delivery_queries import deliveries_of
from rescind.ledger.reading.queries import as_record, find, history
from rescind.ledger.seal import Seal, new_key
from rescind.ledger.storage.transactions import LedgerUnreachableError, reading, writing
from tests.intake.test_validation import ACCOUNTS, ENTRY, GOOD, JSON, UUID
from tests.ledger.build import BY

SEAL = Seal(new_key())


def take(engine: Engine, now: datetime, *entries: object) -> list[Taken]:
    return take_in(engine, ACCOUNTS, SEAL, entries, now, by=BY)


def record(engine: Engine, one: Taken) -> dict[str, Any]:
    with reading(engine) as connection:
        row = find(connection, one.id)
        assert row is not None
        return as_record(row)


def count(engine: Engine) -> int:
    with reading(engine) as connection:
        return len(list_rows(connection, Wanted(), 10_000))


def test_what_comes_too_late_is_kept_as_expired_and_changes_nothing_that_stands(
    engine: Engine, now: datetime
) -> None:
    before = take_in(engine, ACCOUNTS, SEAL, [GOOD], now, by=BY)
    later = {**GOOD, "order": "ord_2", "not_before": "+1h"}
    bad = {"provider": "notpanel"}
    taken = take_in(
        engine, ACCOUNTS, SEAL, [GOOD, later, bad], now, late="too late", by=BY
    )
    assert taken[0].id == before[0].id
    records = [record(engine, one) for one in taken]
    assert [one["state"] for one in records] == ["queued", "expired", "rejected"]
    assert records[1]["reason"] == "deadline_passed"
    assert records[1]["provider_message"] == "too late"
    assert records[1]["finished_at"] is not None


def test_each_entry_gets_a_result_in_order(engine: Engine, now: datetime) -> None:
    entries = [GOOD, {"provider": "x"}, {**GOOD, "order": "ord_2"}, GOOD, 5]
    taken = take(engine, now, *entries)
    assert [one.receipt for one in taken] == [
        Receipt.ACCEPTED,
        Receipt.REFUSED,
        Receipt.ACCEPTED,
        Receipt.DUPLICATE,
        Receipt.REFUSED,
    ]
    assert taken[3].id == taken[0].id
    assert taken[0].lane == ("notpanel", "default")
    assert taken[1].lane is None
    assert count(engine) == 4


def test_a_refused_entry_is_stored_with_its_fault(
    engine: Engine, now: datetime
) -> None:
    (one,) = take(engine, now, {**GOOD, "order": "a b", "group": "g"})
    kept = record(engine, one)
    assert (kept["state"], kept["reason"]) == ("rejected", "invalid_request")
    assert kept["provider_message"] == one.wrong
    assert (kept["order"], kept["group"]) == ("a b", "g")
    with reading(engine) as connection:
        assert len(history(connection, one.id)) == 1


GOOD_URL = "https://shop.example.com/done"
ALLOWED = Callbacks(
    host_patterns("shop.example.com"),
    secrets=WebhookSecrets(("whsec_x",)),
    tasks=True,
    of_refused=True,
)


def deliveries(engine: Engine, *taken: Taken) -> list[tuple[str, str]]:
    with reading(engine) as connection:
        found = [told for one in taken for told in deliveries_of(connection, one.id)]
    return [(told["kind"], told["type"]) for told in found]


def told(
    engine: Engine, now: datetime, callbacks: Callbacks, *entries: dict[str, Any]
) -> list[tuple[str, str]]:
    asked = {"callback_url": GOOD_URL, "callback_task": "shop.ended"}
    some = [{**asked, **entry} for entry in entries]
    taken = take_in(engine, ACCOUNTS, SEAL, some, now, callbacks=callbacks, by=BY)
    return deliveries(engine, *taken)


def test_a_producer_without_an_answer_gets_the_refusal_delivered(
    engine: Engine, now: datetime
) -> None:
    bad = {**GOOD, "order": "a b"}
    ends = [("task", "cancellation.rejected"), ("webhook", "cancellation.rejected")]
    assert told(engine, now, ALLOWED, bad) == ends
    # Refusing the entry again makes neither a new row nor a new delivery.
    assert told(engine, now, ALLOWED, bad) == ends
    conflict = [{**GOOD, "key": "k"}, {**GOOD, "key": "k", "order": "ord_2"}]
    assert told(engine, now, ALLOWED, *conflict) == ends
    with reading(engine) as connection:
        made = connection.execute(text("SELECT count(*) FROM delivery")).scalar_one()
    assert made == 4


def test_a_producer_with_an_answer_gets_no_delivery_of_the_refusal(
    engine: Engine, now: datetime
) -> None:
    here = replace(ALLOWED, of_refused=False)
    conflict = {**GOOD, "order": "ord_2", "key": "k"}
    entries = [{**GOOD, "order": "a b"}, {**GOOD, "key": "k"}, conflict]
    assert told(engine, now, here, *entries) == []


def test_an_entry_that_expired_before_it_arrived_is_delivered(
    engine: Engine, now: datetime
) -> None:
    late = {**GOOD, "cancel_before": (now - timedelta(hours=1)).isoformat()}
    ends = [("task", "cancellation.expired"), ("webhook", "cancellation.expired")]
    assert told(engine, now, replace(ALLOWED, of_refused=False), late) == ends


def test_a_callback_that_is_not_allowed_refuses_its_entry(
    engine: Engine, now: datetime
) -> None:
    elsewhere = {**GOOD, "callback_url": "https://evil.example.com/"}
    [one] = take_in(engine, ACCOUNTS, SEAL, [elsewhere], now, callbacks=ALLOWED, by=BY)
    assert one.receipt is Receipt.REFUSED
    assert "RESCIND_WEBHOOK_HOSTS does not list" in (one.wrong or "")
    assert deliveries(engine, one) == []


def test_an_entry_refused_twice_is_stored_once(engine: Engine, now: datetime) -> None:
    bad = {**GOOD, "order": "a b"}
    first, second = take(engine, now, bad), take(engine, now, bad)
    assert first[0].id == second[0].id
    assert second[0].receipt is Receipt.REFUSED
    assert count(engine) == 1


def test_a_corrected_entry_is_not_a_duplicate(engine: Engine, now: datetime) -> None:
    bad = {"provider": "dukkango", "order": UUID, "params": {"reason_id": 9}}
    good = {**bad, "params": {"reason_id": 4}}
    take(engine, now, bad)
    assert take(engine, now, good)[0].receipt is Receipt.ACCEPTED


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"params": {"reason_id": 5}}, "was submitted with other params"),
        ({"order": UUID[:-1] + "f"}, f"stands for order '{UUID}' already: use another"),
    ],
)
def test_the_same_key_for_something_else_is_refused_by_name(
    engine: Engine, now: datetime, other: dict[str, Any], sentence: str
) -> None:
    entry = {
        "provider": "dukkango",
        "order": UUID,
        "key": "k",
        "params": {"reason_id": 4},
    }
    (first,) = take(engine, now, entry)
    (second,) = take(engine, now, {**entry, **other})
    assert second.receipt is Receipt.REFUSED
    assert second.id != first.id
    assert "key 'k' of dukkango/default" in (second.wrong or "")
    assert sentence in (second.wrong or "")
    assert record(engine, first)["state"] == "queued"
    assert record(engine, second)["state"] == "rejected"


def test_sealed_params_are_compared_and_never_shown(
    engine: Engine, now: datetime
) -> None:
    params = {"is_all": True, "reasons": {"1": 2}, "ibans": {"1": "TR33"}}
    entry = {"provider": "akinon", "order": "7", "params": params}
    other = {**entry, "params": {**params, "ibans": {"1": "TR44"}}}
    first, same, changed = take(engine, now, entry, entry, other)
    assert same.receipt is Receipt.DUPLICATE
    assert changed.receipt is Receipt.REFUSED
    assert "TR" not in str(record(engine, first))
    assert "TR44" not in str(changed)
    with reading(engine) as connection:
        rows = connection.execute(text("SELECT * FROM cancellation")).all()
    assert "TR33" not in str(rows)
    assert "TR44" not in str(rows)


def test_the_times_decide_the_first_state(engine: Engine, now: datetime) -> None:
    past = (now - timedelta(hours=1)).isoformat()
    entries = [
        {**GOOD, "order": "o1", "not_before": "+1h"},
        {**GOOD, "order": "o2", "not_before": past},
        {**GOOD, "order": "o3", "cancel_before": past},
    ]
    states = [record(engine, one)["state"] for one in take(engine, now, *entries)]
    assert states == ["scheduled", "queued", "expired"]


@pytest.mark.parametrize("size", [0, 101, 1000])
def test_any_number_at_once(engine: Engine, now: datetime, size: int) -> None:
    taken = take(engine, now, *({**GOOD, "order": f"o{n}"} for n in range(size)))
    assert {one.receipt for one in taken} <= {Receipt.ACCEPTED}
    assert count(engine) == size


def test_lanes_share_no_keys(engine: Engine, now: datetime) -> None:
    other = {**GOOD, "account": "branch-7"}
    taken = take(engine, now, GOOD, other)
    assert [one.receipt for one in taken] == [Receipt.ACCEPTED] * 2


def test_with_an_unusable_accounts_file_nothing_is_refused(
    engine: Engine, now: datetime
) -> None:
    (one,) = take_in(engine, Accounts(fault="gone"), SEAL, [GOOD], now, by=BY)
    assert one.receipt is Receipt.ACCEPTED


def test_a_full_disk_accepts_nothing_and_is_reported(
    sqlite_ledger_url: str, now: datetime
) -> None:
    from rescind.ledger.storage.transactions import open_ledger

    engine = open_ledger(sqlite_ledger_url)
    with writing(engine) as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    with engine.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 1}")
    entries = [{**GOOD, "order": f"o{n}"} for n in range(1000)]
    with pytest.raises(LedgerUnreachableError, match=r"the disk is full; make room"):
        take_in(engine, ACCOUNTS, SEAL, entries, now, by=BY)
    assert count(engine) == 0
    engine.dispose()


@given(entry=JSON | ENTRY)
@settings(
    max_examples=60,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
    ],
)
def test_any_json_is_accepted_or_stored_as_refused(
    engine: Engine, now: datetime, entry: object
) -> None:
    (one,) = take(engine, now, entry)
    assert record(engine, one)["id"] == one.id
    assert (one.receipt is Receipt.REFUSED) == (one.wrong is not None)


def test_every_provider_has_an_account_here() -> None:
    assert {name for name, _ in ACCOUNTS.lanes} == {p.name for p in PROVIDERS}


@pytest.mark.parametrize("depth", [32, 33, 500, 900])
def test_deep_nesting_affects_no_other_entry(
    engine: Engine, now: datetime, depth: int
) -> None:
    deep = json.loads('{"x":' * depth + "1" + "}" * depth)
    entries = [{**GOOD, "metadata": deep}, {**GOOD, "order": "ord_2"}, deep]
    first, second, third = take(engine, now, *entries)
    wrong = "metadata must not be nested more than 32 deep" if depth > 32 else None
    assert first.wrong == wrong
    assert second.receipt is Receipt.ACCEPTED
    assert third.receipt is Receipt.REFUSED


@pytest.mark.parametrize("value", [{"x": 10**5000}, {(): 1}, object()], ids=type)
def test_a_value_that_is_not_json_affects_no_other_entry(
    engine: Engine, now: datetime, value: object
) -> None:
    taken = take(engine, now, {**GOOD, "metadata": value}, GOOD)
    assert [one.receipt for one in taken] == [Receipt.REFUSED, Receipt.ACCEPTED]


# --- with an engine -------------------------------------------------------------------


class Inserting:
    """An engine that inserts the entries it gets, and records them."""

    def __init__(self, engine: Engine, now: datetime) -> None:
        self.given: list[list[str]] = []
        self._engine, self._now = engine, now

    def __call__(
        self, new: Sequence[NewCancellation], _: Dependents = NO_DEPENDENTS
    ) -> frozenset[str]:
        self.given.append([one.order for one in new])
        with writing(self._engine) as connection:
            return insert_new(connection, new, self._now)


def take_with(
    engine: Engine, now: datetime, *entries: object
) -> tuple[list[Taken], Inserting]:
    insert = Inserting(engine, now)
    taken = take_in(engine, ACCOUNTS, SEAL, entries, now, insert=insert, by=BY)
    return taken, insert


def some(*names: str, **values: Any) -> list[dict[str, Any]]:
    return [{**GOOD, "order": name, **values} for name in names]


def test_an_entry_inserted_by_the_engine_needs_no_notification(
    engine: Engine, now: datetime
) -> None:
    taken, insert = take_with(engine, now, *some("o1", "o2"))
    assert [(t.receipt, t.with_engine) for t in taken] == [(Receipt.ACCEPTED, True)] * 2
    assert insert.given == [["o1", "o2"]]
    assert count(engine) == 2
    assert lanes_to_notify(taken) == set()


def test_an_entry_inserted_without_the_engine_has_its_lane_notified(
    engine: Engine, now: datetime
) -> None:
    taken = take(engine, now, *some("o1"), {"provider": "x"})
    assert lanes_to_notify(taken) == {("notpanel", "default")}


def test_an_entry_that_the_engine_did_not_insert_is_a_duplicate_or_refused(
    engine: Engine, now: datetime
) -> None:
    old, keyed = take(engine, now, *some("o6"), *some("o8", key="mine"))
    entries = [*some("o5", "o6"), *some("o9", key="mine"), {"provider": "x"}]
    taken, insert = take_with(engine, now, *entries)
    assert [t.receipt for t in taken] == [
        Receipt.ACCEPTED,
        Receipt.DUPLICATE,
        Receipt.REFUSED,
        Receipt.REFUSED,
    ]
    assert insert.given == [["o5", "o6", "o9"]]
    assert taken[1].id == old.id
    assert "stands for order 'o8' already" in (taken[2].wrong or "")
    assert record(engine, keyed)["order"] == "o8"


def test_the_engine_gets_the_first_of_two_entries_with_one_key(
    engine: Engine, now: datetime
) -> None:
    entries = [*some("o1", "o1"), *some("o2", key="o1")]
    (first, second, third), insert = take_with(engine, now, *entries)
    assert insert.given == [["o1"]]
    assert (first.receipt, first.with_engine) == (Receipt.ACCEPTED, True)
    assert (second.receipt, second.id) == (Receipt.DUPLICATE, first.id)
    assert third.receipt is Receipt.REFUSED


def test_the_engine_gets_no_refused_entry(engine: Engine, now: datetime) -> None:
    taken, insert = take_with(engine, now, {"provider": "x"}, 5)
    assert insert.given == [[]]
    assert {t.receipt for t in taken} == {Receipt.REFUSED}


def test_an_insert_whose_answer_was_lost_is_found_by_its_id(
    engine: Engine, now: datetime
) -> None:
    insert = Inserting(engine, now)

    def lost(new: Sequence[NewCancellation], _: Dependents) -> frozenset[str]:
        insert(new)
        return frozenset()

    taken = take_in(engine, ACCOUNTS, SEAL, some("o1", "o2"), now, insert=lost, by=BY)
    assert {t.receipt for t in taken} == {Receipt.DUPLICATE}
    assert [record(engine, t)["order"] for t in taken] == ["o1", "o2"]
    assert count(engine) == 2


def test_each_entry_has_its_producers_trace(engine: Engine, now: datetime) -> None:
    traces = ["00-one", None]
    taken = take_in(engine, ACCOUNTS, SEAL, some("o1", "o2"), now, trace=traces, by=BY)
    with reading(engine) as connection:
        found = [find(connection, one.id) for one in taken]
    assert [row.trace for row in found if row] == traces
