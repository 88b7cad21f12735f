from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import datetime, timedelta

import pytest

from examples.make_cancellations import CSV, rendered
from providers.registry import PROVIDERS
from rescind.config.accounts import Accounts, LaneConfig
from rescind.intake.files.file_reading import parse
from rescind.intake.files.file_rows import Row
from rescind.intake.receipts import Receipt
from rescind.intake.submissions import MOST, take_in
from rescind.intake.validation import Checked, check
from rescind.ledger.seal import Seal, new_key
from rescind.ledger.storage.transactions import open_ledger
from rescind.provider.outcomes import InvalidRequestError
from tests.ledger.build import BY

ACCOUNTS = Accounts(
    {(p.name, "default"): LaneConfig(provider=p, policy=p.policy) for p in PROVIDERS}
)

NOTPANEL_SPOILER = "ord_bad01HG9X7KJP4N"
ITHINK_SPOILER = "BAD86210010463"

MISTAKES = {
    "refused:by-hand": "key must not begin with refused:",
    "wrong-account-form": "account must be 1 to 64 letters",
    "wrong-account-unknown": "account outlet of notpanel is not in the accounts file",
    "wrong-all-and-some": "is_all must be true, or cancel_items name some",
    "wrong-amount": "forced_refund_amount: must be an amount",
    "wrong-group-too-long": "group must be 1 to 200 printable characters",
    "wrong-item-id": "cancel_items: must name order items by their ids",
    "wrong-item-twice": "cancel_items: names an order item twice",
    "wrong-metadata-not-json": "metadata is not JSON",
    "wrong-order-missing": "order is required",
    "wrong-order-too-long": "order must be the order's id, such as ord_01HG9X7KJP4N",
    "wrong-order-too-short": "order must be the shipment's AWB number",
    "wrong-order-turkish-letters": "up to 64 letters, digits, _ and -",
    "wrong-order-two-awbs": "order must be the shipment's AWB number",
    "wrong-order-with-dots": "order must be the orderId that send-sms returned",
    "wrong-order-with-slash": "order must be the order's id (not its order number)",
    "wrong-order-with-space": "order must be the shipment's AWB number",
    "wrong-order-with-zero": "order must be the order's id (not its order number)",
    "wrong-order-without-digit": "with at least one digit",
    "wrong-order-without-hyphens": "order must be the order's payment_key",
    "wrong-params-array": "params must be an object",
    "wrong-params-not-json": "params is not JSON",
    "wrong-params-unknown": "params: remark is not known here",
    "wrong-provider": "provider must be one of iletimerkezi,",
    "wrong-provider-misspelt": "provider must be one of iletimerkezi,",
    "wrong-provider-missing": "provider is required",
    "wrong-reason-id-0": "reason_id must be at least 1",
    "wrong-reason-id-9": "reason_id must be at most 8",
    "wrong-reason-id-as-text": "reason_id must be a whole number",
    "wrong-reason-id-missing": "reason_id is required",
    "wrong-reason-negative": "reasons.101 must be at least 0",
    "wrong-reasons-missing": "reasons is required",
    "wrong-reasons-of-others": "reasons must name the items of cancel_items",
    "wrong-time-form": "not_before must be ISO 8601",
    "wrong-time-without-offset": "cancel_before has no offset from UTC",
    "wrong-times-crossed": "cancel_before must be later than not_before",
}
"""The reason for which each wrong row is refused, by its key."""


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return list(parse(CSV.read_bytes(), CSV.name).rows)


def wrong_with(row: Row, now: datetime) -> str | None:
    if row.wrong is not None:
        return row.wrong
    try:
        check(row.entry, ACCOUNTS, now)
    except InvalidRequestError as error:
        return str(error)
    return None


def good(rows: list[Row], now: datetime) -> list[Checked]:
    """The rows that are valid alone."""
    entries = [row.entry for row in rows if wrong_with(row, now) is None]
    return [check(entry, ACCOUNTS, now) for entry in entries]


def first_of_each(checked: list[Checked]) -> list[Checked]:
    """The rows without those that use an earlier row's key."""
    by_key: dict[tuple[str, str, str], Checked] = {}
    for one in checked:
        by_key.setdefault((one.provider.name, one.account, one.key), one)
    return list(by_key.values())


def test_the_script_writes_the_very_file() -> None:
    assert CSV.read_bytes() == rendered().encode()


def test_exactly_the_intended_rows_are_refused_for_their_own_reasons(
    rows: list[Row], now: datetime
) -> None:
    # The keys come from the CSV itself: a row that cannot be parsed has no entry.
    cells = csv.DictReader(io.StringIO(CSV.read_text(encoding="utf-8"), newline=""))
    keys = [line["key"] for line in cells]
    said = [(key, wrong_with(row, now)) for key, row in zip(keys, rows, strict=True)]
    refused = [(key, words) for key, words in said if words is not None]

    assert sorted(key for key, _ in refused) == sorted(MISTAKES)
    for key, words in refused:
        assert MISTAKES[key] in words, key
        assert len(words) < 500, key


def test_each_provider_has_its_share(rows: list[Row], now: datetime) -> None:
    firsts = first_of_each(good(rows, now))

    assert Counter(one.provider.name for one in firsts) == {
        "notpanel": 600,
        "ithink": 600,
        "iletimerkezi": 320,
        "dukkango": 240,
        "akinon": 200,
    }
    assert len({(one.provider.name, one.order) for one in firsts}) == 1960


def test_akinon_orders_come_whole_and_in_part(rows: list[Row], now: datetime) -> None:
    akinon = [one for one in good(rows, now) if one.provider.name == "akinon"]
    items = {item for one in akinon for item in one.params["reasons"]}

    assert len({one.order for one in akinon}) == len(akinon)
    assert items == {"101", "102", "103"}
    assert {bool(one.params.get("is_all")) for one in akinon} == {True, False}
    paid_back = [one.personal for one in akinon if one.personal]
    assert 0 < len(paid_back) < 10
    for personal in paid_back:
        assert {iban[:4] for iban in personal["ibans"].values()} == {"TR00"}


def test_one_order_spoils_a_batch_at_each_of_the_two_that_batch(
    rows: list[Row], now: datetime
) -> None:
    orders = [one.order for one in good(rows, now)]

    assert [one for one in orders if one.startswith("ord_bad")] == [NOTPANEL_SPOILER]
    assert [one for one in orders if one.startswith("BAD")] == [ITHINK_SPOILER]


def test_some_rows_have_their_time(rows: list[Row], now: datetime) -> None:
    checked = good(rows, now)

    late = [one.cancel_before for one in checked if one.cancel_before is not None]
    later = [one.not_before for one in checked if one.not_before is not None]
    assert 5 <= len(late) <= 10
    assert set(late) == {now + timedelta(minutes=10)}
    assert later == [now + timedelta(seconds=3)]


def test_the_ledger_accepts_the_good_rows_once(
    rows: list[Row], now: datetime, sqlite_ledger_url: str
) -> None:
    entries = [row.entry for row in rows if row.wrong is None]
    engine, seal = open_ledger(sqlite_ledger_url), Seal(new_key())
    try:
        taken = [
            one
            for at in range(0, len(entries), MOST)
            for one in take_in(
                engine, ACCOUNTS, seal, entries[at : at + MOST], now, by=BY
            )
        ]
    finally:
        engine.dispose()
    receipts = Counter(one.receipt for one in taken)
    conflicts = sorted(
        one.wrong for one in taken if one.wrong and "use another key" in one.wrong
    )

    assert len(rows) == 2000
    assert receipts[Receipt.ACCEPTED] == 1960
    assert receipts[Receipt.DUPLICATE] == 2
    assert len(conflicts) == 2
    assert "was submitted with other params" in conflicts[0]
    assert "stands for order" in conflicts[1]
