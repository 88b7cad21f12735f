"""Writes ``cancellations.csv``: 2,000 cancellations, 40 of them wrong.

    python examples/make_cancellations.py

The file is always the same, byte for byte: values that look random come from a hash.
All ids are made up, in the form that each provider uses. An empty cell is an absent
field; ``params`` and ``metadata`` are JSON objects.

36 of the wrong rows are refused, each for another mistake, which its ``key`` names.
(In one row, the key itself is the mistake.) The other 4 are valid alone, and wrong only
after another row: two repeat a row exactly, which changes nothing, and two use the key
of another cancellation, and are refused.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
CSV = HERE / "cancellations.csv"

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""The letters of a ULID."""
GROUPS = ("storm-izmir", "stock-count", "fraud-check", "closed-for-bayram")
ITEMS = (101, 102, 103)
"""The items that each Akinon order has."""
NO_IBAN = "TR00 0000 0000 0000 0000 0000 00"
"""Has the form of an IBAN, but is not valid: check digits are never 00."""


class Row(NamedTuple):
    """One row. The names of the fields are the file's header."""

    provider: str
    order: str
    account: str = ""
    key: str = ""
    not_before: str = ""
    cancel_before: str = ""
    group: str = ""
    params: str = ""
    metadata: str = ""


# --- values that look random --------------------------------------------------------


def digest(*words: object) -> bytes:
    """Bytes that look random and depend only on ``words``."""
    return hashlib.sha256(":".join(map(str, words)).encode()).digest()


def draw(below: int, *words: object) -> int:
    """A number from 0 to ``below - 1``, always the same for the same ``words``."""
    return int.from_bytes(digest(*words)[:8], "big") % below


def spread(first: int, gap: int, provider: str, number: int) -> str:
    """The ``number``-th of ids that rise from ``first``, ``gap`` apart on average."""
    return str(first + gap * number + draw(gap, provider, number))


def cell(values: Mapping[str, object]) -> str:
    return json.dumps(values, ensure_ascii=False)


# --- good rows ----------------------------------------------------------------------


def notpanel(number: int) -> Row:
    if number == 333:
        # Valid here, but the provider may refuse a whole batch because of it.
        return Row("notpanel", "ord_bad01HG9X7KJP4N")
    drawn = digest("notpanel", number)[:20]
    return Row("notpanel", "ord_01HG9X" + "".join(CROCKFORD[b % 32] for b in drawn))


def ithink(number: int) -> Row:
    if number == 222:
        return Row("ithink", "BAD86210010463")  # as above
    return Row("ithink", spread(86210010463, 37, "ithink", number))


def iletimerkezi(number: int) -> Row:
    return Row("iletimerkezi", spread(312891245, 23, "iletimerkezi", number))


def dukkango(number: int) -> Row:
    payment_key = uuid.UUID(bytes=digest("dukkango", number)[:16], version=4)
    reason = {"reason_id": number % 8 + 1}
    return Row("dukkango", str(payment_key), params=cell(reason))


def akinon(number: int) -> Row:
    """Two of three rows cancel the whole order; a few name an IBAN for the refund."""
    order = spread(1048201, 11, "akinon", number)
    items: tuple[int, ...] = ITEMS
    params: dict[str, object] = {"is_all": True}
    if number % 3 == 2:
        count, first = 1 + draw(2, "items", number), draw(3, "first", number)
        items = tuple(sorted((ITEMS * 2)[first : first + count]))
        params = {"cancel_items": items}
    params["reasons"] = {str(item): 2 for item in items}
    if number % 40 == 5:
        params["ibans"] = {str(item): NO_IBAN for item in items}
        params["holder_names"] = {str(item): "Örnek Müşteri" for item in items}
    return Row("akinon", order, params=cell(params))


SHARES = (
    (notpanel, 600),
    (ithink, 600),
    (iletimerkezi, 320),
    (dukkango, 240),
    (akinon, 200),
)


def good_rows() -> Iterator[Row]:
    """The 1,960 good rows, provider by provider."""
    plain = (make(number) for make, share in SHARES for number in range(share))
    for number, row in enumerate(plain):
        yield _dressed(number, row)


def _dressed(number: int, row: Row) -> Row:
    """``row`` with some of the optional fields that all providers have."""
    shop_order = str(1001 + number)
    if draw(4, "metadata", number) == 0:
        row = row._replace(metadata=cell({"shop_order": shop_order}))
    if draw(10, "key", number) == 0:
        row = row._replace(key=f"shop-{shop_order}")
    if draw(5, "group", number) == 0:
        row = row._replace(group=GROUPS[draw(len(GROUPS), "which", number)])
    if draw(25, "account", number) == 0:
        row = row._replace(account="default")
    if number % 300 == 150:
        row = row._replace(cancel_before="+10m")
    if number == 700:
        row = row._replace(not_before="+3s")
    return row


# --- wrong rows ---------------------------------------------------------------------


def wrong_rows() -> Iterator[Row]:
    """The 36 rows that are refused for their content."""
    yield from _wrong_anywhere()
    yield from _wrong_orders()
    yield from _wrong_for_dukkango()
    yield from _wrong_for_akinon()


def _wrong_anywhere() -> Iterator[Row]:
    order = "ord_01HG9YWR0NG"
    ithink_order = "8621009900"
    yield Row("yurtici", "4410023981", key="wrong-provider")
    yield Row("NotPanel", f"{order}01", key="wrong-provider-capitals")
    yield Row("", f"{order}02", key="wrong-provider-missing")
    yield Row("notpanel", f"{order}03", "outlet", "wrong-account-unknown")
    yield Row("ithink", f"{ithink_order}1", "big shop", "wrong-account-form")
    yield Row("notpanel", f"{order}04", key="refused:by-hand")
    yield Row(
        "notpanel",
        f"{order}05",
        key="wrong-group-too-long",
        group="a-group-without-end-" * 11,
    )
    yield Row(
        "ithink",
        f"{ithink_order}2",
        key="wrong-time-without-offset",
        cancel_before="2031-01-20T18:00:00",
    )
    yield Row(
        "iletimerkezi", "312990001", key="wrong-time-form", not_before="20.01.2031"
    )
    yield Row(
        "notpanel",
        f"{order}06",
        key="wrong-times-crossed",
        not_before="+1h",
        cancel_before="+10m",
    )
    yield Row(
        "notpanel", f"{order}07", key="wrong-params-not-json", params="{refill: 1"
    )
    yield Row("iletimerkezi", "312990002", key="wrong-params-array", params="[4]")
    yield Row(
        "ithink",
        f"{ithink_order}3",
        key="wrong-params-unknown",
        params=cell({"remark": "Müşteri vazgeçti"}),
    )
    yield Row(
        "iletimerkezi",
        "312990003",
        key="wrong-metadata-not-json",
        metadata="shop order 1001",
    )


def _wrong_orders() -> Iterator[Row]:
    yield Row("notpanel", "", key="wrong-order-missing")
    yield Row("notpanel", "ord_01HG9YŞĞİ4N", key="wrong-order-turkish-letters")
    yield Row("notpanel", "ord_" + "01HG9X7KJP4N" * 833, key="wrong-order-too-long")
    yield Row("notpanel", "ord_pending", key="wrong-order-without-digit")
    yield Row("ithink", "86210099005,86210099006", key="wrong-order-two-awbs")
    yield Row("ithink", "86210 099007", key="wrong-order-with-space")
    yield Row("ithink", "862", key="wrong-order-too-short")
    yield Row("iletimerkezi", "312.990.004", key="wrong-order-with-dots")


def _wrong_for_dukkango() -> Iterator[Row]:
    def row(number: int, key: str, params: Mapping[str, object]) -> Row:
        order = uuid.UUID(bytes=digest("wrong", number)[:16], version=4)
        return Row("dukkango", str(order), key=key, params=cell(params))

    yield row(1, "wrong-reason-id-9", {"reason_id": 9})
    yield row(2, "wrong-reason-id-0", {"reason_id": 0})
    yield row(3, "wrong-reason-id-as-text", {"reason_id": "4"})
    yield row(4, "wrong-reason-id-missing", {})
    bare = row(5, "wrong-order-without-hyphens", {"reason_id": 4})
    yield bare._replace(order=bare.order.replace("-", ""))


def _wrong_for_akinon() -> Iterator[Row]:
    def row(order: str, key: str, **params: object) -> Row:
        return Row("akinon", order, key=key, params=cell(params))

    whole = {str(item): 2 for item in ITEMS}
    one = {"101": 2}
    yield row("1060001/2", "wrong-order-with-slash", is_all=True, reasons=whole)
    yield row("0106002", "wrong-order-with-zero", is_all=True, reasons=whole)
    yield row("1060003", "wrong-reasons-missing", is_all=True)
    yield row(
        "1060004", "wrong-all-and-some", is_all=True, cancel_items=[101], reasons=one
    )
    yield row("1060005", "wrong-reasons-of-others", cancel_items=[102], reasons=one)
    yield row("1060006", "wrong-item-twice", cancel_items=[101, 101], reasons=one)
    yield row("1060007", "wrong-item-id", cancel_items=["SKU-7"], reasons=one)
    yield row("1060008", "wrong-reason-negative", is_all=True, reasons={"101": -1})
    yield row(
        "1060009",
        "wrong-amount",
        cancel_items=[101],
        reasons=one,
        forced_refund_amount="12,50",
    )


def late_rows(good: list[Row]) -> Iterator[tuple[Row, Row, int]]:
    """4 rows that are wrong only after another: the other, the row, the distance."""
    plain = [row for row in good if not row.key and not row.not_before]
    twice = next(row for row in plain if row.provider == "notpanel" and row.metadata)
    yield twice, twice, 1
    twice = next(row for row in plain if row.provider == "ithink" and row.group)
    yield twice, twice, 450
    keyed = next(row for row in good if row.provider == "notpanel" and row.key)
    yield keyed, keyed._replace(order="ord_01HG9YWR0NG08"), 60
    reasoned = next(row for row in plain if row.provider == "dukkango")
    yield reasoned, reasoned._replace(params=cell({"reason_id": 8})), 200


# --- all of them --------------------------------------------------------------------


def all_rows() -> list[Row]:
    """The 2,000 rows, shuffled; a late row comes after the one that it repeats."""
    good = list(good_rows())
    rows = sorted([*good, *wrong_rows()], key=lambda row: digest("shuffle", *row))
    for earlier, late, distance in late_rows(good):
        rows.insert(min(rows.index(earlier) + distance, len(rows)), late)
    return rows


def rendered() -> str:
    """The whole file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Row._fields)
    writer.writerows(all_rows())
    return text.getvalue()


if __name__ == "__main__":
    CSV.write_text(rendered(), encoding="utf-8", newline="\n")
    print(f"{CSV.name}: {len(all_rows())} rows")
