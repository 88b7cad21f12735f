"""The params of an Akinon cancel: every parameter that its page names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import (
    BeforeValidator,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from rescind.provider.interface import Params

SEALED_PARAMS = frozenset({"ibans", "holder_names"})
"""Personal data: sealed in the ledger, and masked where a reply quotes it."""


def item_id(value: object) -> int:
    """An order item's id, given as a number or as digits."""
    text = "" if isinstance(value, bool) else value
    if isinstance(text, int | str) and re.fullmatch(r"[0-9]{1,18}", str(text)):
        return int(text)
    raise ValueError("must name order items by their ids, which are whole numbers")


def _item_ids(value: object) -> list[int]:
    found = [item_id(one) for one in (value if isinstance(value, list) else [None])]
    if len(set(found)) < len(found):
        raise ValueError("names an order item twice")
    return found


def _by_item(value: object) -> dict[str, Any]:
    # Checked here, not by pydantic: its message would show a key that is an IBAN.
    if not isinstance(value, Mapping) or not value:
        raise ValueError("must map each order item's id to its value")
    found = {str(item_id(key)): one for key, one in value.items()}
    if len(found) < len(value):
        raise ValueError("names an order item twice")
    return found


Words = Annotated[str, StringConstraints(min_length=1, max_length=255)]
ByItem = BeforeValidator(_by_item)


class AkinonParams(Params):
    """``is_all``, or ``cancel_items``; both need a reason for each item."""

    is_all: bool = Field(
        default=False,
        title="Cancel the whole order",
        description="Choose yes to cancel all items of the order. To cancel only some"
        " items, leave it empty, and name these items in the next field.",
    )
    cancel_items: Annotated[list[int], BeforeValidator(_item_ids)] = Field(
        default_factory=list,
        title="Items to cancel",
        description="Only if a part of the order is cancelled: the ids of its items at"
        " the shop. An id is a whole number.",
        examples=[[4711, 4712]],
    )
    reasons: Annotated[dict[str, Annotated[int, Field(ge=0)]], ByItem] = Field(
        title="Reason for each item",
        description="For each item that is cancelled: its id, and the id of the reason."
        " If the whole order is cancelled, name each of its items. Each shop has its"
        " own reasons: ask the shop's administrator for their ids.",
        examples=[{"4711": 12, "4712": 12}],
    )
    forced_refund_amount: str | None = Field(
        default=None,
        title="Fixed refund",
        description="The amount to refund, with a point before the decimals. If it is"
        " empty, the shop computes the amount.",
        examples=["12.50"],
    )
    is_cargo_refund: bool = Field(
        default=False,
        title="Refund the shipping costs",
        description="Whether the shop is asked to refund the shipping costs, too.",
    )
    refund_invoice_number: Words = Field(
        default="",
        title="Refund invoice",
        description="The number of the invoice for the refund, if there is one.",
        examples=["IAD2026000000012"],
    )
    ibans: Annotated[dict[str, Words], ByItem] = Field(
        default_factory=dict,
        title="IBAN for each item",
        description="Only if the refund is a bank transfer: for each item, its id, and"
        " the IBAN that gets the refund. IBANs are kept encrypted, and are not shown"
        " again.",
        examples=[{"4711": "TR330006100519786457841326"}],
    )
    holder_names: Annotated[dict[str, Words], ByItem] = Field(
        default_factory=dict,
        title="Account holder for each item",
        description="Only if the refund is a bank transfer: for each item, its id, and"
        " the name of the bank account's holder. Names are kept encrypted, and are not"
        " shown again.",
        examples=[{"4711": "Ayşe Yılmaz"}],
    )
    return_details: bool = Field(
        default=True,
        title="Answer with the order",
        description="Whether the shop answers a cancel with the whole order. Leave it"
        " empty: without that answer, Rescind has to read the order afterwards.",
    )

    @field_validator("forced_refund_amount")
    @classmethod
    def _is_an_amount(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,4})?", value):
            raise ValueError('must be an amount as text, such as "12.50", or null')
        return value

    @model_validator(mode="after")
    def _whole_or_some(self) -> Self:
        if self.is_all == bool(self.cancel_items):
            raise ValueError("is_all must be true, or cancel_items name some items")
        items = {str(item) for item in self.cancel_items}
        if items and items != set(self.reasons):
            raise ValueError("reasons must name the items of cancel_items, no others")
        return self


# --- one canonical form for all spellings ---------------------------------------------

IBAN = re.compile(r"[A-Za-z]{2}[0-9]{2}[0-9A-Za-z]{11,30}")


def canonical(params: Mapping[str, Any]) -> dict[str, Any]:
    """Checked ``params`` in the one form that all their spellings share."""
    return {
        name: CANONICAL[name](value) if name in CANONICAL else value
        for name, value in params.items()
    }


def _items(value: list[int]) -> list[int]:
    return sorted(value)


def _amount(value: str) -> str:
    """``12.50`` and ``012.5`` are one amount, written with two decimals or more."""
    amount = Decimal(value).normalize()
    rounded = amount.quantize(Decimal("0.01"))
    return f"{rounded if rounded == amount else amount:f}"


def _ibans(value: Mapping[str, str]) -> dict[str, str]:
    return {item: _iban(one) for item, one in value.items()}


def _iban(value: str) -> str:
    """``value`` in the electronic form, without spaces, if it looks like an IBAN."""
    bare = "".join(value.split())
    return bare.upper() if IBAN.fullmatch(bare) else value


def _names(value: Mapping[str, str]) -> dict[str, str]:
    return {item: " ".join(one.split()) or one for item, one in value.items()}


CANONICAL: Mapping[str, Callable[[Any], Any]] = {
    "cancel_items": _items,
    "forced_refund_amount": _amount,
    "ibans": _ibans,
    "holder_names": _names,
}
