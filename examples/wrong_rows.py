"""The 36 rows of ``cancellations.csv`` that are refused for their content."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping

from examples.example_rows import ITEMS, Row, cell, digest


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
    yield Row("notpanl", f"{order}01", key="wrong-provider-misspelt")
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
