"""One cancellation in several spellings is one, also where an older version kept it as
it was written."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from rescind.intake.preview import preview
from rescind.intake.receipts import Receipt, Taken
from rescind.intake.submissions import take_in
from rescind.ledger.changes.insertion import insert_new
from rescind.ledger.changes.new_cancellation import NewCancellation, beginning
from rescind.ledger.changes.recording import new_id
from rescind.ledger.reading.predecessors import predecessors_of
from rescind.ledger.seal import Seal, new_key
from rescind.ledger.storage.transactions import reading, writing
from rescind.operations.actions import UnknownError, found
from tests.intake.test_validation import ACCOUNTS
from tests.ledger.build import BY

SEAL = Seal(new_key())
UUID = "3e9caf87-5cb7-4c4e-adcb-fc2ec54cf24e"
SOME = {"cancel_items": [1, 2], "reasons": {"1": 2, "2": 2}}
WHOLE = {"is_all": True, "reasons": {"1": 2}}
IBANS = {"ibans": {"1": "TR330006100519786457841326"}}


def entry(provider: str, order: object, **params: Any) -> dict[str, Any]:
    return {"provider": provider, "order": order, "params": params}


SAME: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "zeros": (entry("iletimerkezi", "312891245"), entry("iletimerkezi", "0312891245")),
    "a number": (entry("iletimerkezi", "0312"), entry("iletimerkezi", 312)),
    "capitals of an AWB": (entry("ithink", "SF-1234AB"), entry("ithink", "sf-1234ab")),
    "capitals of a UUID": (
        entry("dukkango", UUID, reason_id=4),
        entry("dukkango", UUID.upper(), reason_id=4),
    ),
    "zeros of a panel": (entry("notpanel", "23501"), entry("notpanel", "0023501")),
    "items": (
        entry("akinon", "7", **SOME),
        entry("akinon", 7, **{**SOME, "cancel_items": ["2", 1]}),
    ),
    "an empty list": (
        entry("akinon", "7", **WHOLE),
        entry("akinon", "7", **WHOLE, cancel_items=[]),
    ),
    "an IBAN in groups": (
        entry("akinon", "7", **WHOLE, **IBANS),
        entry("akinon", "7", **WHOLE, ibans={"1": "tr33 0006 1005 1978 6457 8413 26"}),
    ),
}


def take(engine: Engine, now: datetime, *entries: object) -> list[Taken]:
    return take_in(engine, ACCOUNTS, SEAL, entries, now, by=BY)


@pytest.mark.parametrize("case", SAME)
def test_another_spelling_is_the_same_cancellation(
    engine: Engine, now: datetime, case: str
) -> None:
    one, other = SAME[case]
    first, second = take(engine, now, one, other)
    [third] = take(engine, now, other)
    receipts = (first.receipt, second.receipt, third.receipt)
    assert receipts == (Receipt.ACCEPTED, Receipt.DUPLICATE, Receipt.DUPLICATE)
    assert {first.id} == {second.id, third.id}


@pytest.mark.parametrize("case", SAME)
def test_a_row_of_an_older_version_is_found_when_it_is_submitted_again(
    engine: Engine, now: datetime, case: str
) -> None:
    _, other = SAME[case]
    kept = stored(engine, now, other)
    assert_duplicate(engine, now, other, kept)


@pytest.mark.parametrize("case", SAME)
def test_a_row_of_an_older_version_is_compared_in_canonical_form(
    engine: Engine, now: datetime, case: str
) -> None:
    one, other = SAME[case]
    kept = stored(engine, now, other, "mine")
    assert_duplicate(engine, now, {**one, "key": "mine"}, kept)


def assert_duplicate(
    engine: Engine, now: datetime, entry: dict[str, Any], kept: str
) -> None:
    [seen] = preview(engine, ACCOUNTS, SEAL, [entry], now)
    [taken] = take(engine, now, entry)
    assert (seen.receipt, taken.receipt) == (Receipt.DUPLICATE,) * 2
    assert (seen.id, taken.id) == (kept, kept)


def test_two_spellings_of_a_stored_order_are_both_duplicates(
    engine: Engine, now: datetime
) -> None:
    one, other = SAME["zeros"]
    kept = stored(engine, now, other)
    taken = take(engine, now, one, other, one)
    assert [(t.receipt, t.id) for t in taken] == [(Receipt.DUPLICATE, kept)] * 3


def stored(
    engine: Engine, now: datetime, entry: dict[str, Any], key: str | None = None
) -> str:
    """Store ``entry`` unchanged, as an older version did; its id."""
    order, params = str(entry["order"]), dict(entry["params"])
    sealed = {"ibans": params.pop("ibans")} if "ibans" in params else None
    items = params.get("cancel_items")
    params |= {"cancel_items": [int(one) for one in items]} if items else {}
    default = f"{order}:1,2" if items else order
    if entry["provider"] == "dukkango":
        default = order.lower()
    new = NewCancellation(
        id=new_id(),
        provider=entry["provider"],
        account="default",
        order=order,
        key=key or default,
        progress=beginning(None, now),
        opened_at=now,
        by=BY,
        params=params,
        sealed=SEAL.close(sealed) if sealed else None,
    )
    with writing(engine) as connection:
        (kept,) = insert_new(connection, [new], now)
    return kept


@pytest.mark.parametrize(
    "other",
    [
        entry("akinon", "7", **{**SOME, "reasons": {"1": 2, "2": 9}}),
        entry("akinon", "7", **SOME, return_details=False),
        entry("akinon", "7", **SOME, **IBANS),
    ],
)
def test_other_params_are_still_refused_by_name(
    engine: Engine, now: datetime, other: dict[str, Any]
) -> None:
    first, second = take(engine, now, entry("akinon", "7", **SOME), other)
    assert (first.receipt, second.receipt) == (Receipt.ACCEPTED, Receipt.REFUSED)
    assert "was submitted with other params" in str(second.wrong)


def test_a_cancellation_is_found_by_each_spelling_of_its_order(
    engine: Engine, now: datetime
) -> None:
    [one] = take(engine, now, entry("iletimerkezi", "312"))
    [named] = take(engine, now, {**entry("ithink", "SF-1"), "key": "MINE"})
    with reading(engine) as connection:
        for spelling in ("312", "0312", "000312"):
            assert found(connection, f"iletimerkezi/default/{spelling}").id == one.id
        assert found(connection, "ithink/default/MINE").id == named.id
        for strange in ("ithink/default/mine", "ithink/default/sf-1", "x/y/z", "a"):
            with pytest.raises(UnknownError):
                found(connection, strange)


@pytest.mark.parametrize("case", SAME)
def test_a_ref_names_the_row_of_an_older_version(
    engine: Engine, now: datetime, case: str
) -> None:
    _, other = SAME[case]
    kept = stored(engine, now, other)
    waiting = {"provider": "notpanel", "order": "ord_9", "after": ["first"]}
    first, second = take(engine, now, {**other, "ref": "first"}, waiting)
    assert (first.receipt, first.id) == (Receipt.DUPLICATE, kept)
    assert second.receipt is Receipt.ACCEPTED, second.wrong
    with reading(engine) as connection:
        [[before]] = predecessors_of(connection, [second.id]).values()
    assert before.id == kept
